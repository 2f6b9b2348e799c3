package resumption_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resumption"
)

// at is when the tests happen.
var at = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// keeper keeps one list.
type keeper struct {
	list     pause.List
	revision string
}

// Load implements pause.Keeper.
func (k *keeper) Load(context.Context) (pause.List, string, error) { return k.list, k.revision, nil }

// Save implements pause.Keeper.
func (k *keeper) Save(_ context.Context, list pause.List, revision string) (string, error) {
	if revision != k.revision {
		return "", pause.ErrConflict
	}
	k.list, k.revision = list, k.revision+"+"
	return k.revision, nil
}

// director has the tasks and locks that it is given.
type director struct {
	tasks    []bosh.Task
	locks    []bosh.Lock
	tasksErr error // of Task and Tasks
	locksErr error // of Locks
}

// Task implements resumption.Director.
func (d director) Task(_ context.Context, id int) (bosh.Task, error) {
	for _, t := range d.tasks {
		if t.ID == id {
			return t, d.tasksErr
		}
	}
	return bosh.Task{}, bosh.ErrNotFound
}

// Tasks implements resumption.Director. It applies the filter as a director does: where no
// deployment or no state is given, every one counts.
func (d director) Tasks(_ context.Context, f bosh.TaskFilter) (list []bosh.Task, err error) {
	for _, t := range d.tasks {
		if (f.Deployment == "" || t.Deployment == f.Deployment) && (len(f.States) == 0 || slices.Contains(f.States, t.State)) {
			list = append(list, t)
		}
	}
	return list, d.tasksErr
}

// Locks implements resumption.Director.
func (d director) Locks(context.Context) ([]bosh.Lock, error) { return d.locks, d.locksErr }

// web is a Concourse with one pipeline of a team, that our pause has paused.
type web struct {
	paused   bool
	build    string // the status of the build that has paused; "" if there is none
	buildErr error  // of Build
}

// User implements pause.ATC.
func (*web) User(context.Context) (concourse.User, error) {
	return concourse.User{Name: "perpetual", Admin: true}, nil
}

// Pipelines implements pause.ATC.
func (w *web) Pipelines(context.Context) ([]concourse.PipelineState, error) {
	return []concourse.PipelineState{{Pipeline: concourse.Pipeline{Name: "app"}, ID: 1, Team: "main", Paused: w.paused, PausedBy: "perpetual", PausedAt: at}}, nil
}

// PausePipeline implements pause.ATC.
func (*web) PausePipeline(context.Context, string, concourse.Pipeline) error {
	return errors.New("nothing is to be paused")
}

// UnpausePipeline implements pause.ATC.
func (w *web) UnpausePipeline(context.Context, string, concourse.Pipeline) error {
	w.paused = false
	return nil
}

// StartedBuilds implements pause.ATC.
func (*web) StartedBuilds(context.Context) ([]concourse.Build, error) { return nil, nil }

// Build implements resumption.ATC.
func (w *web) Build(_ context.Context, id int) (concourse.Build, error) {
	if w.build == "" && w.buildErr == nil {
		return concourse.Build{}, concourse.ErrNoBuild
	}
	return concourse.Build{ID: id, Status: w.build}, w.buildErr
}

// paused is what a quiet upgrade has left, in two keepers of which the second has it.
func paused() (k *keeper, r resumption.Resumption) {
	k = &keeper{revision: "1", list: pause.List{
		Deployment: "concourse", Phase: pause.Paused, Since: at.Add(-time.Hour), Build: "perpetual/self-upgrade/upgrade #12", BuildID: 4711,
		User: "perpetual", From: "8.2.5", To: "8.3.0", Task: 42,
		Pipelines: []pause.Entry{{ID: 1, Team: "main", Name: "app", Step: pause.Held, By: "perpetual", At: at.Unix()}},
	}}
	return k, resumption.Resumption{
		Deployment: "concourse", Director: director{}, ATC: &web{paused: true}, Keepers: []pause.Keeper{&keeper{}, k}, Now: func() time.Time { return at },
	}
}

// lock is one of a deployment.
func lock(deployment string, ends time.Time) director {
	return director{locks: []bosh.Lock{{Type: "deployment", Resource: []string{deployment}, TaskID: 42, ExpiresAt: ends}}}
}

// It unpauses only where nobody is at work on the deployment, unless it is forced.
func TestResumption_waitsForWhoIsAtWork(t *testing.T) {
	t.Parallel()
	task := func(deployment, state, description string) director {
		return director{tasks: []bosh.Task{{ID: 42, State: state, Description: description, User: "ci", Deployment: deployment}}}
	}
	locked := func(l bosh.Lock) director {
		l.TaskID, l.ExpiresAt = 42, at.Add(time.Second)
		return director{locks: []bosh.Lock{l}}
	}
	for name, c := range map[string]struct {
		director director
		build    string
		buildErr error
		refused  string // part of the error; "": it unpauses
	}{
		"nobody":                           {},
		"the build that has ended":         {build: "succeeded"},
		"the build that has paused":        {build: "started", refused: "perpetual/self-upgrade/upgrade #12, still runs"},
		"a Concourse that tells no builds": {buildErr: errors.New("no answer"), refused: "no answer"},
		"a deploy":                         {director: task("concourse", bosh.StateProcessing, "create deployment"), refused: "director task 42 (create deployment by ci, processing) holds deployment concourse"},
		"a deploy that waits":              {director: task("concourse", bosh.StateQueued, "create deployment"), refused: "director task 42 (create deployment by ci, queued)"},
		"a deploy that is being cancelled": {director: task("concourse", bosh.StateCancelling, "create deployment"), refused: "director task 42 (create deployment by ci, cancelling)"},
		"a deploy that has ended":          {director: task("concourse", bosh.StateDone, "create deployment")},
		"a deploy of another deployment":   {director: task("other", bosh.StateProcessing, "create deployment")},
		"a deletion":                       {director: task("concourse", bosh.StateProcessing, "delete deployment concourse"), refused: "director task 42 (delete deployment"},
		"a task that changes nothing":      {director: task("concourse", bosh.StateProcessing, "retrieve vm-stats")},
		"a lock":                           {director: lock("concourse", at.Add(time.Second)), refused: "director task 42 (lock of the deployment)"},
		"a lock whose end cannot be read":  {director: lock("concourse", time.Time{}), refused: "director task 42 (lock of the deployment)"},
		"a lock that a dead task has left": {director: lock("concourse", at.Add(-time.Second))},
		"a lock of another deployment":     {director: lock("other", at.Add(time.Second))},
		"a lock of a release":              {director: locked(bosh.Lock{Type: "release", Resource: []string{"concourse"}})},
		"a lock of nothing that is named":  {director: locked(bosh.Lock{Type: "deployment"})},
		"a director that tells no tasks":   {director: director{tasksErr: errors.New("no answer")}, refused: "no answer"},
		"a director that tells no locks":   {director: director{locksErr: errors.New("no answer")}, refused: "no answer"},
	} {
		for _, force := range []bool{false, true} {
			k, r := paused()
			atc := &web{paused: true, build: c.build, buildErr: c.buildErr}
			r.Director, r.ATC, r.Force = c.director, atc, force
			resumed, err := r.Run(t.Context())
			refused := c.refused != "" && !force
			switch {
			case refused && (err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "nothing was unpaused") || !atc.paused || !k.list.Active()):
				t.Errorf("%s: %v, paused %t, list %s", name, err, atc.paused, k.list.Phase)
			case !refused && (err != nil || atc.paused || k.list.Active() || !resumed.Found || len(resumed.Unpaused) != 1):
				t.Errorf("%s, force %t: %v, paused %t, list %s, %+v", name, force, err, atc.paused, k.list.Phase, resumed)
			}
		}
	}
}

// What holds others off is asked before anything is unpaused, and not by who forces it.
func TestResumption_isAloneUnlessForced(t *testing.T) {
	t.Parallel()
	for _, force := range []bool{false, true} {
		k, r := paused()
		held := errors.New("another run is under way")
		r.Force, r.Hold = force, func(context.Context, func(context.Context) error) error { return held }
		if _, err := r.Run(t.Context()); errors.Is(err, held) == force || k.list.Active() == force {
			t.Errorf("force %t: %v, list %s", force, err, k.list.Phase)
		}
	}
}

// Where nothing is paused nobody is asked, and it is said.
func TestResumption_ofNothingAsksNobody(t *testing.T) {
	t.Parallel()
	r := resumption.Resumption{Deployment: "concourse", Keepers: []pause.Keeper{&keeper{}}}
	resumed, err := r.Run(t.Context())
	if err != nil || resumed.Found || resumed.Did() {
		t.Errorf("%+v, %v", resumed, err)
	}
	if lines := resumed.Lines("ci"); len(lines) != 1 || !strings.Contains(lines[0], "nothing is paused") {
		t.Errorf("%q", lines)
	}
}

// Look tells who works on it. A task that the director has forgotten and a Concourse that is
// not there are not errors; a director that fails is.
func TestLook_tellsWhoIsAtWork(t *testing.T) {
	t.Parallel()
	k, _ := paused()
	processing := director{tasks: []bosh.Task{{ID: 42, State: bosh.StateProcessing}}}
	for name, c := range map[string]struct {
		director director
		web      resumption.ATC
		state    string
		building bool
		fails    bool
	}{
		"both":               {director: processing, web: &web{build: "started"}, state: bosh.StateProcessing, building: true},
		"a forgotten task":   {web: &web{}},
		"no Concourse":       {director: processing, state: bosh.StateProcessing},
		"a director's fault": {director: director{tasks: processing.tasks, tasksErr: errors.New("no answer")}, fails: true},
	} {
		s, found, err := resumption.Look(t.Context(), c.director, c.web, k, "concourse")
		if (err != nil) != c.fails || found == c.fails || !c.fails && (s.DirectorTask.State != c.state || s.Building != c.building) {
			t.Errorf("%s: %+v, %t, %v", name, s, found, err)
		}
	}
	if _, found, err := resumption.Look(t.Context(), director{}, nil, &keeper{}, "concourse"); found || err != nil {
		t.Errorf("where nothing is: %t, %v", found, err)
	}
}
