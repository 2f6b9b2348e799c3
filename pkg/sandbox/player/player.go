package player

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// terminate is the signal with which Concourse ends a step.
var terminate = syscall.SIGTERM

// ATC is the Concourse whose pipeline is played.
type ATC interface {
	// Config gives the pipeline's config as it is set at the moment.
	Config() ([]byte, error)
	// Start starts a build of a job. It fails when no worker takes its container.
	Start(job string, interruptible bool) (Build, error)
}

// Build is one run of a job.
type Build interface {
	Name() string
	Env() []string
	Log() io.Writer
	// Step gives a step its container; without a worker that takes it, the build errors.
	Step(resourceType string) error
	// Finish ends the build as succeeded, failed or errored.
	Finish(status string) error
	Status() string
}

// Player plays one pipeline.
type Player struct {
	ATC         ATC
	Program     string            // path of the resource's program
	Credentials map[string]string // what the credential manager knows
	// Observe hears what the player does, in words for people.
	Observe func(Happening)
	// AfterPut, if set, is called after a put, before its implicit get and the
	// end of the build: what happens meanwhile finds the build still running.
	AfterPut func(ctx context.Context, job string)

	known map[string][]Version       // by resource, oldest first
	used  map[string]map[string]bool // by job and get: versions that builds have had
}

// Happening is something that the player did.
type Happening struct {
	Kind     string // "check", "get", "put", "build"
	Job      string // "upgrade"
	Build    string // "3"
	Resource string // "components"
	Versions []Version
	Metadata []Field
	Status   string // of a build that ended
	Err      error
}

// Field is one line of metadata.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Result is what in and out print.
type Result struct {
	Version  Version `json:"version"`
	Metadata []Field `json:"metadata"`
}

// Outcome is how a build ended.
type Outcome struct {
	Job, Build, Status string
	Err                error // of the step that ended it
	Results            map[string]Result
}

// Tick checks every resource once and runs the builds that this triggers, one
// after the other. It fails when the pipeline cannot be played; a failing check
// or build is an outcome, as it is for Concourse.
func (p *Player) Tick(ctx context.Context) ([]Outcome, error) {
	c, err := p.config()
	if err != nil {
		return nil, err
	}
	for _, r := range c.Resources {
		if r.CheckEvery != "never" {
			if err := p.check(ctx, r); err != nil {
				p.observe(Happening{Kind: "check", Resource: r.Name, Err: err})
			}
		}
	}
	var outcomes []Outcome
	for _, j := range c.Jobs {
		if p.triggered(j) {
			outcome, err := p.run(ctx, c, j)
			if err != nil {
				return outcomes, err
			}
			outcomes = append(outcomes, outcome)
		}
	}
	return outcomes, ctx.Err()
}

// Trigger runs a job by hand with the newest versions.
func (p *Player) Trigger(ctx context.Context, name string) (Outcome, error) {
	c, err := p.config()
	if err != nil {
		return Outcome{}, err
	}
	for _, j := range c.Jobs {
		if j.Name == name {
			return p.run(ctx, c, j)
		}
	}
	return Outcome{}, fmt.Errorf("the pipeline has no job %s", name)
}

func (p *Player) config() (config, error) {
	if p.known == nil {
		p.known, p.used = map[string][]Version{}, map[string]map[string]bool{}
	}
	text, err := p.ATC.Config()
	if err != nil {
		return config{}, err
	}
	return parse(text)
}

// check asks for versions from the newest known one on.
func (p *Player) check(ctx context.Context, r resource) error {
	source, err := resolve(r.Source, p.Credentials)
	if err != nil {
		return err
	}
	request := map[string]any{"source": source}
	known := p.known[r.Name]
	if len(known) > 0 {
		request["version"] = known[len(known)-1]
	}
	var found []Version
	if err := Run(ctx, p.Program, Process{Verb: "check", Stdin: request, Stderr: io.Discard}, &found); err != nil {
		return err
	}
	var fresh []Version
	for _, v := range found {
		if !contains(known, v) {
			fresh = append(fresh, v)
		}
	}
	p.known[r.Name] = append(known, fresh...)
	if len(fresh) > 0 {
		p.observe(Happening{Kind: "check", Resource: r.Name, Versions: fresh})
	}
	return nil
}

// triggered says whether a get of the job has a new version to run with, and
// all of them have any.
func (p *Player) triggered(j job) bool {
	fresh := false
	for _, s := range j.Plan {
		if s.Get == "" {
			continue
		}
		versions := p.known[s.resource()]
		if len(versions) == 0 {
			return false
		}
		newest := versions[len(versions)-1]
		fresh = fresh || (s.Trigger && !p.used[j.Name+" "+s.Get][newest.key()])
	}
	return fresh
}

// run plays a build. Steps run in one directory, each get in a folder of its name.
func (p *Player) run(ctx context.Context, c config, j job) (outcome Outcome, err error) {
	b, err := p.ATC.Start(j.Name, j.Interruptible)
	if err != nil {
		return Outcome{}, fmt.Errorf("start job %s: %w", j.Name, err)
	}
	outcome = Outcome{Job: j.Name, Build: b.Name(), Results: map[string]Result{}}
	p.observe(Happening{Kind: "build", Job: j.Name, Build: b.Name(), Status: "started"})
	dir, err := os.MkdirTemp("", "build-")
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	for _, s := range j.Plan {
		if outcome.Err = p.step(ctx, c, j, s, b, dir, outcome.Results); outcome.Err != nil {
			break
		}
	}
	status := "succeeded"
	if outcome.Err != nil {
		status = "failed"
		_, _ = fmt.Fprintln(b.Log(), outcome.Err)
	}
	if err := b.Finish(status); err != nil {
		return outcome, err
	}
	outcome.Status = b.Status()
	p.observe(Happening{Kind: "build", Job: j.Name, Build: b.Name(), Status: outcome.Status, Err: outcome.Err})
	return outcome, nil
}

// step runs a get, or a put with its implicit get.
func (p *Player) step(ctx context.Context, c config, j job, s step, b Build, dir string, results map[string]Result) error {
	r, _ := c.resource(s.resource())
	if err := b.Step(r.Type); err != nil {
		return err
	}
	source, err := resolve(r.Source, p.Credentials)
	if err != nil {
		return err
	}
	params, err := resolve(s.Params, p.Credentials)
	if err != nil {
		return err
	}
	if s.Get != "" {
		versions := p.known[r.Name]
		version := versions[len(versions)-1]
		key := j.Name + " " + s.Get
		if p.used[key] == nil {
			p.used[key] = map[string]bool{}
		}
		p.used[key][version.key()] = true
		return p.get(ctx, s.Get, source, params, version, j, b, dir, results)
	}
	var result Result
	request := map[string]any{"source": source, "params": params}
	if err := Run(ctx, p.Program, Process{Verb: "out", Stdin: request, Dir: dir, Env: b.Env(), Stderr: b.Log()}, &result); err != nil {
		return err
	}
	results[s.Put] = result
	p.observe(Happening{Kind: "put", Job: j.Name, Build: b.Name(), Resource: s.Put, Versions: []Version{result.Version}, Metadata: result.Metadata})
	if p.AfterPut != nil {
		p.AfterPut(ctx, j.Name)
	}
	if s.NoGet {
		return nil
	}
	if err := b.Step(r.Type); err != nil { // the implicit get is a container of its own
		return err
	}
	return p.get(ctx, s.Put, source, nil, result.Version, j, b, dir, results)
}

func (p *Player) get(ctx context.Context, name string, source, params any, version Version, j job, b Build, dir string, results map[string]Result) error {
	var result Result
	request := map[string]any{"source": source, "version": version}
	if params != nil && len(params.(map[string]any)) > 0 {
		request["params"] = params
	}
	process := Process{Verb: "in", Stdin: request, Dir: filepath.Join(dir, name), Env: b.Env(), Stderr: b.Log()}
	if err := Run(ctx, p.Program, process, &result); err != nil {
		return err
	}
	results[name] = result
	p.observe(Happening{Kind: "get", Job: j.Name, Build: b.Name(), Resource: name, Versions: []Version{result.Version}, Metadata: result.Metadata})
	return nil
}

func (p *Player) observe(h Happening) {
	if p.Observe != nil {
		p.Observe(h)
	}
}

func contains(list []Version, v Version) bool {
	for _, known := range list {
		if known.key() == v.key() {
			return true
		}
	}
	return false
}
