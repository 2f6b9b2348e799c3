package upgrade_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// why is the line in which debug says how a task was judged.
func (f *fixture) why(t *testing.T, task string) string {
	t.Helper()
	var found string
	for line := range strings.Lines(f.debug.String()) {
		if strings.Contains(line, `msg="task judged" task=`+task+" ") {
			found = line // the last one
		}
	}
	if found == "" {
		t.Errorf("nothing is said of task %s:\n%s", task, f.debug.String())
	}
	return found
}

func TestOut_tellsAtDebugWhyTasksAreJudgedAsTheyAre(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.ID = "12"
		f.director.deploy = fakeTask{takes: time.Minute, end: bosh.StateError}
		if _, err := f.out(t.Context(), nil); err != nil { // task 10, which fails
			t.Fatal(err)
		}
		time.Sleep(long)
		id := f.contextID(t)
		twin := foreign("create deployment", 0, bosh.StateError)
		twin.ContextID, twin.Result = id, "Failed to acquire lock for lock:deployment:concourse uid: 1. Locking task id is 10, descr..."
		f.director.add(twin)
		f.director.add(foreign("create deployment (dry run)", 0, bosh.StateDone))
		f.director.add(foreign("ssh: setup", time.Hour, bosh.StateDone))
		f.director.add(foreign("delete deployment concourse", 20*time.Second, bosh.StateError))
		f.build.ID = "13"
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for task, reason := range map[string]string{
			"7": "it has deployed other content", "10": "an attempt at this content, which failed", "11": "it did not get the lock, so it has done nothing",
			"12": "it is not a deploy", "13": "keeps nobody from deploying", "14": "it is not a deploy",
		} {
			wantText(t, "task "+task, f.why(t, task), reason, "context=")
		}
		wantText(t, "debug", f.debug.String(), "looking again", `msg="tasks judged"`, "failed=10 attempts=1", "msg=submitting context=perpetual-")
		f.build.ID = "14"
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "task 15", f.why(t, "15"), "it deploys the same content: join it")
	})
}

func TestOut_tellsAtDebugWhatLeaseAndJournalGoThrough(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		f.director.uploads["concourse"] = outcome{takes: 50 * time.Second}
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "debug", f.debug.String(), `msg="lease taken"`, `msg="lease renewed"`, `msg="lease given back"`, "lease="+leaseName,
			`msg="journal entry" operation=perpetual-`, "step=deploy status=begun task=0", "step=deploy status=done task=10")
	})
}

func TestIn_tellsAtDebugOfTheTwin(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		twin := foreign("create deployment", 0, bosh.StateError)
		twin.ContextID, twin.Result = f.contextID(t), "Failed to acquire lock for lock:deployment:concourse uid: 1. Locking task id is 10, descr..."
		f.director.add(twin)
		time.Sleep(long)
		f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
		if _, err := f.in(t.Context(), "11", t.TempDir(), resource.InParams{Verify: true}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "debug", f.debug.String(), `msg="twin judged" task=11 twin=10 state=done`)
	})
}

// What is told names tasks and contents, never values.
func TestOut_tellsNoCredentialAtDebug(t *testing.T) {
	withStore(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Vars = map[string]any{"worker_key": "canary-given"} }); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"canary-given", keptKey} {
			if strings.Contains(f.debug.String(), secret) {
				t.Errorf("debug shows %s:\n%s", secret, f.debug.String())
			}
		}
	})
}
