package director_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestDelete_ofADeploymentTakesItsInstancesAndFreesItsRelease(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	used := w.taskOf(w.do("DELETE", "/releases/tinyrel?version=1", ""))
	w.ends(used, director.StateError)
	id := w.taskOf(w.do("DELETE", "/deployments/dep1", ""))
	task := w.ends(id, director.StateDone)
	same(t, "description", task.Description, "delete deployment dep1")
	same(t, "result", *task.Result, "/deployments/dep1")
	r := w.do("GET", "/deployments/dep1", "")
	same(t, "status", r.status, 404)
	same(t, "body", r.body, `{"code":70000,"description":"Deployment 'dep1' doesn't exist"}`)
	same(t, "deployments", w.do("GET", "/deployments", "").body, "[]")
	same(t, "deletes", w.Count(director.EffectDelete, "deployment/dep1"), 1)
	w.ends(w.taskOf(w.do("DELETE", "/releases/tinyrel?version=1", "")), director.StateDone)
	same(t, "status when it is gone", w.do("DELETE", "/deployments/dep1", "").status, 404)
}

func TestDelete_waitsForTheDeploymentsLock(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{LockWait: 1 << 40})
	first := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	id := w.taskOf(w.do("DELETE", "/deployments/dep1", ""))
	w.until("the start", func() bool { return w.see(id).State == director.StateProcessing })
	same(t, "instances", len(w.Instances("dep1")), 1)
	g.release()
	w.ends(first, director.StateDone)
	w.ends(id, director.StateDone)
	same(t, "deployments", len(w.Deployments()), 0)
}

func TestDiff_thatCannotResolveALatestVersionAnswers200WithAnError(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	for _, c := range []struct{ name, old, new, said string }{
		{"stemcell by system", "os: tiny-os", "os: nope-os", "Bosh::Director::StemcellNotFound: Stemcell with Operating System 'nope-os' doesn't exist"},
		{"stemcell by name", "os: tiny-os", "name: nope", "Bosh::Director::StemcellNotFound: Stemcell 'nope' doesn't exist"},
		{"release", `{name: tinyrel, version: "1"}`, "{name: nope, version: latest}", "Bosh::Director::ReleaseNotFound: Release 'nope' doesn't exist"},
	} {
		manifest := strings.Replace(manifestOf("dep1", 1, "hello"), c.old, c.new, 1)
		r := w.do("POST", "/deployments/dep1/diff?redact=true", manifest, "Content-Type", "text/yaml")
		same(t, c.name+": status", r.status, 200)
		if !strings.HasPrefix(r.body, `{"diff":[],"error":"Unable to diff manifest: #<`+c.said+`>\n`) {
			t.Errorf("%s: body %s", c.name, r.body)
		}
		w.ends(w.deploy(manifest, ""), director.StateError)
	}
}

func TestDiff_doesNotMindAnExactVersionThatIsAbsent(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	manifest := strings.Replace(manifestOf("dep1", 1, "hello"), `version: "1"`, `version: "99"`, 1)
	r := w.do("POST", "/deployments/dep1/diff", manifest, "Content-Type", "text/yaml")
	answer := decoded[struct {
		Diff    [][2]any
		Context struct {
			Cloud []int `json:"cloud_config_ids"`
		}
	}](w, r)
	same(t, "lines", len(answer.Diff), 4)
	same(t, "config", answer.Context.Cloud[0], 1)
	id := w.deploy(manifest, "")
	w.ends(id, director.StateError)
	code, message := w.failure(id)
	same(t, "code", code, 30006)
	same(t, "message", message, "Release version 'tinyrel/99' doesn't exist")
}

func TestDiff_hidesPropertiesUnlessAskedNotTo(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	for query, want := range map[string]string{"": `msg: \"<redacted>\"","added"`, "?redact=true": `msg: \"<redacted>\"","added"`, "?redact=false": `msg: changed","added"`} {
		r := w.do("POST", "/deployments/dep1/diff"+query, manifestOf("dep1", 1, "changed"), "Content-Type", "text/yaml")
		if !strings.Contains(r.body, want) || (query != "?redact=false" && strings.Contains(r.body, "changed")) {
			t.Errorf("%q: %s, want %s in it", query, r.body, want)
		}
	}
}

func TestDeploy_ofAManifestThatNamesWhatIsAbsentFailsBeforeAnyVM(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	for _, c := range []struct {
		old, new string
		code     int
	}{
		{"vm_type: small", "vm_type: huge", 140004},
		{"networks: [{name: default}]", "networks: [{name: other}]", 150001},
		{"azs: [z1]", "azs: [z9]", 140018},
		{"version: latest", `version: "9.9"`, 50003},
	} {
		id := w.deploy(strings.Replace(manifestOf("dep2", 1, "hello"), c.old, c.new, 1), "")
		w.ends(id, director.StateError)
		code, _ := w.failure(id)
		same(t, c.new, code, c.code)
	}
	same(t, "VMs made", w.Count(director.EffectVM, ""), 0)
}
