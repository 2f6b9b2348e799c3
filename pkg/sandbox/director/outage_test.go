package director_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// slowScale makes the 241 s of a lock 12 s, which no test waits for but by its clock.
const slowScale = 0.05

// dead is a director with a task whose worker was killed in the middle.
func dead(t *testing.T, kill func(*world, int) bool) (w *world, g *gate, id int) {
	t.Helper()
	w, g = held(t, director.Options{Scale: slowScale, LockWait: 10 * time.Minute})
	id = w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	if !kill(w, id) {
		t.Fatal("no worker was killed")
	}
	return w, g, id
}

func killWorker(w *world, id int) bool { return w.KillWorker(id) }

func TestKilledWorker_leavesItsTaskProcessingUntilALookAfterThreeMinutes(t *testing.T) {
	t.Parallel()
	w, _, id := dead(t, killWorker)
	log := w.Events(id)
	same(t, "state", w.see(id).State, director.StateProcessing)
	w.clock.Advance(10 * time.Second) // 200 s of the director's time
	same(t, "state without a look", w.Tasks()[id-1].State, director.StateProcessing)
	task := w.see(id)
	same(t, "state", task.State, director.StateTimeout)
	if task.Result != nil || task.Timestamp == nil || *task.Timestamp != *task.StartedAt {
		t.Errorf("task %+v, want no result and the time of its start", task)
	}
	same(t, "log", w.Events(id), log)
	r := w.do("DELETE", "/task/"+itoa(id), "")
	same(t, "status", r.status, 400)
	same(t, "body", r.body, "Cannot cancel task "+itoa(id)+": invalid state (timeout)")
}

func TestKilledWorker_leavesALockThatTheNextDeployTakesWhenItExpires(t *testing.T) {
	t.Parallel()
	w, g, id := dead(t, killWorker)
	next := waitingForLock(w, "dep1")
	same(t, "holder", w.LockHolders()[0], id)
	w.clock.Advance(13 * time.Second)
	w.arrived(g)
	same(t, "holder as shown after the takeover", w.LockHolders()[0], id)
	g.release()
	w.ends(next, director.StateDone)
	same(t, "locks left", len(w.Locks()), 0)
	sameList(t, "updated by the dead one", w.updated(id))
	sameList(t, "updated", w.updated(next), "dep1/web/0")
}

func TestKilledWorker_ofATaskThatTookALockOverLetsTheLockExpireToo(t *testing.T) {
	t.Parallel()
	w, g, _ := dead(t, killWorker)
	w.clock.Advance(13 * time.Second)
	second := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	same(t, "killed", w.KillWorker(second), true)
	w.clock.Advance(13 * time.Second)
	third := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	g.release()
	w.ends(third, director.StateDone)
}

func TestKilledWorkerChild_endsItsTaskAtOnceWithoutAResult(t *testing.T) {
	t.Parallel()
	w, _, id := dead(t, func(w *world, id int) bool { return w.KillWorkerChild(id) })
	task := w.see(id)
	same(t, "state", task.State, director.StateError)
	if task.Result != nil {
		t.Errorf("result %q, want null", *task.Result)
	}
	code, _ := w.failure(id)
	same(t, "code", code, 0)
	same(t, "holder", w.LockHolders()[0], id)
	same(t, "killed again", w.KillWorker(id), false)
}

// get asks for a path and gives what the connection gave.
func (w *world) get(path string) (int, error) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(w.user, w.pass)
	res, err := w.server.Client().Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestDown_dropsConnectionsWhileTasksGoOn(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{})
	id := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	up := w.Down(director.Refuse)
	if status, err := w.get("/info"); err == nil {
		t.Errorf("status %d, want a closed connection", status)
	}
	g.release()
	w.ends(id, director.StateDone)
	if status, err := w.get("/tasks/" + itoa(id)); err == nil {
		t.Errorf("status %d, want a closed connection", status)
	}
	up()
	same(t, "state", w.see(id).State, director.StateDone)
	same(t, "deploys", w.Count(director.EffectDeploy, ""), 1)
}

func TestDown_behindNginxAnswers502AndTakesNoDeploy(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	up := w.Down(director.BadGateway)
	r := w.do("POST", "/deployments", manifestOf("dep1", 1, "hello"), "Content-Type", "text/yaml")
	same(t, "status", r.status, http.StatusBadGateway)
	same(t, "type", r.header.Get("Content-Type"), "text/html")
	up()
	same(t, "deploys", w.Count(director.EffectDeploy, ""), 0)
	same(t, "tasks", w.do("GET", "/tasks", "").body, "[]")
}

func TestRestart_endsByItself(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.Restart(director.Refuse, 20*time.Millisecond)
	w.until("an answer", func() bool {
		status, err := w.get("/info")
		return err == nil && status == http.StatusOK
	})
}
