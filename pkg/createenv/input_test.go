package createenv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	program "github.com/perpetual-ci/perpetual/pkg/createenv/cpi"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

func TestCreate_withoutPrograms(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	tools := t.TempDir()
	for _, name := range []string{"bash", "tar"} {
		if err := os.WriteFile(filepath.Join(tools, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.path = tools
	_, err := w.environment().Create(t.Context(), w.request(disk1))
	want := "find programs of create-env: ruby not in PATH: install it (Debian: apt-get install ruby), or use the installer's image, which has it; nothing was done"
	if !errors.Is(err, program.ErrProgram) || err.Error() != want {
		t.Errorf("error %v", err)
	}
	if n := len(w.cloud.Calls()) + len(w.documents.written()) + len(w.cloud.Fetched()); n != 0 {
		t.Errorf("%d calls, writes and downloads", n)
	}
}

// Downloads are verified; what was downloaded is not downloaded again, also when
// another run needs it and the server is gone.
func TestCreate_verifiesDownloads(t *testing.T) {
	t.Parallel()
	var w *world
	for _, name := range []string{"cpi", "bosh", "stemcell-1"} {
		w = newQuickWorld(t, cpi.Options{})
		good := w.artifacts[name]
		w.cloud.Publish(filepath.Base(w.urls[name]), append([]byte("x"), good.Body...))
		w.cloud.Forget()
		_, err := w.environment().Create(t.Context(), w.request(disk1))
		if err == nil || !strings.Contains(err.Error(), "digest") || len(w.cloud.Calls()) > 0 {
			t.Errorf("%s: error %v, calls %v", name, err, w.cloud.Calls())
		}
		if n := len(w.cloud.Fetched()); n < 3 {
			t.Errorf("%s: %d downloads, want three tries", name, n)
		}
		w.cloud.Publish(filepath.Base(w.urls[name]), good.Body)
	}
	w.create(disk1)
	w.cloud.Forget()
	w.create(manifest{disk: 1024, property: "new"})
	if d := cmp.Diff(0, len(w.cloud.Fetched())); d != "" {
		t.Errorf("downloads of the second run: %q", w.cloud.Fetched())
	}
}

// A digest sha256:HEX is that of the whole file: with another one nothing of the
// artifact is opened, run or uploaded, and the CPI is not called.
func TestCreate_refusesAnotherSHA256(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cpi", "bosh", "stemcell-1"} {
		w := newQuickWorld(t, cpi.Options{})
		a, r := w.artifacts[name], w.request(disk1)
		right, wrong := "sha256:"+a.SHA256, "sha256:"+strings.Repeat("0", 64)
		text := strings.ReplaceAll(string(r.Manifest), "sha1: "+a.SHA1, fmt.Sprintf("sha1: %q", right))
		r.Manifest = []byte(strings.Replace(text, right, wrong, 1))
		if !strings.Contains(string(r.Manifest), wrong) {
			t.Fatalf("%s: the manifest does not have the digest", name)
		}
		_, err := w.environment().Create(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), "digest") || !strings.Contains(err.Error(), "nothing was created") {
			t.Errorf("%s: error %v", name, err)
		}
		if calls, there := w.cloud.Calls(), exists(filepath.Join(w.dir, "cpi", "jobs")); len(calls) > 0 || there {
			t.Errorf("%s: calls %v; a CPI is installed: %t", name, calls, there)
		}
		r.Manifest = []byte(strings.Replace(string(r.Manifest), wrong, right, 1))
		if _, err := w.environment().Create(t.Context(), r); err != nil {
			t.Errorf("%s, with its own digest: %v", name, err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestCreate_wantsTheAgentsCA(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	other := newQuickWorld(t, cpi.Options{})
	r := w.request(manifest{})
	r.Vars["mbus_ca"] = other.cloud.CA()
	_, err := w.environment().Create(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "x509") || !strings.Contains(err.Error(), "there is VM vm-2") {
		t.Errorf("error %v", err)
	}
	r.Manifest = []byte(strings.Replace(string(r.Manifest), "cert: {ca: ((mbus_ca))}", "", 1))
	_, err = w.environment().Create(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "cloud_provider.cert.ca") {
		t.Errorf("error %v", err)
	}
}

func TestCreate_badManifests(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	good := w.request(disk1)
	for name, test := range map[string]struct{ old, new, want string }{
		"a variable is missing":   {"((cpi_token))", "((nobody_knows))", "nobody_knows"},
		"no YAML":                 {"name: director", "name: [", "yaml"},
		"two instances":           {"instances: 1", "instances: 2", "instances"},
		"a job that is not there": {"{name: director, release: bosh}", "{name: nats, release: bosh}", "nats"},
		"no CPI":                  {"release: sandbox-cpi}\n  mbus", "release: bosh}\n  mbus", "sandbox_cpi"},
	} {
		r := good
		r.Manifest = []byte(strings.Replace(string(good.Manifest), test.old, test.new, 1))
		w.cloud.Forget()
		_, err := w.environment().Create(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secretMark) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
		if n := len(w.cloud.Calls()); n > 0 {
			t.Errorf("%s: calls %v", name, w.cloud.Calls())
		}
	}
}

func TestNew_refusesAWorkspaceInUse(t *testing.T) {
	t.Parallel()
	var w *world
	var inside error
	w = newQuickWorld(t, cpi.Options{OnCreateVM: func(cpi.VM) { _, inside = createenv.New(w.options()) }})
	w.create(manifest{})
	if !errors.Is(inside, workspace.ErrBusy) || !strings.Contains(fmt.Sprint(inside), "wait for it") {
		t.Errorf("error %v", inside)
	}
}
