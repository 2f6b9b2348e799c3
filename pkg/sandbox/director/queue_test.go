package director_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// queuedBehind is a director with one worker that is busy with a deploy at a
// gate, and a deploy of another deployment that waits for it.
func queuedBehind(t *testing.T) (w *world, g *gate, running, queued int) {
	t.Helper()
	w, g = held(t, director.Options{Workers: 1})
	running = w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	return w, g, running, w.deploy(manifestOf("dep2", 1, "hello"), "")
}

func TestTask_staysQueuedWhileEveryWorkerIsBusy(t *testing.T) {
	t.Parallel()
	w, g, running, queued := queuedBehind(t)
	task := w.see(queued)
	same(t, "state", task.State, director.StateQueued)
	if task.StartedAt != nil || task.Timestamp != nil || task.Result != nil {
		t.Errorf("task %+v, want nulls", task)
	}
	same(t, "its events", w.do("GET", "/tasks/"+itoa(queued)+"/output?type=event", "").body, "")
	same(t, "locks", len(w.Locks()), 1)
	g.release()
	w.ends(running, director.StateDone)
	w.ends(queued, director.StateDone)
	sameList(t, "updated", w.updated(queued), "dep2/web/0")
}

func TestTask_startsWhenThereAreMoreWorkers(t *testing.T) {
	t.Parallel()
	w, g, running, queued := queuedBehind(t)
	w.SetWorkers(2)
	w.arrived(g)
	same(t, "state", w.see(queued).State, director.StateProcessing)
	same(t, "state of the first", w.see(running).State, director.StateProcessing)
}

func TestCancel_ofAQueuedTaskTakesEffectWhenAWorkerIsFree(t *testing.T) {
	t.Parallel()
	w, g, running, queued := queuedBehind(t)
	same(t, "status", w.do("DELETE", "/task/"+itoa(queued), "").status, 204)
	same(t, "state", w.see(queued).State, director.StateCancelling)
	again := w.do("DELETE", "/task/"+itoa(queued), "")
	same(t, "status", again.status, 400)
	same(t, "body", again.body, fmt.Sprintf("Cannot cancel task %d: invalid state (cancelling)", queued))
	g.release()
	w.ends(running, director.StateDone)
	task := w.ends(queued, director.StateCancelled)
	if task.StartedAt != nil || task.Result == nil || *task.Result != "task cancelled" {
		t.Errorf("task %+v, want one that never started", task)
	}
	sameList(t, "updated", w.updated(queued))
}

func TestCancel_ofARunningDeployWaitsForTheStepThatRuns(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{})
	id := w.deploy(manifestOf("dep1", 3, "hello"), "")
	w.arrived(g)
	same(t, "status", w.do("DELETE", "/task/"+itoa(id), "").status, 204)
	same(t, "state", w.see(id).State, director.StateCancelling)
	same(t, "locks", len(w.Locks()), 1)
	g.release()
	w.ends(id, director.StateCancelled)
	code, message := w.failure(id)
	same(t, "code", code, 10001)
	same(t, "message", message, fmt.Sprintf("Task %d cancelled", id))
	same(t, "locks left", len(w.Locks()), 0)
	for _, i := range w.Instances("dep1")[1:] {
		same(t, "running", i.Running, false)
	}
	same(t, "status when it has ended", w.do("DELETE", "/task/"+itoa(id), "").status, 400)
}

func TestCancel_doesNotEndAWaitForALock(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{LockWait: 10 * time.Second})
	defer w.HoldLock("dep1")()
	id := waitingForLock(w, "dep1")
	same(t, "status", w.do("DELETE", "/task/"+itoa(id), "").status, 204)
	same(t, "state", w.see(id).State, director.StateCancelling)
	w.until("the end of the wait", func() bool {
		w.clock.Advance(11 * time.Second)
		return w.see(id).State != director.StateCancelling
	})
	w.ends(id, director.StateError)
}

func TestCancel_ofManyTouchesOnlyTheStatesAndTheDeploymentAskedFor(t *testing.T) {
	t.Parallel()
	w, _, running, queued := queuedBehind(t)
	other := w.deploy(manifestOf("dep3", 1, "hello"), "")
	r := w.do("POST", "/tasks/cancel", `{"states":["queued"],"deployment":"dep2"}`, "Content-Type", "application/json")
	same(t, "status", r.status, 204)
	same(t, "running", w.see(running).State, director.StateProcessing)
	same(t, "queued", w.see(queued).State, director.StateCancelling)
	same(t, "queued of another deployment", w.see(other).State, director.StateQueued)
}

func TestTasks_areListedByTimestampNotByID(t *testing.T) {
	t.Parallel()
	w, g, _, _ := queuedBehind(t)
	w.clock.Advance(time.Minute)
	g.release()
	w.ends(1, director.StateDone)
	w.ends(2, director.StateDone)
	w.clock.Advance(time.Minute)
	w.SetWorkers(0)
	last := w.deploy(manifestOf("dep3", 1, "hello"), "")
	tasks := decoded[[]director.Task](w, w.do("GET", "/tasks?state=queued", ""))
	same(t, "queued", len(tasks), 1)
	same(t, "id", tasks[0].ID, last)
	tasks = decoded[[]director.Task](w, w.do("GET", "/tasks?limit=1", ""))
	same(t, "newest", tasks[0].ID, last)
	same(t, "of dep2", decoded[[]director.Task](w, w.do("GET", "/tasks?deployment=dep2", ""))[0].ID, 2)
}

func TestTasks_ofATwinThatEndedFirstAreListedLast(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{LockWait: 10 * time.Second})
	first := w.deploy(manifestOf("dep1", 1, "hello"), "", "X-Bosh-Context-Id", "c")
	w.arrived(g)
	second := w.deploy(manifestOf("dep1", 1, "hello"), "", "X-Bosh-Context-Id", "c")
	w.until("the end of the twin", func() bool {
		w.clock.Advance(11 * time.Second)
		return w.see(second).State == director.StateError
	})
	w.clock.Advance(time.Minute)
	g.release()
	w.ends(first, director.StateDone)
	tasks := decoded[[]director.Task](w, w.do("GET", "/tasks?context_id=c&verbose=2", ""))
	if len(tasks) != 2 || tasks[0].ID != first || tasks[1].ID != second {
		t.Errorf("tasks %+v, want %d, %d", tasks, first, second)
	}
}
