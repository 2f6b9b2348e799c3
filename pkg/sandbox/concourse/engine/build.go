package engine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
)

// Build is one build of a job, or a one-off build. Who plays the pipeline runs its
// steps and calls Finish; a worker that goes away may end it before that.
type Build struct {
	engine        *Engine
	Team          string
	Pipeline      *Pipeline // nil: a one-off build
	id            int
	name          string // number within the job: 3, or of its first rerun: 3.1
	job           string
	user          string // who triggered it by hand
	rerunOf       *Build
	reruns        int // how often it was run again; of a rerun, which one it is
	interruptible bool
	waits         bool     // for somebody to take it and run its steps
	workers       []string // where it has containers, the first one first
	status        atc.BuildStatus
	Started       time.Time
	ended         time.Time
	log           strings.Builder
	begun         chan struct{}
	done          chan struct{}
}

// newBuild adds a pending build. The caller holds the lock.
func (s *Engine) newBuild(b *Build) *Build {
	b.engine, b.id, b.status = s, len(s.Builds)+1, atc.StatusPending
	b.begun, b.done = make(chan struct{}), make(chan struct{})
	if b.name == "" {
		b.name = strconv.Itoa(s.count(b.Pipeline, b.job) + 1)
	}
	s.Builds = append(s.Builds, b)
	return b
}

// StartBuild starts a build with its first container on a worker; an empty
// worker is any. It fails with "no workers satisfying: …" when none takes new
// containers, and when Concourse would not start it: no such job, the pipeline is
// paused, or the web schedules nothing. Instances are not played: pipeline has no
// instance vars.
func (s *Engine) StartBuild(team, pipeline, job, worker string, interruptible bool) (*Build, error) {
	s.Lock()
	defer s.Unlock()
	p, err := s.job(team, pipeline, job)
	if err != nil {
		return nil, fmt.Errorf("start %s/%s: %w", pipeline, job, err)
	}
	if p.Paused {
		return nil, fmt.Errorf("start %s/%s: the build stays pending because the pipeline is paused", pipeline, job)
	}
	if !s.schedules() {
		return nil, fmt.Errorf("start %s/%s: the web schedules nothing", pipeline, job)
	}
	w, err := s.place(worker, platform)
	if err != nil {
		return nil, err
	}
	b := s.newBuild(&Build{Team: team, Pipeline: p, job: job, interruptible: interruptible})
	b.begin(w)
	return b, nil
}

// StartOneOff starts a build without a job, as `fly execute` does, on a worker; an
// empty one is any. It fails when no worker takes it.
func (s *Engine) StartOneOff(team, worker string) (*Build, error) {
	s.Lock()
	defer s.Unlock()
	w, err := s.place(worker, platform)
	if err != nil {
		return nil, err
	}
	b := s.newBuild(&Build{Team: team})
	b.begin(w)
	return b, nil
}

// begin makes a build started, with its first container on w. The caller holds
// the lock.
func (b *Build) begin(w *Worker) {
	b.status, b.Started = atc.StatusStarted, b.engine.Options.Now()
	if w != nil {
		b.workers = []string{w.Name}
	}
	b.engine.Record(b.event(KindStart))
	close(b.begun)
}

// RunStep gives a step of a resource type its container, which needs a worker
// that takes new ones. Without one the build errors, and so ends a build whose
// put has just made its own worker land: the implicit get finds no place.
func (s *Engine) RunStep(b *Build, resourceType string) error {
	s.Lock()
	defer s.Unlock()
	if b.status != atc.StatusStarted {
		return fmt.Errorf("run a step of build %d: the build has ended: %s", b.id, b.status)
	}
	attribute := fmt.Sprintf("resource type '%s', platform 'linux'", resourceType)
	w, err := s.place(b.place(), attribute)
	if err != nil {
		w, err = s.place("", attribute)
	}
	if err != nil {
		b.end(atc.StatusErrored, err.Error())
		return err
	}
	if !slices.Contains(b.workers, w.Name) {
		b.workers = append(b.workers, w.Name)
	}
	return nil
}

// Job is the name of the build's job; empty: it is a one-off build.
func (b *Build) Job() string { return b.job }

// ID is the build's id in the whole installation.
func (b *Build) ID() int { return b.id }

// Name is the build's number within its job.
func (b *Build) Name() string { return b.name }

// Worker is where the build's first container is; empty while it is pending.
func (b *Build) Worker() string {
	b.engine.Lock()
	defer b.engine.Unlock()
	return b.place()
}

func (b *Build) place() string {
	if len(b.workers) == 0 {
		return ""
	}
	return b.workers[0]
}

// Begun is closed when the build has started, or has ended before that.
func (b *Build) Begun() <-chan struct{} { return b.begun }

// Done is closed when the build has ended, by whoever's doing.
func (b *Build) Done() <-chan struct{} { return b.done }

// Status is pending, started, succeeded, failed, errored or aborted.
func (b *Build) Status() string {
	b.engine.Lock()
	defer b.engine.Unlock()
	return string(b.status)
}

// Output is what was logged so far.
func (b *Build) Output() string {
	b.engine.Lock()
	defer b.engine.Unlock()
	return b.log.String()
}

// Log takes the output of the build's steps.
func (b *Build) Log() io.Writer { return logWriter{b} }

type logWriter struct{ build *Build }

// Write implements io.Writer; it never fails.
func (w logWriter) Write(p []byte) (int, error) {
	w.build.engine.Lock()
	defer w.build.engine.Unlock()
	return w.build.log.Write(p)
}

// Env is what the containers of get and put steps see in their environment.
func (b *Build) Env() []string {
	env := []string{
		"BUILD_ID=" + strconv.Itoa(b.id), "BUILD_NAME=" + b.name,
		"BUILD_TEAM_NAME=" + b.Team, "ATC_EXTERNAL_URL=" + b.engine.Options.ExternalURL,
	}
	if b.Pipeline != nil {
		env = append(env, "BUILD_JOB_NAME="+b.job,
			"BUILD_PIPELINE_NAME="+b.Pipeline.ref.Name, "BUILD_PIPELINE_ID="+strconv.Itoa(b.Pipeline.id))
	}
	return env
}

// Busy says whether any build runs: a web that is told to stop waits for these.
func (s *Engine) Busy() bool {
	s.Lock()
	defer s.Unlock()
	return slices.ContainsFunc(s.Builds, func(b *Build) bool { return b.status == atc.StatusStarted })
}

// Finish ends the build with a status. A build that has ended already keeps the
// status that it has. It fails on a status that ends no build.
func (b *Build) Finish(status string) error {
	b.engine.Lock()
	defer b.engine.Unlock()
	switch s := atc.BuildStatus(status); s {
	case atc.StatusSucceeded, atc.StatusFailed, atc.StatusErrored, atc.StatusAborted:
		b.end(s, "")
		return nil
	}
	return errors.New("finish a build: " + status + " is not one of succeeded, failed, errored, aborted")
}

// end ends the build and, with that, perhaps the drain of its workers. The
// caller holds the server's lock.
func (b *Build) end(status atc.BuildStatus, why string) {
	if b.status != atc.StatusStarted && b.status != atc.StatusPending {
		return
	}
	if b.status == atc.StatusPending {
		close(b.begun)
	}
	b.status, b.ended, b.waits = status, b.engine.Options.Now(), false
	if why != "" {
		b.log.WriteString(why + "\n")
	}
	b.engine.Record(b.event(KindFinish))
	close(b.done)
	for _, name := range b.workers {
		if w := b.engine.Worker(name); w != nil {
			b.engine.settle(w)
		}
	}
	b.engine.Schedule()
}

// track looks for a build that runs, as a web that starts does: its plan is gone
// through from the start, and each step needs a worker that takes containers.
func (b *Build) track() {
	w := b.engine.Worker(b.place())
	if w != nil && w.State == Running && !compatible(w.Version, b.engine.Web.Release.Worker) {
		b.end(atc.StatusErrored, b.engine.noWorker(platform).Error())
		return
	}
	if _, err := b.engine.place("", "resource type 'registry-image'"); err != nil {
		b.end(atc.StatusErrored, err.Error())
	}
}

func (b *Build) event(kind string) Event {
	e := Event{Kind: kind, User: b.user, Team: b.Team, Job: b.job, Build: b.id, Worker: b.place()}
	if b.Pipeline != nil {
		e.Pipeline = b.Pipeline.ref.String()
	}
	if b.status != atc.StatusStarted && b.status != atc.StatusPending {
		e.Status = string(b.status)
	}
	return e
}

// count counts the builds of a job, or the one-off builds; reruns have the number
// of their first run.
func (s *Engine) count(p *Pipeline, job string) (n int) {
	for _, b := range s.Builds {
		if b.Pipeline == p && b.job == job && b.rerunOf == nil {
			n++
		}
	}
	return n
}
