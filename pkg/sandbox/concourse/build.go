package concourse

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

// Build is one build of a job. Who plays the pipeline runs its steps and calls
// Finish; a worker that goes away may end it before that.
type Build struct {
	server        *Server
	pipeline      *pipeline
	id            int
	name          string // number within the job: 3
	job           string
	interruptible bool
	workers       []string // where it has containers, the first one first
	status        atc.BuildStatus
	started       time.Time
	ended         time.Time
	log           strings.Builder
	done          chan struct{}
}

// StartBuild starts a build with its first container on a worker; an empty
// worker is any. It fails with "no workers satisfying: …" when none takes new
// containers, and when Concourse would not start it: no such job, or the
// pipeline is paused. Instances are not played: pipeline has no instance vars.
func (s *Server) StartBuild(team, pipeline, job, worker string, interruptible bool) (*Build, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: pipeline})
	if p == nil {
		return nil, fmt.Errorf("start %s/%s: no such pipeline in team %s", pipeline, job, team)
	}
	if _, exists := p.config.Jobs.Lookup(job); !exists {
		return nil, fmt.Errorf("start %s/%s: no such job", pipeline, job)
	}
	if p.paused {
		return nil, fmt.Errorf("start %s/%s: the build stays pending because the pipeline is paused", pipeline, job)
	}
	w, err := s.place(worker, "platform 'linux'")
	if err != nil {
		return nil, err
	}
	b := &Build{
		server: s, pipeline: p, id: len(s.builds) + 1, name: strconv.Itoa(s.count(p, job) + 1), job: job,
		interruptible: interruptible, workers: []string{w.name}, status: atc.StatusStarted,
		started: s.options.Now(), done: make(chan struct{}),
	}
	s.builds = append(s.builds, b)
	s.record(b.event(KindStart))
	return b, nil
}

// RunStep gives a step of a resource type its container, which needs a worker
// that takes new ones. Without one the build errors, and so ends a build whose
// put has just made its own worker land: the implicit get finds no place.
func (s *Server) RunStep(b *Build, resourceType string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.status != atc.StatusStarted {
		return fmt.Errorf("run a step of build %d: the build has ended: %s", b.id, b.status)
	}
	attribute := fmt.Sprintf("resource type '%s', platform 'linux'", resourceType)
	w, err := s.place(b.workers[0], attribute)
	if err != nil {
		w, err = s.place("", attribute)
	}
	if err != nil {
		b.end(atc.StatusErrored, err.Error())
		return err
	}
	if !slices.Contains(b.workers, w.name) {
		b.workers = append(b.workers, w.name)
	}
	return nil
}

// ID is the build's id in the whole installation.
func (b *Build) ID() int { return b.id }

// Name is the build's number within its job.
func (b *Build) Name() string { return b.name }

// Worker is where the build's first container is.
func (b *Build) Worker() string { return b.workers[0] }

// Done is closed when the build has ended, by whoever's doing.
func (b *Build) Done() <-chan struct{} { return b.done }

// Status is started, succeeded, failed, errored or aborted.
func (b *Build) Status() string {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return string(b.status)
}

// Output is what was logged so far.
func (b *Build) Output() string {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return b.log.String()
}

// Log takes the output of the build's steps.
func (b *Build) Log() io.Writer { return logWriter{b} }

type logWriter struct{ build *Build }

// Write implements io.Writer; it never fails.
func (w logWriter) Write(p []byte) (int, error) {
	w.build.server.mu.Lock()
	defer w.build.server.mu.Unlock()
	return w.build.log.Write(p)
}

// Env is what the containers of get and put steps see in their environment.
func (b *Build) Env() []string {
	return []string{
		"BUILD_ID=" + strconv.Itoa(b.id), "BUILD_NAME=" + b.name, "BUILD_JOB_NAME=" + b.job,
		"BUILD_PIPELINE_NAME=" + b.pipeline.ref.Name, "BUILD_PIPELINE_ID=" + strconv.Itoa(b.pipeline.id),
		"BUILD_TEAM_NAME=" + b.pipeline.team, "ATC_EXTERNAL_URL=" + b.server.options.ExternalURL,
	}
}

// Busy says whether any build runs: a web that is told to stop waits for these.
func (s *Server) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.builds, func(b *Build) bool { return b.status == atc.StatusStarted })
}

// Finish ends the build with a status. A build that has ended already keeps the
// status that it has. It fails on a status that ends no build.
func (b *Build) Finish(status string) error {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
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
	if b.status != atc.StatusStarted {
		return
	}
	b.status, b.ended = status, b.server.options.Now()
	if why != "" {
		b.log.WriteString(why + "\n")
	}
	b.server.record(b.event(KindFinish))
	close(b.done)
	for _, name := range b.workers {
		if w := b.server.worker(name); w != nil {
			b.server.settle(w)
		}
	}
}

func (b *Build) event(kind string) Event {
	e := Event{Kind: kind, Team: b.pipeline.team, Pipeline: b.pipeline.ref.String(), Job: b.job, Build: b.id, Worker: b.workers[0]}
	if b.status != atc.StatusStarted {
		e.Status = string(b.status)
	}
	return e
}

func (s *Server) count(p *pipeline, job string) (n int) {
	for _, b := range s.builds {
		if b.pipeline == p && b.job == job {
			n++
		}
	}
	return n
}

// shown is the build as the API shows it.
func (b *Build) shown() atc.Build {
	shown := atc.Build{
		ID: b.id, TeamName: b.pipeline.team, Name: b.name, Status: b.status, APIURL: fmt.Sprintf("/api/v1/builds/%d", b.id),
		JobName: b.job, PipelineID: b.pipeline.id, PipelineName: b.pipeline.ref.Name, StartTime: b.started.Unix(),
	}
	if !b.ended.IsZero() {
		shown.EndTime = b.ended.Unix()
	}
	return shown
}

// list shows builds, newest first.
func (s *Server) list(r *asked, wanted func(*Build) bool) reply {
	list := []atc.Build{}
	for _, b := range slices.Backward(s.builds) {
		if len(list) < limit(r) && s.may(r.user, b.pipeline.team, Viewer) && wanted(b) {
			list = append(list, b.shown())
		}
	}
	return reply{value: list}
}

func (s *Server) listBuilds(r *asked) reply {
	team := r.PathValue("team")
	return s.list(r, func(b *Build) bool { return team == "" || team == b.pipeline.team })
}

func (s *Server) pipelineBuilds(r *asked, p *pipeline) reply {
	job := r.PathValue("job")
	return s.list(r, func(b *Build) bool { return b.pipeline == p && (job == "" || job == b.job) })
}

func (s *Server) getBuild(r *asked) reply {
	id, err := strconv.Atoi(r.PathValue("build"))
	if err != nil || id < 1 || id > len(s.builds) {
		return notFound
	}
	b := s.builds[id-1]
	switch {
	case s.may(r.user, b.pipeline.team, Viewer):
		return reply{value: b.shown()}
	case r.user != "":
		return forbidden
	}
	return unauthorized
}
