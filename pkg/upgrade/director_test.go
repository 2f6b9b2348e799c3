package upgrade_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// effects lists what was changed on any server, in order.
type effects struct {
	mu   sync.Mutex
	list []string
}

func (e *effects) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf(format, args...))
}

// all are the effects so far.
func (e *effects) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// count is how many effects start with a text.
func (e *effects) count(prefix string) (n int) {
	for _, effect := range e.all() {
		if strings.HasPrefix(effect, prefix) {
			n++
		}
	}
	return n
}

// fakeDirector is a director in memory. Its tasks end by the clock.
type fakeDirector struct {
	*effects

	mu           sync.Mutex
	tasks        []*fakeTask
	lastID       int
	locks        []bosh.Lock
	releases     []bosh.Release
	packages     map[bosh.Release][]bosh.Package
	stemcells    []bosh.Stemcell
	deployed     map[string]bosh.Deployment
	instances    [][]bosh.Instance // one for each look; the last one stays
	logs         map[string][]byte
	diskUsage    int // percent
	cloudConfig  string
	configs      int // how often cloud and runtime configs were set
	deployedWith int // which of them the last deploy that was done had
	configServer bool
	newestFirst  bool               // how Tasks sorts
	deploy       fakeTask           // what becomes of the next deploys
	uploads      map[string]outcome // what becomes of an upload, by name
	lost         string             // what happens to a deploy whose reply is lost: "accepted", "late", "dropped"
	// lostUploads is what happens to uploads whose reply is lost: "accepted", "dropped",
	// or "hidden", which is accepted by a director that does not show us its task.
	lostUploads []string
	faults      map[string][]error // by method: what its next calls give; nil is not an error
	onDeploy    func()
	onDiff      func()
	// onCloudConfig is what happens once the cloud config was read.
	onCloudConfig func()
	submitted     [][]byte // manifests that were accepted
	options       []bosh.DeployOptions
	calls         []string // methods
}

// fakeTask is a task that ends by itself: after takes, or never without an end.
type fakeTask struct {
	bosh.Task
	events []bosh.Event
	takes  time.Duration
	end    string
	dead   bool   // its worker is gone: it becomes a timeout when somebody reads it
	then   func() // what has happened when it is done
	begin  time.Time
}

// outcome is what an upload comes to.
type outcome struct {
	as      string // another name than the artifact's
	version string // another version than the artifact's
	end     string // default: done
	takes   time.Duration
	events  []bosh.Event
}

// enter begins a call: it lets the tasks go on and gives the call's fault.
func (d *fakeDirector) enter(method string) error {
	d.calls = append(d.calls, method)
	for _, t := range d.tasks {
		if !t.Finished() && t.end != "" && time.Since(t.begin) >= t.takes {
			t.State, t.FinishedAt = t.end, t.begin.Add(t.takes)
			if t.State == bosh.StateDone && t.then != nil {
				t.then()
			}
		}
	}
	if list := d.faults[method]; len(list) > 0 {
		d.faults[method] = list[1:]
		return list[0]
	}
	return nil
}

// add starts a task.
func (d *fakeDirector) add(t fakeTask) int {
	d.lastID++
	t.ID, t.begin, t.StartedAt = d.lastID, time.Now(), time.Now()
	if t.State == "" {
		t.State = bosh.StateProcessing
	}
	d.tasks = append(d.tasks, &t)
	return t.ID
}

// past is a deploy that has ended long ago.
func (d *fakeDirector) past(id int, state string) {
	d.lastID = max(d.lastID, id)
	d.tasks = append(d.tasks, &fakeTask{Task: bosh.Task{
		ID: id, State: state, Description: "create deployment", Deployment: "concourse", User: "admin",
		StartedAt: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), FinishedAt: time.Date(2026, 8, 1, 12, 3, 20, 0, time.UTC),
	}})
}

// record makes a manifest the deployed one.
func (d *fakeDirector) record(name string, text []byte) {
	parsed, err := deployment.Parse(template.File{Name: "deployed", Text: text})
	if err != nil {
		panic(err) // a mistake in the test
	}
	deployed := bosh.Deployment{Manifest: text}
	for _, r := range parsed.Releases {
		deployed.Releases = append(deployed.Releases, bosh.Release{Name: r.Name, Version: r.Version})
	}
	for _, s := range parsed.Stemcells {
		deployed.Stemcells = append(deployed.Stemcells, bosh.Stemcell{Name: s.Name, Version: s.Version})
	}
	d.deployed[name] = deployed
}

func (d *fakeDirector) find(id int) *fakeTask {
	for _, t := range d.tasks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (d *fakeDirector) Task(_ context.Context, id int) (bosh.Task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Task"); err != nil {
		return bosh.Task{}, err
	}
	t := d.find(id)
	if t == nil {
		return bosh.Task{}, bosh.ErrNotFound
	}
	t.read()
	return t.Task, nil
}

// read is what every answer with a task does first.
func (t *fakeTask) read() {
	if t.dead && !t.Finished() {
		t.State = bosh.StateTimeout
	}
}

func (d *fakeDirector) Tasks(_ context.Context, f bosh.TaskFilter) ([]bosh.Task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Tasks"); err != nil {
		return nil, err
	}
	var list []bosh.Task
	for _, t := range d.tasks {
		if (f.Deployment == "" || f.Deployment == t.Deployment) && (f.ContextID == "" || f.ContextID == t.ContextID) &&
			(len(f.States) == 0 || slices.Contains(f.States, t.State)) {
			t.read()
			list = append(list, t.Task)
		}
	}
	slices.SortFunc(list, func(a, b bosh.Task) int { return cmp.Compare(a.ID, b.ID) })
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[len(list)-f.Limit:]
	}
	if d.newestFirst {
		slices.Reverse(list)
	}
	return list, nil
}

func (d *fakeDirector) Events(_ context.Context, id int) ([]bosh.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.enter("Events"); err != nil {
		return nil, err
	}
	if t := d.find(id); t != nil {
		return t.events, nil
	}
	return nil, bosh.ErrNotFound
}

func (d *fakeDirector) Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error) {
	for {
		task, err := d.Task(ctx, id)
		if err != nil {
			return bosh.Task{}, err
		}
		if task.Finished() {
			events, err := d.Events(ctx, id)
			for _, e := range events {
				report(e)
			}
			return task, err
		}
		select {
		case <-ctx.Done():
			return task, fmt.Errorf("wait for director task %d: %w", id, context.Cause(ctx))
		case <-time.After(time.Second):
		}
	}
}

// late is how long a task takes to be seen when its deploy was lost on the way.
const late = 10 * time.Second

var errUnreachable = errors.New("dial tcp 10.0.0.6:25555: connect: connection refused")
