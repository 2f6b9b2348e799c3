package director_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// waitingForLock is a deploy that waits for a lock which another task holds.
func waitingForLock(w *world, name string) int {
	w.t.Helper()
	id := w.deploy(manifestOf(name, 1, "hello"), "")
	w.until("the start of a deploy", func() bool { return w.see(id).State == director.StateProcessing })
	return id
}

func TestDeploy_failsNamingTheHolderAfterTenSecondsWithoutTheLock(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{LockWait: 10 * time.Second})
	release := w.HoldLock("dep1")
	defer release()
	holder := w.LockHolders()[0]
	id := waitingForLock(w, "dep1")
	w.until("the end of the wait", func() bool {
		w.clock.Advance(11 * time.Second)
		return w.see(id).State == director.StateError
	})
	code, message := w.failure(id)
	same(t, "code", code, 100)
	if !strings.HasPrefix(message, "Failed to acquire lock for lock:deployment:dep1 uid: ") ||
		!strings.HasSuffix(message, fmt.Sprintf(". Locking task id is %d, description: 'scan and fix'", holder)) {
		t.Errorf("message %q", message)
	}
	if result := w.see(id).Result; result == nil || !strings.HasSuffix(*result, "...") || len(*result) > 131 {
		t.Errorf("result %v, want the message cut", result)
	}
	same(t, "VMs made", w.Count(director.EffectVM, ""), 0)
	same(t, "locks left", len(w.Locks()), 1)
}

func TestDeploy_goesOnWhenTheLockIsGivenBackWithinTenSeconds(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{LockWait: 10 * time.Minute})
	release := w.HoldLock("dep1")
	id := waitingForLock(w, "dep1")
	w.clock.Advance(5 * time.Minute)
	same(t, "state", w.see(id).State, director.StateProcessing)
	same(t, "events while it waits", w.Events(id), "")
	release()
	w.ends(id, director.StateDone)
	sameList(t, "updated", w.updated(id), "dep1/web/0")
	same(t, "locks left", len(w.Locks()), 0)
}

func TestLocks_showTheDeployThatHoldsThem(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{})
	id := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	locks := decoded[[]director.LockHolder](w, w.do("GET", "/locks", ""))
	if len(locks) != 1 {
		t.Fatalf("locks %v, want one", locks)
	}
	same(t, "type", locks[0].Type, "deployment")
	sameList(t, "resource", locks[0].Resource, "dep1")
	same(t, "task", locks[0].Task, itoa(id))
	deployments := decoded[[]struct{ Locked bool }](w, w.do("GET", "/deployments", ""))
	same(t, "locked", deployments[0].Locked, true)
	g.release()
	w.ends(id, director.StateDone)
	same(t, "locks", w.do("GET", "/locks", "").body, "[]")
}

func TestTwins_oneFailsAtTheLockWhileTheOtherConverges(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{LockWait: 10 * time.Second})
	twins := [2]int{}
	for i := range twins {
		twins[i] = w.deploy(manifestOf("dep1", 1, "hello"), "", "X-Bosh-Context-Id", "ctx-1")
	}
	w.arrived(g)
	w.until("the end of the twin that waits", func() bool {
		w.clock.Advance(11 * time.Second)
		return w.see(twins[0]).State == director.StateError || w.see(twins[1]).State == director.StateError
	})
	winner, loser := twins[0], twins[1]
	if w.see(winner).State == director.StateError { // either may have got the lock
		winner, loser = loser, winner
	}
	_, message := w.failure(loser)
	if want := fmt.Sprintf("Locking task id is %d, description: 'create deployment'", winner); !strings.Contains(message, want) {
		t.Errorf("message %q, want %q in it", message, want)
	}
	same(t, "state of the other", w.see(winner).State, director.StateProcessing)
	g.release()
	w.ends(winner, director.StateDone)
	sameList(t, "updated", w.updated(winner), "dep1/web/0")
	same(t, "deploys of the context", len(decoded[[]director.Task](w, w.do("GET", "/tasks?context_id=ctx-1&verbose=2", ""))), 2)
	same(t, "deploys", w.Count(director.EffectDeploy, "dep1"), 2)
	same(t, "instances updated", w.Count(director.EffectInstance, ""), 1)
}

func TestTwins_theSecondFindsNothingToDoWhenTheFirstIsQuick(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{LockWait: 10 * time.Minute})
	first, second := w.deploy(manifestOf("dep1", 1, "hello"), ""), w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	g.release()
	w.ends(first, director.StateDone)
	w.ends(second, director.StateDone)
	same(t, "instances updated", w.Count(director.EffectInstance, ""), 1)
	same(t, "VMs made", w.Count(director.EffectVM, ""), 1)
}

func TestTwins_bothRecreateTheVMs(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{LockWait: 10 * time.Minute})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	made := w.Count(director.EffectVM, "")
	first, second := w.deploy(manifestOf("dep1", 1, "hello"), "recreate=true"), w.deploy(manifestOf("dep1", 1, "hello"), "recreate=true")
	w.ends(first, director.StateDone)
	w.ends(second, director.StateDone)
	same(t, "VMs made by the twins", w.Count(director.EffectVM, "")-made, 2)
}
