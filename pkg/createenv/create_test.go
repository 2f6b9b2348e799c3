package createenv_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestCreate_makesTheVMAndItsDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cpi.Options{Polls: 1})
	r := w.create(manifest{disk: 1024})
	if !r.Changed || r.VM != "vm-2" || r.Disk != "disk-3" || r.Stemcell != "sc-1" {
		t.Errorf("result %+v", r)
	}
	want := []string{"create_stemcell", "create_vm", "set_vm_metadata", "create_disk", "attach_disk", "set_disk_metadata"}
	if d := cmp.Diff(want, w.cloud.Methods("cpi")); d != "" {
		t.Errorf("CPI calls (-want +got):\n%s", d)
	}
	want = []string{
		"ping", "ping", "add_persistent_disk", "mount_disk", "apply", "get_state", "PUT blob", "PUT blob",
		"stop", "apply", "run_script", "start", "get_state", "run_script",
	}
	if d := cmp.Diff(want, w.cloud.Methods("agent")); d != "" {
		t.Errorf("agent calls (-want +got):\n%s", d)
	}
	vm := w.cloud.VMs()[0]
	if vm.State != "running" || cmp.Diff([]string{"disk-3"}, vm.Mounted) != "" || vm.Metadata["name"] != "bosh/0" {
		t.Errorf("VM %+v", vm)
	}
	if d := cmp.Diff([]string{cpiToken}, w.cloud.Tokens()); d != "" {
		t.Errorf("the CPI's credentials (-want +got):\n%s", d)
	}
	w.whole(manifest{disk: 1024})
}

func TestCreate_withASourceReleaseCompilesOnTheVM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cpi.Options{})
	w.create(manifest{source: true})
	agent := strings.Join(w.cloud.Methods("agent"), " ")
	if !strings.Contains(agent, "compile_package") || strings.Contains(agent, "mount_disk") {
		t.Errorf("agent calls %s", agent)
	}
	w.whole(manifest{source: true})
}

// Stemcells take the agent's certificate from env.bosh.mbus.cert.
func TestCreate_trustsTheCertificateOfTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cpi.Options{})
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Certificate(tlsca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	r := w.request(manifest{})
	r.Manifest = []byte(strings.Replace(string(r.Manifest), "{password: ((env_password))}", "{password: ((env_password)), mbus: {cert: ((mbus))}}", 1))
	r.Vars["mbus_ca"] = ca.PEM()
	r.Vars["mbus"] = map[string]any{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		"private_key": secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))),
	}
	if _, err := w.environment().Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.whole(manifest{})
}

func TestCreate_secondRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	first := w.create(manifest{disk: 1024})
	w.forget()
	pending, err := w.environment().Pending(t.Context(), w.request(manifest{disk: 1024}))
	if err != nil || len(pending) != 0 {
		t.Errorf("Pending() = %q, %v, want nothing", pending, err)
	}
	if d := cmp.Diff([]string{"has_vm"}, w.cloud.Methods("cpi")); d != "" {
		t.Errorf("CPI calls of Pending (-want +got):\n%s", d)
	}
	w.forget()
	second := w.create(manifest{disk: 1024})
	first.Changed = false
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"has_vm"}, w.cloud.Methods("cpi")); d != "" {
		t.Errorf("CPI calls (-want +got):\n%s", d)
	}
	if n := len(w.cloud.Methods("agent")) + len(w.documents.written()) + len(w.cloud.Fetched()); n != 0 {
		t.Errorf("agent %q, writes %q, downloads %q, want none", w.cloud.Methods("agent"), w.documents.written(), w.cloud.Fetched())
	}
}

func TestCreate_afterAChange(t *testing.T) {
	t.Parallel()
	shutdown := []string{"has_vm", "delete_vm", "create_vm", "set_vm_metadata", "attach_disk", "set_disk_metadata"}
	for name, test := range map[string]struct {
		from, to manifest
		cpi      []string
		changes  string
	}{
		"of a property": {
			manifest{disk: 1024}, manifest{disk: 1024, property: "new"}, shutdown, "disk disk-3 is kept",
		},
		"of the disk's size": {
			manifest{disk: 1024}, manifest{disk: 2048},
			append(append([]string{}, shutdown...), "create_disk", "attach_disk", "set_disk_metadata", "detach_disk", "delete_disk"),
			"1024 MB → 2048 MB",
		},
		"of the stemcell": {
			manifest{disk: 1024}, manifest{disk: 1024, stemcell: "2"},
			append(append([]string{"create_stemcell"}, shutdown...), "delete_stemcell"), "disk disk-3 is kept",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cpi.Options{})
			w.create(test.from)
			content := w.cloud.Disks()[0].Content
			w.forget()
			pending, err := w.environment().Pending(t.Context(), w.request(test.to))
			if err != nil || !strings.Contains(strings.Join(pending, "\n"), test.changes) {
				t.Errorf("Pending() = %q, %v", pending, err)
			}
			if n := len(w.cloud.Calls()) + len(w.documents.written()); n != 0 {
				t.Errorf("Pending called %v and wrote %q", w.cloud.Calls(), w.documents.written())
			}
			if r := w.create(test.to); !r.Changed {
				t.Error("nothing was changed")
			}
			if d := cmp.Diff(test.cpi, w.cloud.Methods("cpi")); d != "" {
				t.Errorf("CPI calls (-want +got):\n%s", d)
			}
			if disk := w.cloud.Disks()[0]; disk.Content[0] != content[0] {
				t.Errorf("the disk's content is %v, was %v: it was lost", disk.Content, content)
			}
			w.whole(test.to)
		})
	}
}

// Temporary keys of who runs it are others each time: that is not a change, and the
// CPI gets those of today.
func TestCreate_anotherTransientVariableIsNoChange(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	request := func(token, env string) createenv.Request {
		r := w.request(manifest{})
		r.Vars["cpi_token"], r.Vars["env_password"], r.Transient = token, env, []string{"cpi_token"}
		return r
	}
	for _, run := range []struct {
		token, env string
		changed    bool
	}{{"monday", "a", true}, {"tuesday", "a", false}, {"tuesday", "b", true}} {
		r, err := w.environment().Create(t.Context(), request(run.token, run.env))
		if err != nil || r.Changed != run.changed {
			t.Errorf("%+v: result %+v, %v", run, r, err)
		}
	}
	if d := cmp.Diff([]string{"monday", "tuesday"}, w.cloud.Tokens()); d != "" {
		t.Errorf("the CPI's credentials (-want +got):\n%s", d)
	}
}

func TestCreate_recreatesWhenAsked(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	before := w.create(manifest{disk: 1024})
	r := w.request(manifest{disk: 1024})
	r.Recreate, r.SkipDrain = true, true
	w.forget()
	after, err := w.environment().Create(t.Context(), r)
	if err != nil || after.VM == before.VM || after.Disk != before.Disk {
		t.Fatalf("result %+v, %v, before %+v", after, err, before)
	}
	if agent := strings.Join(w.cloud.Methods("agent"), " "); strings.Contains(agent, "drain") {
		t.Errorf("agent calls %s, want none that drains", agent)
	}
}

// bosh create-env believes its state; we ask.
func TestCreate_noticesAVMThatIsGone(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	before := w.create(manifest{disk: 1024})
	w.cloud.Remove(before.VM)
	pending, err := w.environment().Pending(t.Context(), w.request(manifest{disk: 1024}))
	if err != nil || len(pending) == 0 || pending[0] != "VM "+before.VM+" is gone: make it again" {
		t.Errorf("Pending() = %q, %v", pending, err)
	}
	after := w.create(manifest{disk: 1024})
	if !after.Changed || after.VM == before.VM || after.Disk != before.Disk || !w.notified("is gone") {
		t.Errorf("result %+v, before %+v", after, before)
	}
	w.whole(manifest{disk: 1024})
}

func TestDelete_leavesNothing(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	w.create(manifest{disk: 1024})
	w.forget()
	if err := w.environment().Delete(t.Context(), w.request(manifest{disk: 1024})); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"has_vm", "delete_vm", "delete_disk", "delete_stemcell"}, w.cloud.Methods("cpi")); d != "" {
		t.Errorf("CPI calls (-want +got):\n%s", d)
	}
	w.gone()
	w.forget()
	if err := w.environment().Delete(t.Context(), w.request(manifest{disk: 1024})); err != nil {
		t.Fatal(err)
	}
	if n := len(w.cloud.Calls()) + len(w.documents.written()); n != 0 {
		t.Errorf("the second Delete called %v and wrote %q", w.cloud.Calls(), w.documents.written())
	}
}

func TestCreate_tellsOfEveryStep(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	w.create(manifest{disk: 1024})
	open := map[[2]string]int{}
	steps := map[string]createenv.Status{}
	for _, e := range w.events {
		key := [2]string{e.Stage, e.Step}
		if e.Status == createenv.Started {
			open[key]++
			continue
		}
		open[key]--
		steps[e.Step] = e.Status
	}
	for key, n := range open {
		if n != 0 {
			t.Errorf("%q began %d times more than it ended", key, n)
		}
	}
	for _, step := range []string{"Downloading release 'bosh'", "Creating VM for instance 'bosh/0' from stemcell 'sc-1'", "Creating disk"} {
		if steps[step] != createenv.Finished {
			t.Errorf("step %q: %q", step, steps[step])
		}
	}
	w.events = nil
	w.create(manifest{disk: 1024, property: "new"})
	for _, e := range w.events {
		if e.Step == "Downloading release 'bosh'" && e.Status == createenv.Skipped && e.Reason == "Found in local cache" {
			return
		}
	}
	t.Errorf("no event tells that the release was downloaded before: %+v", w.events)
}
