package player

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Queue is an ATC in which people trigger builds, too.
type Queue interface {
	// Take gives a build that has started and that nobody plays; nil: there is none.
	Take() Build
}

// Hasher is an ATC whose database hashes versions in a way that may change.
type Hasher interface {
	// Hash is "md5" or "sha256".
	Hash() string
}

// Build is one run of a job.
type Build interface {
	Name() string
	Job() string
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
	// Lookup, if set, asks the credential manager in the place of Credentials.
	Lookup func(name string) (value string, found bool)
	// Task runs a task. A pipeline with tasks cannot be played without it.
	Task func(ctx context.Context, run TaskRun) error
	// Observe gets what the player does, in words for people.
	Observe func(Happening)
	// AfterPut, if set, is called after a put, before its implicit get and the
	// end of the build: what happens meanwhile finds the build still running.
	AfterPut func(ctx context.Context, job string)

	known map[string]*scope          // by resource
	used  map[string]map[string]bool // by job and get: versions that builds have had, by scope.id
}

// Happening is something that the player did.
type Happening struct {
	Kind     string // "check", "get", "put", "load_var", "task", "build"
	Job      string // "upgrade"
	Build    string // "3"
	Resource string // "components"; the name of a variable or of a task
	Versions []Version
	Metadata []Field
	Value    string // of a variable that may be shown
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

// Tick checks every resource once, and runs the builds that people have triggered
// and those that new versions trigger, one after the other. It fails when the pipeline cannot be played; a failing check
// or build is an outcome, as it is for Concourse.
func (p *Player) Tick(ctx context.Context) ([]Outcome, error) {
	c, err := p.config()
	if err != nil {
		return nil, err
	}
	for _, r := range c.Resources {
		if r.CheckEvery != "never" {
			if err := p.check(ctx, c, r); err != nil {
				p.observe(Happening{Kind: "check", Resource: r.Name, Err: err})
			}
		}
	}
	outcomes, err := p.queued(ctx, c)
	if err != nil {
		return outcomes, err
	}
	for _, j := range c.Jobs {
		if p.triggered(j) {
			outcome, err := p.build(ctx, c, j)
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
	j, found := c.job(name)
	if !found {
		return Outcome{}, fmt.Errorf("the pipeline has no job %s", name)
	}
	return p.build(ctx, c, j)
}

func (p *Player) config() (config, error) {
	if p.known == nil {
		p.known, p.used = map[string]*scope{}, map[string]map[string]bool{}
	}
	text, err := p.ATC.Config()
	if err != nil {
		return config{}, err
	}
	c, err := parse(text)
	if err == nil && p.Task == nil && c.hasTask() {
		err = errors.New("play the pipeline: it has a task, and nobody runs it")
	}
	return c, err
}

// queued plays the builds that people have triggered.
func (p *Player) queued(ctx context.Context, c config) (outcomes []Outcome, err error) {
	queue, is := p.ATC.(Queue)
	if !is {
		return nil, nil
	}
	for {
		b := queue.Take()
		if b == nil {
			return outcomes, nil
		}
		j, found := c.job(b.Job())
		if !found {
			return outcomes, fmt.Errorf("the pipeline has no job %s", b.Job())
		}
		outcome, err := p.play(ctx, c, j, b)
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, outcome)
	}
}

// check asks for versions from the newest known one on.
func (p *Player) check(ctx context.Context, c config, r resource) error {
	source, err := resolve(r.Source, p.credential)
	if err != nil {
		return err
	}
	in := p.scope(c, r, source)
	request := map[string]any{"source": source}
	if len(in.versions) > 0 {
		request["version"] = in.newest()
	}
	var found []Version
	if err := Run(ctx, p.Program, Process{Verb: "check", Stdin: request, Stderr: io.Discard}, &found); err != nil {
		return err
	}
	var fresh []Version
	for _, v := range found {
		if !contains(in.versions, v) {
			fresh = append(fresh, v)
		}
	}
	in.versions = append(in.versions, fresh...)
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
		in := p.known[s.resource()]
		if in == nil || len(in.versions) == 0 {
			return false
		}
		fresh = fresh || (s.Trigger && !p.used[j.Name+" "+s.Get][in.id(in.newest())])
	}
	return fresh
}

// credential asks the credential manager.
func (p *Player) credential(name string) (value string, found bool) {
	if p.Lookup != nil {
		return p.Lookup(name)
	}
	value, found = p.Credentials[name]
	return value, found
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
