package director_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// compiledRel is tinyrel, compiled for a stemcell.
func compiledRel(version, stemcell string) []byte {
	mf := strings.Replace(tinyrelMF(version, false), "\npackages:\n", "\ncompiled_packages:\n", 1)
	mf = strings.Replace(mf, "  dependencies: []\n", "  dependencies: []\n  stemcell: "+stemcell+"\n", 1)
	return archive([2]string{"release.MF", mf},
		[2]string{"jobs/noop.tgz", jobOf("noop", "ctl.erb: bin/ctl")}, [2]string{"jobs/slow.tgz", jobOf("slow", "start.erb: bin/pre-start")},
		[2]string{"jobs/smoke.tgz", jobOf("smoke", "run.erb: bin/run")})
}

// inspected are the packages of GET /releases/tinyrel?version=3.
func (w *world) inspected() []struct {
	Blob     *string             `json:"blobstore_id"`
	SHA1     *string             `json:"sha1"`
	Compiled []map[string]string `json:"compiled_packages"`
} {
	w.t.Helper()
	return decoded[struct {
		Packages []struct {
			Blob     *string             `json:"blobstore_id"`
			SHA1     *string             `json:"sha1"`
			Compiled []map[string]string `json:"compiled_packages"`
		} `json:"packages"`
	}](w, w.do("GET", "/releases/tinyrel?version=3", "")).Packages
}

func TestRelease_compiledRunsOnItsStemcellAlone(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	wanted := strings.Replace(manifestOf("dep1", 1, "x"), `name: tinyrel, version: "1"`, `name: tinyrel, version: "3"`, 1)
	if wanted == manifestOf("dep1", 1, "x") {
		t.Fatal("the manifest has no such release")
	}
	w.upload(compiledRel("3", "other-os/1.2"), "", director.StateDone)
	id := w.deploy(wanted, "")
	w.ends(id, director.StateError)
	code, message := w.failure(id)
	same(t, "code", code, 60001)
	if want := "Can't use release 'tinyrel/3'. It references packages without source code and are not compiled against stemcell 'tiny-stemcell/1.2':\n - 'tiny/e3d9deb"; !strings.HasPrefix(message, "\n"+want) {
		t.Errorf("it says %q, want %q", message, want)
	}
	p := w.inspected()[0]
	if p.Blob != nil || p.SHA1 != nil || len(p.Compiled) != 1 || p.Compiled[0]["stemcell"] != "other-os/1.2" {
		t.Errorf("it is shown as %+v", p)
	}
	w.upload(compiledRel("3", "tiny-os/1.1"), "", director.StateDone) // of the same major
	id = w.deploy(wanted, "")
	w.ends(id, director.StateDone)
	for _, stage := range w.stages(id) {
		if strings.HasPrefix(stage, "Compiling packages") {
			t.Errorf("what is compiled was compiled again: %q", stage)
		}
	}
}

func TestRelease_compiledGainsItsSource(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.upload(compiledRel("3", "other-os/1.2"), "", director.StateDone)
	w.upload(tinyrel("3", false), "", director.StateDone)
	if p := w.inspected()[0]; p.Blob == nil || p.SHA1 == nil || len(p.Compiled) != 1 {
		t.Errorf("it is shown as %+v", p)
	}
	w.ends(w.deploy(strings.Replace(manifestOf("dep1", 1, "x"), `name: tinyrel, version: "1"`, `name: tinyrel, version: "3"`, 1), ""), director.StateDone)
}
