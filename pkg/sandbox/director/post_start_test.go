package director_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// gated is a release like the one of our own: a job with a post-start and one without.
func gated(version, script string) []byte {
	manifest := "name: gates\nversion: \"" + version + "\"\ncommit_hash: abc\nuncommitted_changes: false\npackages: []\njobs:\n"
	for _, name := range []string{"gate", "plain"} {
		print := name + "-" + sha1Of([]byte(script))[:8]
		manifest += "- {name: " + name + ", version: " + print + ", fingerprint: " + print + ", sha1: abc, packages: []}\n"
	}
	return archive([2]string{"release.MF", manifest},
		[2]string{"jobs/gate.tgz", string(archive(
			[2]string{"job.MF", "name: gate\ntemplates:\n  post-start: bin/post-start\n"}, [2]string{"monit", ""},
			[2]string{"templates/post-start", script}))},
		[2]string{"jobs/plain.tgz", string(archive([2]string{"job.MF", "name: plain\ntemplates: {}\n"}, [2]string{"monit", ""}))})
}

// upload sends a release and waits for its task.
func (w *world) upload(archive []byte, query, state string) int {
	w.t.Helper()
	id := w.taskOf(w.do("POST", "/releases"+query, string(archive), "Content-Type", "application/x-compressed"))
	w.ends(id, state)
	return id
}

// twoGroups is a manifest with a gate on the first group and a second one after it.
func twoGroups(version, message string) string {
	m := manifestOf("dep1", 1, message)
	m = strings.Replace(m, `releases: [`, `releases: [{name: gates, version: "`+version+`"}, `, 1)
	first, group, _ := strings.Cut(m, "- name: web\n")
	return first + "- name: web\n" + group + "  - {name: gate, release: gates}\n  - {name: plain, release: gates}\n- name: worker\n" + group
}

func TestPostStart_holdsTheNextGroupAndSeesWhatRuns(t *testing.T) {
	t.Parallel()
	g := newGate()
	var seen atomic.Value
	w := seeded(t, director.Options{PostStart: func(ctx context.Context, u director.Update) error {
		if u.Group != "web" {
			return nil
		}
		seen.Store(u)
		return g.wait(ctx)
	}})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	id := w.deploy(twoGroups("1", "hello"), "")
	w.arrived(g)
	sameList(t, "updated while it runs", w.updated(id))
	for _, i := range w.Instances("dep1") {
		if i.Group == "worker" && i.Running {
			t.Error("the next group was started")
		}
	}
	g.release()
	w.ends(id, director.StateDone)
	u := seen.Load().(director.Update)
	sameList(t, "jobs", u.Jobs, "noop", "gate", "plain")
	same(t, "agent", u.AgentID, w.Instances("dep1")[0].AgentID)
	sameList(t, "updated", w.updated(id), "dep1/web/0", "dep1/worker/0")
}

func TestPostStart_thatFailsLeavesTheNewContentAndTheOldManifest(t *testing.T) {
	t.Parallel()
	var fails atomic.Bool
	stopped := 0
	w := seeded(t, director.Options{
		PostStart: func(_ context.Context, u director.Update) error {
			if fails.Load() && u.Group == "web" {
				return errors.New("exit status 1")
			}
			return nil
		},
		Drain: func(context.Context, director.Update) error { stopped++; return nil },
	})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	first := twoGroups("1", "hello")
	w.deployed(first, "")
	fails.Store(true)
	next := strings.ReplaceAll(first, `name: tinyrel, version: "1"`, `name: tinyrel, version: "2"`)
	for try := range 2 { // a retry stops and starts the instance
		id := w.deploy(next, "")
		w.ends(id, director.StateError)
		code, message := w.failure(id)
		same(t, "code", code, 450001)
		if !strings.HasPrefix(message, "Action Failed get_task: Task ") || !strings.HasSuffix(message, " result: 1 of 1 post-start scripts failed. Failed Jobs: gate.") {
			t.Errorf("message %q", message)
		}
		web, worker := w.Instances("dep1")[0], w.Instances("dep1")[1]
		same(t, "release of web", web.Releases["tinyrel"], "2")
		same(t, "web runs", web.Running, true)
		same(t, "web's state", web.State, "started")
		same(t, "release of worker", worker.Releases["tinyrel"], "1")
		same(t, "stops", stopped, try+1)
		same(t, "manifest", *manifestAsked(w, "dep1"), first)
		sameList(t, "updated", w.updated(id))
	}
	fails.Store(false)
	id := w.deployed(first, "") // back to what was: web is updated, worker has never left it
	sameList(t, "updated", w.updated(id), "dep1/web/0")
	same(t, "release of web", w.Instances("dep1")[0].Releases["tinyrel"], "1")
}

func TestAgent_isAnotherAfterARecreate(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	before := w.Instances("dep1")[0]
	w.deployed(manifestOf("dep1", 1, "other"), "")
	same(t, "agent after an update", w.Instances("dep1")[0].AgentID, before.AgentID)
	w.deployed(manifestOf("dep1", 1, "other"), "recreate=true")
	after := w.Instances("dep1")[0]
	same(t, "id", after.ID, before.ID)
	if after.AgentID == before.AgentID || after.AgentID == "" {
		t.Errorf("agent %q, before %q", after.AgentID, before.AgentID)
	}
	listed := decoded[[]struct {
		Agent string `json:"agent_id"`
	}](w, w.do("GET", "/deployments/dep1/instances", ""))
	same(t, "listed", listed[0].Agent, after.AgentID)
}

func TestRelease_withTheSameFingerprintsRestartsNothing(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	w.upload(gated("2", "exit 0"), "", director.StateDone)
	w.upload(gated("3", "exit 1"), "", director.StateDone)
	w.deployed(twoGroups("1", "hello"), "")
	id := w.deployed(twoGroups("2", "hello"), "")
	sameList(t, "updated for another version", w.updated(id))
	same(t, "version", w.Instances("dep1")[0].Releases["gates"], "2")
	id = w.deployed(twoGroups("3", "hello"), "")
	sameList(t, "updated for another content", w.updated(id), "dep1/web/0")
}

func TestRelease_withAnotherFingerprintUnderItsVersionIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	for _, query := range []string{"", "?fix=true"} {
		id := w.upload(gated("1", "exit 1"), query, director.StateError)
		code, message := w.failure(id)
		same(t, "code", code, 30013)
		same(t, "message", message, "job 'gate' had different fingerprint in previously uploaded release 'gates/1'")
	}
	content, _ := w.JobTemplate("gates", "1", "gate", "post-start")
	same(t, "template", string(content), "exit 0")
}

func TestRelease_withOtherBytesUnderAKnownFingerprintDropsThemInSilence(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	other := bytesReplaced(t, gated("1", "exit 0"), "exit 0", "exit 9")
	w.upload(other, "", director.StateDone)
	content, ok := w.JobTemplate("gates", "1", "gate", "post-start")
	same(t, "template", string(content), "exit 0")
	same(t, "found", ok, true)
	w.upload(other, "?fix=true", director.StateDone)
	content, _ = w.JobTemplate("gates", "1", "gate", "post-start")
	same(t, "template after fix", string(content), "exit 9")
	for _, absent := range [][4]string{{"gates", "2", "gate", "post-start"}, {"gates", "1", "nope", "post-start"}, {"gates", "1", "gate", "nope"}} {
		if _, ok := w.JobTemplate(absent[0], absent[1], absent[2], absent[3]); ok {
			t.Errorf("%q is there", absent)
		}
	}
}

func TestRelease_withAJobThatIsIncompleteIsRefused(t *testing.T) {
	t.Parallel()
	const manifest = "name: r\nversion: 1\njobs: [{name: j, version: a, fingerprint: a, packages: []}]\n"
	cases := map[string]struct {
		files [][2]string
		code  int
	}{
		"no manifest": {[][2]string{{"monit", ""}}, 80001},
		"no template": {[][2]string{{"job.MF", "name: j\ntemplates: {a: bin/a}\n"}, {"monit", ""}}, 80002},
		"no monit":    {[][2]string{{"job.MF", "name: j\ntemplates: {}\n"}}, 80004},
	}
	for name, c := range cases {
		w := start(t, director.Options{})
		id := w.upload(archive([2]string{"release.MF", manifest}, [2]string{"jobs/j.tgz", string(archive(c.files...))}), "", director.StateError)
		code, _ := w.failure(id)
		same(t, name, code, c.code)
	}
	w := start(t, director.Options{})
	code, _ := w.failure(w.upload(archive([2]string{"release.MF", manifest}), "", director.StateError))
	same(t, "no archive", code, 80000)
}

func TestDeploy_ofAJobThatItsReleaseLacksFails(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	id := w.deploy(strings.Replace(twoGroups("1", "hello"), "name: gate,", "name: nope,", 1), "")
	w.ends(id, director.StateError)
	_, message := w.failure(id)
	same(t, "message", message, "Job 'nope' not found in Template table")
}

func TestDeploy_thatOnlyReordersGroupsChangesNothingAndIsStored(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	first := twoGroups("1", "hello")
	w.deployed(first, "")
	head, groups, _ := strings.Cut(first, "instance_groups:\n")
	web, worker, _ := strings.Cut(groups, "- name: worker\n")
	turned := head + "instance_groups:\n- name: worker\n" + worker + web
	diff := decoded[struct{ Diff []any }](w, w.do("POST", "/deployments/dep1/diff", turned, "Content-Type", "text/yaml"))
	same(t, "lines of the diff", len(diff.Diff), 0)
	id := w.deployed(turned, "")
	sameList(t, "updated", w.updated(id))
	same(t, "manifest", *manifestAsked(w, "dep1"), turned)
	id = w.deployed(strings.ReplaceAll(turned, "msg: hello", "msg: other"), "")
	if got := w.updated(id); !slices.Equal(got, []string{"dep1/worker/0", "dep1/web/0"}) {
		t.Errorf("updated in the order %q", got)
	}
}
