package director_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestSnapshot_deployIsLikeARequests(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	task, err := w.Deploy(t.Context(), []byte(manifestOf("dep1", 1, "hello")))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "state", w.see(task.ID).State, director.StateDone)
	same(t, "manifest", w.Deployments()[0].Manifest, manifestOf("dep1", 1, "hello"))
	w.FailInstance("web", 0, "no", 1)
	if _, err := w.Deploy(t.Context(), []byte(manifestOf("dep1", 1, "changed"))); err == nil || !strings.Contains(err.Error(), "dep1: task 2 is error") {
		t.Errorf("error %v, want one that names the task", err)
	}
	if _, err := w.Deploy(t.Context(), []byte("- no mapping")); err == nil {
		t.Error("a list was deployed")
	}
}

func TestRequests_countsTheRefusedOnesToo(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	w.do("GET", "/info", "")
	w.do("GET", "/tasks", "", "Authorization", "")
	up := w.Down(director.BadGateway)
	w.do("GET", "/info", "")
	up()
	same(t, "requests", w.Requests(), 3)
}

func TestJobs_areStoppedAndStartedByStateChanges(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	change := func(path string) {
		t.Helper()
		w.ends(w.taskOf(w.do("PUT", "/deployments/dep1/jobs/"+path, "", "Content-Type", "text/yaml")), director.StateDone)
	}
	vm := w.Instances("dep1")[1].VM
	change("web/0?state=stopped")
	same(t, "first", w.Instances("dep1")[0].Running, false)
	same(t, "second", w.Instances("dep1")[1].Running, true)
	change("web/0?state=started")
	same(t, "first", w.Instances("dep1")[0].Running, true)
	change("web/1?state=detached")
	same(t, "VM of the second", w.Instances("dep1")[1].VM, "")
	w.deployed(manifestOf("dep1", 2, "changed"), "")
	same(t, "VM after a deploy", w.Instances("dep1")[1].VM, "")
	change("*?state=recreate")
	if got := w.Instances("dep1"); got[1].VM == vm || got[1].VM == "" {
		t.Errorf("VM %q, want a new one", got[1].VM)
	}
	same(t, "of a deployment that is absent", w.do("PUT", "/deployments/nope/jobs/*?state=stopped", "", "Content-Type", "text/yaml").status, 404)
}
