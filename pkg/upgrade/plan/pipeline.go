package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// BundledPipeline is the pipeline's name where neither params nor the build give one.
const BundledPipeline = "self-upgrade"

// DefaultTeam is the team of a source that names none.
const DefaultTeam = "main"

// PipelineConfig is the pipeline to set, rendered and validated.
type PipelineConfig struct {
	Skip    string // why none is set; "" where one is
	Ref     concourse.Pipeline
	Bundled bool           // made from the bundled pipeline
	Config  []byte         // rendered
	Kept    map[string]any // the values that the running pipeline has
	program string         // version of the Perpetual that this build's pipeline has, where it is that one
	foreign concourse.Foreign
}

// whenDown is the way out when Concourse itself does not answer.
const whenDown = "if Concourse is down because a deploy died, put with params.pipeline.skip: true from outside of it"

// RenderPipeline renders the pipeline to set, over the one that is set.
func (p *Plan) RenderPipeline(ctx context.Context) (err error) {
	p.Pipeline, err = p.pipelineConfig(ctx)
	return err
}

// pipelineConfig is that of RenderPipeline.
func (p *Plan) pipelineConfig(ctx context.Context) (PipelineConfig, error) {
	asked := Pipeline{}
	if p.Request.Pipeline != nil {
		asked = *p.Request.Pipeline
	}
	if asked.Skip {
		return PipelineConfig{Skip: "skipped, as params.pipeline.skip says"}, nil
	}
	if p.ATC == nil {
		if p.Request.Pipeline != nil {
			return PipelineConfig{}, errors.New("params.pipeline needs source.concourse")
		}
		return PipelineConfig{Skip: "skipped, as the source has no concourse section"}, nil
	}
	set := PipelineConfig{}
	var err error
	if set.Ref, err = p.pipelineRef(asked, p.Request.Team); err != nil {
		return PipelineConfig{}, err
	}
	running, err := p.ATC.PipelineConfig(ctx, set.Ref)
	if concourse.Refused(err) {
		return PipelineConfig{}, err
	}
	if err != nil {
		return PipelineConfig{}, fmt.Errorf("%w; %s", err, whenDown)
	}
	if set.Ref.Name == p.Build.Pipeline {
		set.program = p.Program
	}
	bundled := p.Request.Input.Pipeline.File.Name == ""
	set.Bundled = bundled
	if bundled && asked.Name == "" && running.Exists && !isBundled(running.YAML) {
		return PipelineConfig{}, fmt.Errorf("pipeline %s is not made from the bundled one, which would replace it; give params.pipeline.file, params.pipeline.name, or params.pipeline.skip: true", set.Ref)
	}
	return set, set.render(p, running, bundled)
}

// render fills in the pipeline as fly does. Variables without a value stay in place
// for Concourse's credential manager. The bundled one keeps the values that are set
// now; a user's own file is taken as fly takes it: nothing but the params fills
// it in, so that ((var)) in it can take a literal's place.
func (c *PipelineConfig) render(p *Plan, running concourse.PipelineConfig, bundled bool) (err error) {
	in := p.Request.Input.Pipeline
	t := template.Pipeline{
		File: in.File, OpsFiles: in.OpsFiles, Vars: in.Vars, VarsFiles: in.VarsFiles, InstanceVars: c.Ref.InstanceVars,
	}
	if bundled {
		t.File = template.File{Name: "the bundled pipeline", Text: pipelines.SelfUpgrade()}
		given := append([]map[string]any{p.Request.Input.componentVars(), in.Vars, c.Ref.InstanceVars}, in.VarsFiles...)
		if running.Exists {
			template := template.Template{File: t.File, OpsFiles: t.OpsFiles}
			if c.Kept, err = keep(template, running.YAML, given, "set", "params.pipeline.vars"); err != nil {
				return err
			}
		}
		t.Defaults = append(t.Defaults, pipelines.SelfUpgradeDefaults(p.concourseVersion(), p.Program), c.Kept, p.Request.Input.componentVars())
	}
	if c.Config, err = template.RenderPipeline(t); err != nil || !bundled || !running.Exists {
		return err
	}
	// What people have added by hand, and this program's library knows nothing of.
	c.Config, c.foreign, err = concourse.Keep(running.YAML, c.Config, pipelines.Names())
	return err
}

// programBefore is the version of a program in the running pipeline; "" where it is not
// known. Perpetual's image is named there by a digest: of the set's own it is the set's
// version, of another one that of the program that runs, if it runs from there.
func (c PipelineConfig) programBefore(program component.Component) string {
	if program.Name != ownComponent {
		before, _ := c.Kept[strings.ReplaceAll(program.Name, "-", "_")+"_version"].(string)
		return before
	}
	switch tag, _ := c.Kept[OwnTag].(string); {
	case tag == program.ImageTag():
		return program.Version
	case strings.HasPrefix(tag, "sha256:"):
		return c.program
	default:
		return tag
	}
}

// SayForeign says what people have added to the bundled pipeline, and what of that
// cannot stay.
func (p *Plan) SayForeign() {
	if kept := p.Pipeline.foreign.Kept; len(kept) > 0 {
		p.Say("pipeline %s keeps what the bundled one does not have: %s", p.Pipeline.Ref, strings.Join(kept, ", "))
	}
	if lost := p.Pipeline.foreign.Lost; len(lost) > 0 {
		p.Say("pipeline %s loses steps that the bundled one does not have: %s; add them with params.pipeline.ops_files", p.Pipeline.Ref, strings.Join(lost, ", "))
	}
}

// concourseVersion is the version of Concourse that is deployed, or, in a first
// deploy, the one that will be; "" where neither says.
func (p *Plan) concourseVersion() string {
	deployed, err := inventory.Deployed(p.Deployed)
	if version := deployed.Release(inventory.Concourse); err == nil && version != "" {
		return version
	}
	return p.Stock.Version(inventory.Concourse)
}

// pipelineRef is the pipeline that the request names, else the build's own one, which
// must be in the team that the source may set pipelines in.
func (p *Plan) pipelineRef(asked Pipeline, team string) (concourse.Pipeline, error) {
	ref := concourse.Pipeline{Name: asked.Name, InstanceVars: asked.InstanceVars}
	if ref.Name != "" {
		return ref, nil
	}
	if team = cmp.Or(team, DefaultTeam); p.Build.Team != "" && p.Build.Team != team {
		return concourse.Pipeline{}, fmt.Errorf("this build's pipeline is in team %q, but source.concourse.team is %q; make them the same, or name another pipeline in params.pipeline.name", p.Build.Team, team)
	}
	ref.Name = p.Build.Pipeline
	if ref.Name == "" {
		ref.Name = BundledPipeline
	}
	var err error
	if ref.InstanceVars == nil {
		ref.InstanceVars, err = p.Build.Vars()
	}
	return ref, err
}

// isBundled recognises a pipeline that was made from the bundled one, of this or
// another version, by its jobs and its two sides of the deployment.
func isBundled(text []byte) bool {
	var config struct {
		Resources []struct{ Name, Type string }
		Jobs      []struct{ Name string }
	}
	if yaml.Unmarshal(text, &config) != nil {
		return false
	}
	found := map[string]bool{}
	for _, r := range config.Resources {
		found[r.Type+" "+r.Name] = true
	}
	for _, j := range config.Jobs {
		found["job "+j.Name] = true
	}
	return found["perpetual components"] && found["perpetual deployment"] && found["job upgrade"] && found["job verify"]
}
