package plan

import (
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Request is what one upgrade is to do. The zero value of a field is its default.
type Request struct {
	Deployment string // "concourse"
	Team       string // in which the pipeline is set; "" is main
	Input      Input
	Pipeline   *Pipeline // nil: the build's own, where there is a Concourse

	DryRun bool // compare only
	Wait   bool // for the end of the deploy; otherwise until the director has accepted it

	Recreate    bool
	Fix         bool
	SkipDrain   []string // instance groups, or "*"
	Canaries    string   // "1" or "10%"; "" is what the manifest says
	MaxInFlight string   // likewise

	// Way is that in which web and workers are replaced, "web-first"; "" and "auto" choose one.
	Way          string
	QuietTimeout time.Duration // how long a quiet upgrade waits for builds to end; 0 is 30 m
	GoOn         bool          // a quiet upgrade goes on when that is over
	NoGate       bool          // do not add the job that holds BOSH until the web answers

	AllowDowngrade bool     // take lower versions, where database and workers allow it
	Adopt          bool     // take over a deployment of another manifest
	IgnoreSet      []string // components of the set that the manifest need not take
	Attempts       int      // how often the same content may fail; 0 is 3

	Timeout     time.Duration // of all of it; 0 is 1 h
	LockTimeout time.Duration // how long to wait for another run or deploy to end; 0 is 5 m
}

// Pipeline says which pipeline is set before the deploy.
type Pipeline struct {
	Skip         bool   // none
	Name         string // "" is that of the build
	InstanceVars map[string]any
}

// Input is what an upgrade is made of.
type Input struct {
	Components    []component.Component // the set; its releases and stemcells are brought to the director
	ComponentsDir string                // where the set's downloaded files are; "" without any
	Manifest      template.Template     // without variables
	OwnManifest   bool                  // it is not the bundled one
	Vars          []map[string]any      // of the manifest; the later maps win
	CloudConfig   template.File         // without text: it is left as it is
	Pipeline      PipelineInput
	Notes         []string // what people should know of their files
}

// PipelineInput is what the pipeline is made of. Its variables are those of fly.
type PipelineInput struct {
	File      template.File // without a name: the bundled one
	OpsFiles  []template.File
	Vars      map[string]any
	VarsFiles []map[string]any // the later maps win; below Vars
}

// componentVars are the variables that a component set gives.
func (in Input) componentVars() map[string]any {
	vars := map[string]any{}
	for _, c := range in.Components {
		for key, value := range c.Vars() {
			vars[key] = value
		}
		if c.Name == ownComponent && c.Kind == component.KindGitHub {
			vars[OwnTag] = c.ImageTag()
		}
	}
	return vars
}
