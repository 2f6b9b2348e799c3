package player

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// running is a build as it is played.
type running struct {
	*Player
	config config
	job    job
	build  Build
	dir    string // in which each get has a folder of its name
	log    *redacting
	locals map[string]string // what load_var has loaded, by name

	results map[string]Result
}

// build starts a build and plays it.
func (p *Player) build(ctx context.Context, c config, j job) (Outcome, error) {
	b, err := p.ATC.Start(j.Name, j.Interruptible)
	if err != nil {
		return Outcome{}, fmt.Errorf("start job %s: %w", j.Name, err)
	}
	return p.play(ctx, c, j, b)
}

// play runs the steps of a build and ends it.
func (p *Player) play(ctx context.Context, c config, j job, b Build) (outcome Outcome, err error) {
	p.observe(Happening{Kind: "build", Job: j.Name, Build: b.Name(), Status: "started"})
	dir, err := os.MkdirTemp("", "build-")
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &running{
		Player: p, config: c, job: j, build: b, dir: dir, log: &redacting{to: b.Log()},
		locals: map[string]string{}, results: map[string]Result{},
	}
	outcome = Outcome{Job: j.Name, Build: b.Name(), Results: r.results}
	for _, s := range j.Plan {
		if outcome.Err = r.step(ctx, s); outcome.Err != nil {
			break
		}
	}
	status := "succeeded"
	if outcome.Err != nil {
		status = "failed"
		_, _ = fmt.Fprintln(r.log, outcome.Err)
	}
	r.log.flush()
	if err := b.Finish(status); err != nil {
		return outcome, err
	}
	outcome.Status = b.Status()
	p.observe(Happening{Kind: "build", Job: j.Name, Build: b.Name(), Status: outcome.Status, Err: outcome.Err})
	return outcome, nil
}

// find finds a variable: one of the build itself, or a credential.
func (r *running) find(name string) (value string, found bool) {
	if local, is := strings.CutPrefix(name, ".:"); is {
		value, found = r.locals[local]
		return value, found
	}
	value, found = r.credential(name)
	r.log.hide(value)
	return value, found
}

// happened tells of something in this build.
func (r *running) happened(h Happening) {
	h.Job, h.Build = r.job.Name, r.build.Name()
	r.observe(h)
}

// errTimeout is what Concourse's log says of a step that took too long.
var errTimeout = errors.New("timeout exceeded")

// overdue is what becomes of a step: errTimeout when its time was over.
func overdue(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return errTimeout
	}
	return err
}

// step runs one step within its timeout.
func (r *running) step(ctx context.Context, s step) error {
	if limit, _ := s.timeout(); limit > 0 { // parse has looked
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
	}
	return overdue(ctx, r.run(ctx, s))
}

func (r *running) run(ctx context.Context, s step) error {
	switch {
	case s.LoadVar != "":
		return r.loadVar(s)
	case s.Task != "":
		return r.task(ctx, s)
	}
	return r.resourceStep(ctx, s)
}

// resourceStep runs a get, or a put with its implicit get.
func (r *running) resourceStep(ctx context.Context, s step) error {
	of, _ := r.config.resource(s.resource())
	if err := r.build.Step(of.Type); err != nil {
		return err
	}
	source, err := resolve(of.Source, r.find)
	if err != nil {
		return err
	}
	params, err := resolve(s.Params, r.find)
	if err != nil {
		return err
	}
	if s.Get != "" {
		version, err := r.use(s)
		if err != nil {
			return err
		}
		return r.get(ctx, s.Get, source, params, version)
	}
	var result Result
	request := map[string]any{"source": source, "params": params}
	process := Process{Verb: "out", Stdin: request, Dir: r.dir, Env: r.build.Env(), Stderr: r.log}
	if err := Run(ctx, r.Program, process, &result); err != nil {
		return err
	}
	r.results[s.Put] = result
	r.happened(Happening{Kind: "put", Resource: s.Put, Versions: []Version{result.Version}, Metadata: result.Metadata})
	if r.AfterPut != nil {
		r.AfterPut(ctx, r.job.Name)
	}
	if s.NoGet {
		return nil
	}
	if err := r.build.Step(of.Type); err != nil { // the implicit get is a container of its own
		return err
	}
	return r.get(ctx, s.Put, source, nil, result.Version)
}

// use is the version that a get takes; it does not trigger the job again.
func (r *running) use(s step) (Version, error) {
	in := r.known[s.resource()]
	if in == nil || len(in.versions) == 0 {
		return nil, fmt.Errorf("no versions of %s available", s.resource())
	}
	version := in.newest()
	key := r.job.Name + " " + s.Get
	if r.used[key] == nil {
		r.used[key] = map[string]bool{}
	}
	r.used[key][in.id(version)] = true
	return version, nil
}

func (r *running) get(ctx context.Context, name string, source, params any, version Version) error {
	var result Result
	request := map[string]any{"source": source, "version": version}
	if params != nil && len(params.(map[string]any)) > 0 {
		request["params"] = params
	}
	process := Process{Verb: "in", Stdin: request, Dir: filepath.Join(r.dir, name), Env: r.build.Env(), Stderr: r.log}
	if err := Run(ctx, r.Program, process, &result); err != nil {
		return err
	}
	r.results[name] = result
	r.happened(Happening{Kind: "get", Resource: name, Versions: []Version{result.Version}, Metadata: result.Metadata})
	return nil
}

// redacted is what Concourse's log shows in the place of a secret.
const redacted = "((redacted))"

// redacting is the log of a build of a Concourse that redacts secrets: line by
// line, those that the build has used so far.
type redacting struct {
	to io.Writer

	mu      sync.Mutex
	secrets map[string]bool // lines of them
	partial string
}

// hide makes a value a secret.
func (l *redacting) hide(value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.secrets == nil {
		l.secrets = map[string]bool{}
	}
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			l.secrets[line] = true
		}
	}
}

// Write implements io.Writer.
func (l *redacting) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole, rest, found := cutLast(l.partial + string(p))
	l.partial = rest
	if found {
		l.write(whole)
	}
	return len(p), nil
}

// flush writes a line that has not ended.
func (l *redacting) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(l.partial)
	l.partial = ""
}

func (l *redacting) write(text string) {
	// The longest first: one may be a part of another.
	for _, secret := range slices.SortedFunc(maps.Keys(l.secrets), func(a, b string) int { return len(b) - len(a) }) {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	_, _ = io.WriteString(l.to, text)
}

// cutLast cuts text after its last line break.
func cutLast(text string) (whole, rest string, found bool) {
	i := strings.LastIndexByte(text, '\n') + 1
	return text[:i], text[i:], i > 0
}
