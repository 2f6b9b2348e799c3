package director_test

import (
	"slices"
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

// One that has its source is compiled for the very stemcell, whatever it is compiled for.
func TestRelease_withItsSourceIsCompiledForTheVeryStemcell(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.upload(compiledRel("3", "tiny-os/1.1"), "", director.StateDone)
	w.upload(tinyrel("3", false), "", director.StateDone)
	id := w.deploy(strings.Replace(manifestOf("dep1", 1, "x"), `name: tinyrel, version: "1"`, `name: tinyrel, version: "3"`, 1), "")
	w.ends(id, director.StateDone)
	if !slices.ContainsFunc(w.stages(id), func(stage string) bool { return strings.HasPrefix(stage, "Compiling packages") }) {
		t.Errorf("nothing was compiled: %q", w.stages(id))
	}
}

func TestRelease_compiledIsWhatItIsExportedFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from string
		code int // 0 where it can be used
		want string
	}{
		{"[{os: tiny-os, version: '1.1'}]", 0, ""},
		{"[{os: other-os, version: '7'}, {os: tiny-os, version: '1.1'}]", 0, ""},
		{"[{os: tiny-os, version: '1.2'}]", 60003, "\nCan't use release 'tinyrel/3':\nPackages must be exported from stemcell 'tiny-os/1.2', but some packages are not compiled for this stemcell:\n - 'tiny/e3d9deb"},
		{"[{os: other-os, version: '1.1'}]", 60004, "\nCan't use release 'tinyrel/3': expected to find stemcell for 'tiny-os/1.2' to be configured in exported_from'"},
	} {
		w := seeded(t, director.Options{})
		w.upload(compiledRel("3", "tiny-os/1.1"), "", director.StateDone)
		id := w.deploy(strings.Replace(manifestOf("dep1", 1, "x"), `name: tinyrel, version: "1"`, `name: tinyrel, version: "3", exported_from: `+c.from, 1), "")
		if c.code == 0 {
			w.ends(id, director.StateDone)
			continue
		}
		w.ends(id, director.StateError)
		if code, message := w.failure(id); code != c.code || !strings.HasPrefix(message, c.want) {
			t.Errorf("exported from %s: %d %q, want %d %q", c.from, code, message, c.code, c.want)
		}
	}
}

func TestRelease_compiledNamesEachStemcellThatItIsNotFor(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	if err := w.Seed(director.Seed{CloudConfig: cloudConfig, Stemcells: []director.SeedStemcell{
		{Name: "tiny-stemcell", OS: "tiny-os", Version: "1.2"}, {Name: "new-stemcell", OS: "new-os", Version: "2.0"},
	}}); err != nil {
		t.Fatal(err)
	}
	w.upload(compiledRel("3", "other-os/1.2"), "", director.StateDone)
	manifest := strings.Replace(manifestOf("dep1", 1, "x"), `name: tinyrel, version: "1"`, `name: tinyrel, version: "3"`, 1)
	manifest = strings.Replace(manifest, "stemcells: [", "stemcells: [{alias: new, os: new-os, version: latest}, ", 1)
	_, web, _ := strings.Cut(manifest, "- name: web\n")
	manifest += "- name: worker\n" + strings.Replace(web, "stemcell: default", "stemcell: new", 1)
	id := w.deploy(manifest, "")
	w.ends(id, director.StateError)
	code, message := w.failure(id)
	same(t, "code", code, 60001)
	if !strings.HasPrefix(message, "\nCan't use release 'tinyrel/3'. It references packages without source code and are not compiled against intended stemcells:\n - 'tiny/e3d9deb") ||
		!strings.Contains(message, "' against stemcell 'tiny-stemcell/1.2'\n") || !strings.HasSuffix(message, "' against stemcell 'new-stemcell/2.0'\n") {
		t.Errorf("it says %q", message)
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
