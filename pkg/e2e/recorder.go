package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"
)

// recorder looks at a Concourse all the time and remembers: the workers' states
// and the pipelines' pauses, from the journal of its database; all builds of all
// teams, and their events, from its API.
type recorder struct {
	site    *site
	api     *api
	journal *journal
	streams sync.WaitGroup

	mu      sync.Mutex
	states  map[string]string // of workers and pipelines, as they were last
	marks   []mark
	builds  map[int]*build
	checked map[int]bool // builds of checks whose events are read
}

// mark is something that happened to a worker, the web or a pipeline.
type mark struct {
	at         time.Time
	kind, name string // "landing", "worker-0": the instance, whatever its worker is called
}

// Kinds of marks beside the states of workers: "running", "landing", "landed",
// "retiring", "stalled", "gone", and "version 2.5".
const (
	drainTimedOut = "drain timed out"
	workerStopped = "process stopped"
	workerStarted = "process started"
	webStopped    = "web stopped"
	webStarted    = "web started"
	webAnswers    = "web answers"
	gateStarted   = "gate started"
	gateEnded     = "gate ended"
	gone          = "gone"
	paused        = "paused"
	unpaused      = "unpaused"
)

// build is one build with what was heard of it.
type build struct {
	atc.Build
	seen   time.Time // when it was in a list first
	events []heard
	ended  time.Time // when its last event arrived
	worker []string  // that its steps ran on
}

// heard is an event with the time of its arrival.
type heard struct {
	at    time.Time
	event atc.Event
	raw   string // its JSON
}

func newRecorder(s *site, j *journal) *recorder {
	return &recorder{site: s, api: newAPI(s.web.url(), flyUser, flyPassword).in(s.team()), journal: j, states: map[string]string{}, builds: map[int]*build{}, checked: map[int]bool{}}
}

// run looks until ctx ends.
func (r *recorder) run(ctx context.Context) {
	defer r.journal.close(context.WithoutCancel(ctx))
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			r.streams.Wait()
			return
		case <-ticker.C:
		}
		r.readJournal(ctx)
		client, _, err := r.api.login(ctx)
		if err != nil {
			continue // the web does not run now
		}
		if n%3 == 0 {
			r.lookAtBuilds(ctx, client)
		}
		if n%10 == 0 {
			r.lookAtChecks(ctx, client)
		}
	}
}

// readJournal notes what workers and pipelines have become.
func (r *recorder) readJournal(ctx context.Context) {
	changes, err := r.journal.read(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.site.line.add("NOT SEEN", "%v", err)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		name := c.values["name"]
		switch {
		case c.table == "pipelines":
			r.become(c.at, map[string]string{"t": paused, "true": paused, "f": unpaused, "false": unpaused}[c.values["paused"]], name, "pipeline "+name)
		case c.action == "DELETE":
			r.become(c.at, gone, name, r.site.slot(name))
		default:
			r.become(c.at, c.values["state"], name, r.site.slot(name))
			r.become(c.at, "version "+c.values["version"], name+" version", r.site.slot(name))
		}
	}
}

// become makes a mark if a state is another than before. The caller holds mu.
func (r *recorder) become(at time.Time, state, key, name string) {
	if state == "" || state == "version " || r.states[key] == state {
		return
	}
	r.states[key] = state
	r.marks = append(r.marks, mark{at, state, name})
	r.site.line.add("Concourse", "%s is %s", name, state)
}

func (r *recorder) lookAtBuilds(ctx context.Context, client concourse.Client) {
	list, _, err := client.Builds(concourse.Page{Limit: 50})
	if err != nil {
		return
	}
	slices.Reverse(list)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range list {
		if known := r.builds[b.ID]; known != nil {
			if !known.ended.IsZero() {
				b.Status = known.Status // the list may be older than the last event
			}
			known.Build = b
			continue
		}
		added := &build{Build: b, seen: time.Now()}
		r.builds[b.ID] = added
		r.site.line.add(added.name(), "build is %s", b.Status)
		r.streams.Go(func() { r.listen(ctx, added) })
	}
}

// lookAtChecks reads the events of the resources' last checks.
func (r *recorder) lookAtChecks(ctx context.Context, client concourse.Client) {
	list, err := client.Team(r.api.team).ListResources(reference(pipelineName))
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range list {
		if b := resource.Build; b != nil && b.ID > 0 && !r.checked[b.ID] {
			r.checked[b.ID] = true
			checked := &build{Build: atc.Build{ID: b.ID, TeamName: b.TeamName, PipelineName: b.PipelineName, ResourceName: resource.Name}}
			r.builds[-b.ID] = checked // not among the builds of jobs
			r.streams.Go(func() { r.listen(ctx, checked) })
		}
	}
}

// name is a build's for people: "upgrade #2", "check of components".
func (b *build) name() string {
	if b.JobName == "" {
		return "check " + b.ResourceName
	}
	return b.JobName + " #" + b.Name
}

// note notes a mark of the director's.
func (r *recorder) note(kind, name string) { r.noteAt(time.Now(), kind, name) }

func (r *recorder) noteAt(at time.Time, kind, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, mark{at, kind, name})
}

// first is when a mark was made first since a time; zero for never.
func (r *recorder) first(kind, name string, since time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.marks {
		if m.kind == kind && m.name == name && !m.at.Before(since) {
			return m.at
		}
	}
	return time.Time{}
}

// allMarks are all marks until now.
func (r *recorder) allMarks() []mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.marks)
}

// now is the last state of a worker or a pipeline of Concourse, by its name.
func (r *recorder) now(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.states[name]
}

// await waits until a mark is made, counted since a time.
func (r *recorder) await(ctx context.Context, kind, name string, since time.Time, patience time.Duration) (time.Time, error) {
	var at time.Time
	err := eventually(ctx, patience, name+" "+kind, func(context.Context) error {
		if at = r.first(kind, name, since); at.IsZero() {
			return errNotYet
		}
		return nil
	})
	return at, err
}

// all gives copies of the builds that are known, oldest first; those of checks after them.
func (r *recorder) all() []build {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]build, 0, len(r.builds))
	for _, b := range r.builds {
		copied := *b
		copied.events = slices.Clone(b.events)
		list = append(list, copied)
	}
	slices.SortFunc(list, func(a, b build) int {
		if (a.JobName == "") != (b.JobName == "") {
			return strings.Compare(b.JobName, a.JobName)
		}
		return a.ID - b.ID
	})
	return list
}
