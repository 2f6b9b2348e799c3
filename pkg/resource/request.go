package resource

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Version identifies what check found: a component set
// ({"concourse": "8.2.5", "stemcell": "1.484"}) or a director task ({"task": "1234"}).
type Version map[string]string

// Equal says whether both name the same thing.
func (v Version) Equal(other Version) bool { return maps.Equal(v, other) }

// Task is the director task of a deployment's version. It fails when the
// version is not of the form {"task": "1234"}.
func (v Version) Task() (int, error) {
	id, err := strconv.Atoi(v["task"])
	if err != nil || id < 0 || len(v) != 1 {
		return 0, fmt.Errorf("decode version: want {\"task\": \"1234\"}, got %s", compact(v))
	}
	return id, nil
}

// TaskVersion is the version of a deployment after the director task id.
func TaskVersion(id int) Version { return Version{"task": strconv.Itoa(id)} }

// CheckRequest is the stdin of check.
type CheckRequest struct {
	Source  Source  `json:"source"`
	Version Version `json:"version"` // absent at the first check
}

// InRequest is the stdin of in.
type InRequest struct {
	Source  Source   `json:"source"`
	Version Version  `json:"version"`
	Params  InParams `json:"params"`
}

// InParams are the params of a get step.
type InParams struct {
	Download any      `json:"download"` // components: "all" or a list of their names
	Verify   bool     `json:"verify"`   // deployment: fail unless the upgrade is good
	Timeout  Duration `json:"timeout"`  // deployment: how long to wait for it, default 30m; components: for all of it, default 1h
}

// OutRequest is the stdin of out.
type OutRequest struct {
	Source Source    `json:"source"`
	Params OutParams `json:"params"`
}

// OutParams are the params of a put step on a deployment. Paths are relative to
// the build's directory.
type OutParams struct {
	Components  string          `json:"components"` // directory of a get of components: "components"
	Manifest    string          `json:"manifest"`   // default: the bundled Concourse manifest
	OpsFiles    []string        `json:"ops_files"`
	Vars        map[string]any  `json:"vars"`
	VarsFiles   []string        `json:"vars_files"`
	CloudConfig string          `json:"cloud_config"` // set on the director before the deploy when it differs
	Pipeline    *PipelineParams `json:"pipeline"`     // default: the bundled self-upgrade pipeline
	Detach      *bool           `json:"detach"`       // default true: answer when the director has accepted
	DryRun      bool            `json:"dry_run"`      // show the differences, change nothing
	Recreate    bool            `json:"recreate"`
	Fix         bool            `json:"fix"`
	SkipDrain   []string        `json:"skip_drain"`    // instance groups, or ["*"]
	Canaries    any             `json:"canaries"`      // 1 or "10%"
	MaxInFlight any             `json:"max_in_flight"` // 1 or "10%"
	LockTimeout Duration        `json:"lock_timeout"`  // how long to wait for another deploy to end; default 5m
	Attempts    int             `json:"attempts"`      // how often the same content may fail until a deploy is done again; default 3
	Timeout     Duration        `json:"timeout"`       // deadline of the whole step; default 1h
	Upgrade     UpgradeParams   `json:"upgrade"`       // how Concourse's own processes are replaced
	// AllowDowngrade takes a lower version of Concourse or postgres than the one that is
	// deployed, where the database and the workers allow it.
	AllowDowngrade bool `json:"allow_downgrade"`
	// IgnoreSet lists the components of the set that the manifest need not take.
	IgnoreSet []string `json:"ignore_set"`
	// Adopt lets the bundled manifest take over a deployment of another one.
	Adopt bool `json:"adopt"`
}

// UpgradeParams say in what way the web and the workers are replaced.
type UpgradeParams struct {
	Way            string   `json:"way"`              // auto, web-first, workers-first or quiet; default auto
	QuietTimeout   Duration `json:"quiet_timeout"`    // how long a quiet upgrade waits for builds to end; default 30m
	OnQuietTimeout string   `json:"on_quiet_timeout"` // go or give up; default give up
	Colocate       *bool    `json:"colocate"`         // default true: lay the release perpetual in beside the web
}

// PipelineParams say which pipeline is set before the deploy.
type PipelineParams struct {
	Name         string         `json:"name"` // default: the build's own pipeline
	File         string         `json:"file"` // default: the bundled self-upgrade pipeline
	OpsFiles     []string       `json:"ops_files"`
	Vars         map[string]any `json:"vars"`
	VarsFiles    []string       `json:"vars_files"`
	InstanceVars map[string]any `json:"instance_vars"`
	Skip         bool           `json:"skip"` // set no pipeline
}

// DecodeCheck reads and validates the request of check.
func DecodeCheck(r io.Reader) (CheckRequest, error) {
	var req CheckRequest
	if err := decodeStrict(r, &req); err != nil {
		return CheckRequest{}, err
	}
	return req, req.Source.Validate()
}

// DecodeIn reads and validates the request of in.
func DecodeIn(r io.Reader) (InRequest, error) {
	var req InRequest
	if err := decodeStrict(r, &req); err != nil {
		return InRequest{}, err
	}
	if err := req.Source.Validate(); err != nil {
		return InRequest{}, err
	}
	if len(req.Version) == 0 {
		return InRequest{}, errors.New("decode version: it is missing")
	}
	return req, req.Params.validate(req.Source)
}

// DecodeOut reads and validates the request of out.
func DecodeOut(r io.Reader) (OutRequest, error) {
	var req OutRequest
	if err := decodeStrict(r, &req); err != nil {
		return OutRequest{}, err
	}
	if err := req.Source.Validate(); err != nil {
		return OutRequest{}, err
	}
	if req.Source.IsComponents() {
		return OutRequest{}, errors.New("validate source: components can only be fetched; put goes to a resource with deployment")
	}
	return req, req.Params.validate()
}

func (p InParams) validate(s Source) error {
	if !s.IsComponents() {
		if p.Download != nil {
			return errors.New("validate params: download is for components")
		}
		return nil
	}
	if p.Verify {
		return errors.New("validate params: verify is for a deployment")
	}
	names, err := p.Downloads(s)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, known := s.Watch[name]; !known {
			return fmt.Errorf("validate params.download: there is no component %q in source.watch", name)
		}
	}
	return nil
}

// Downloads lists the components whose files are to be fetched.
func (p InParams) Downloads(s Source) ([]string, error) {
	switch v := p.Download.(type) {
	case nil:
		return nil, nil
	case string:
		if v != "all" {
			return nil, fmt.Errorf("validate params.download: want all or a list of component names, got %q", v)
		}
		names := make([]string, 0, len(s.Watch))
		for name := range s.Watch {
			names = append(names, name)
		}
		return names, nil
	case []any:
		names := make([]string, 0, len(v))
		for _, item := range v {
			name, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("validate params.download: want names, got %s", jsonKind(item))
			}
			names = append(names, name)
		}
		return names, nil
	}
	return nil, fmt.Errorf("validate params.download: want all or a list of component names, got %s", jsonKind(p.Download))
}

// count is what BOSH takes for canaries and max_in_flight.
var count = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+%?$`) })

func (p OutParams) validate() error {
	for key, value := range map[string]any{"canaries": p.Canaries, "max_in_flight": p.MaxInFlight} {
		if value != nil && !count().MatchString(Count(value)) {
			return fmt.Errorf("validate params.%s: want a number or a percentage like \"10%%\", got %v", key, value)
		}
	}
	if err := p.Upgrade.validate(); err != nil {
		return err
	}
	if p.Attempts < 0 {
		return fmt.Errorf("validate params.attempts: want a number above 0, got %d", p.Attempts)
	}
	if p.Pipeline != nil {
		return p.Pipeline.validate()
	}
	return nil
}

func (p PipelineParams) validate() error {
	if p.File == "" && len(p.InstanceVars) > 0 && p.Name == "" {
		return errors.New("validate params.pipeline: instance_vars need a name")
	}
	if i := strings.IndexAny(p.Name, "/?#"); i >= 0 {
		return fmt.Errorf("validate params.pipeline.name: the name of a pipeline cannot contain %q, got %q; instance vars go into params.pipeline.instance_vars", p.Name[i:i+1], p.Name)
	}
	return nil
}

// Ways are the values of params.upgrade.way.
var Ways = []string{"auto", "web-first", "workers-first", "quiet"}

// What a quiet upgrade does when builds still run after its quiet_timeout.
const (
	QuietGo     = "go"      // go on: these builds are lost
	QuietGiveUp = "give up" // unpause and fail
)

func (u UpgradeParams) validate() error {
	if u.Way != "" && !slices.Contains(Ways, u.Way) {
		return fmt.Errorf("validate params.upgrade.way: want %s, got %q", strings.Join(Ways, ", "), u.Way)
	}
	if u.OnQuietTimeout != "" && u.OnQuietTimeout != QuietGo && u.OnQuietTimeout != QuietGiveUp {
		return fmt.Errorf("validate params.upgrade.on_quiet_timeout: want %q or %q, got %q", QuietGo, QuietGiveUp, u.OnQuietTimeout)
	}
	return nil
}

// Colocated says whether the release perpetual is colocated with the web.
func (u UpgradeParams) Colocated() bool { return u.Colocate == nil || *u.Colocate }

// Count is a number or percentage as the director takes it in a query; "" when absent.
func Count(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// Detached says whether out answers when the director has accepted the deploy.
func (p OutParams) Detached() bool { return p.Detach == nil || *p.Detach }
