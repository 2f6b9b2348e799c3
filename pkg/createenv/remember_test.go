package createenv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const keyOfSeals = "S3CR3T-key-of-seals"

// shown is the request of a manifest with what is secret in it.
func (w *world) shown(m manifest) createenv.Request {
	r := w.request(m)
	r.Show = difference.Reader{Secret: map[string]bool{"mbus_ca": true}, Key: secret.New(keyOfSeals)}
	return r
}

// pending is Pending, which must write nothing.
func (w *world) pending(r createenv.Request) string {
	w.t.Helper()
	w.forget()
	lines, err := w.environment().Pending(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	if strings.Contains(text, secretMark) || len(w.documents.written()) > 0 {
		w.t.Errorf("a secret is in it, or it wrote %q:\n%s", w.documents.written(), text)
	}
	return text + "\n"
}

func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part+"\n") {
			t.Errorf("no line %q in:\n%s", part, text)
		}
	}
}

// Before the VM is made, every URL, digest and value that it is made from is shown, and
// later every one that changes, with secrets hidden; Create tells the same before it
// calls the CPI.
func TestPending_showsWhatTheVMIsMadeFrom(t *testing.T) {
	t.Parallel()
	var called []string
	w := newQuickWorld(t, cpi.Options{})
	w.documents.hook = func(op, name string, _ bool) error {
		if w.mu.Lock(); len(w.told) == 0 && strings.HasSuffix(name, "cpi.json") {
			called = append(called, op+" "+name)
		}
		w.mu.Unlock()
		return nil
	}
	from, to := manifest{disk: 1024}, manifest{disk: 1024, stemcell: "2", property: "new"}
	text := w.pending(w.shown(from))
	lacks(t, text,
		"+ releases/bosh/url: "+w.urls["bosh"], "+ releases/bosh/sha1: "+w.artifacts["bosh"].SHA1,
		"+ releases/sandbox-cpi/url: "+w.urls["cpi"], "+ releases/sandbox-cpi/sha1: sha256:"+w.artifacts["cpi"].SHA256,
		"+ resource_pools/vms/stemcell/url: "+w.urls["stemcell-1"], "+ instance_groups/bosh/properties/other: \"\"",
		"+ instance_groups/bosh/properties/director/secret: (hidden)", "+ cloud_provider/cert/ca: (hidden)")
	if _, err := w.environment().Create(t.Context(), w.shown(from)); err != nil {
		t.Fatal(err)
	}
	told := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, "+ ") })
	if diff := cmp.Diff(told, w.told); diff != "" {
		t.Errorf("Create tells something else (-Pending +Create):\n%s", diff)
	}

	text = w.pending(w.shown(to))
	want := []string{
		`~ instance_groups/bosh/properties/other: "" → new`,
		"~ resource_pools/vms/stemcell/sha1: " + w.artifacts["stemcell-1"].SHA1 + " → " + w.artifacts["stemcell-2"].SHA1,
		"~ resource_pools/vms/stemcell/url: " + w.urls["stemcell-1"] + " → " + w.urls["stemcell-2"],
		"  releases/bosh/sha1: " + w.artifacts["bosh"].SHA1, "  releases/bosh/url: " + w.urls["bosh"],
		"  releases/sandbox-cpi/sha1: sha256:" + w.artifacts["cpi"].SHA256, "  releases/sandbox-cpi/url: " + w.urls["cpi"],
	}
	_, got, _ := strings.Cut(text, "disk disk-3 is kept\n")
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(got, "\n"), "\n")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if _, err := w.environment().Create(t.Context(), w.shown(to)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, w.told); diff != "" {
		t.Errorf("Create tells something else (-want +got):\n%s", diff)
	}
	if len(called) > 0 {
		t.Errorf("before that was told: %q", called)
	}

	r := w.shown(to)
	r.Vars["job_secret"] = "S3CR3T-another"
	lacks(t, w.pending(r), "~ instance_groups/bosh/properties/director/secret: (hidden), another value")
	r.Show.Key = secret.New("another")
	lacks(t, w.pending(r), "! which secrets have changed is not known: the old ones were remembered under another key")
	w.clean()
}

// What is remembered only explains: lost, damaged or forged, it changes nothing of what
// is made, and what is fetched is shown all the same.
func TestPending_believesNoMemory(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	if _, err := w.environment().Create(t.Context(), w.shown(disk1)); err != nil {
		t.Fatal(err)
	}
	good := w.documents.body(ledger.ManifestDocument)
	to := manifest{disk: 1024, stemcell: "2"}
	for name, body := range map[string]string{
		"lost": "", "damaged": good[:len(good)/2], "of another schema": strings.Replace(good, `"schema": 1`, `"schema": 2`, 1),
		"of another manifest": strings.Replace(good, `"manifest": "`, `"manifest": "x`, 1),
	} {
		w.documents.bodies[ledger.ManifestDocument] = []byte(body)
		if lines := w.pending(w.shown(disk1)); lines != "\n" {
			t.Errorf("%s: nothing has changed, and it would do %s", name, lines)
		}
		lacks(t, w.pending(w.shown(to)), "! it is not known what the VM was last created from: the whole manifest is shown",
			"+ resource_pools/vms/stemcell/url: "+w.urls["stemcell-2"], "+ releases/bosh/url: "+w.urls["bosh"])
	}
	// One that says that the new stemcell was there before.
	w.documents.bodies[ledger.ManifestDocument] = []byte(strings.ReplaceAll(good, w.urls["stemcell-1"], w.urls["stemcell-2"]))
	lacks(t, w.pending(w.shown(to)), "  resource_pools/vms/stemcell/url: "+w.urls["stemcell-2"])

	// An earlier version has remembered nothing: the next run does.
	delete(w.documents.bodies, ledger.ManifestDocument)
	if r, err := w.environment().Create(t.Context(), w.shown(disk1)); err != nil || r.Changed {
		t.Errorf("result %+v, error %v", r, err)
	}
	if body := w.documents.body(ledger.ManifestDocument); body != good {
		t.Errorf("remembered is %s", body)
	}
}

// A run that ends between what it remembers and what the state says goes on as before.
func TestCreate_endsBesideItsMemory(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		w := newQuickWorld(t, cpi.Options{})
		broken := errors.New("the store is gone")
		w.documents.hook = func(_, name string, done bool) error {
			if name == ledger.ManifestDocument && done == after {
				return broken
			}
			return nil
		}
		if _, err := w.environment().Create(t.Context(), w.shown(disk1)); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		w.documents.hook = nil
		lacks(t, w.pending(w.shown(disk1)), "finish a change that was stopped: make VM vm-2 again")
		if _, err := w.environment().Create(t.Context(), w.shown(disk1)); err != nil {
			t.Fatal(err)
		}
		w.whole(disk1)
		if lines := w.pending(w.shown(disk1)); lines != "\n" {
			t.Errorf("it would do %s", lines)
		}
	}
}
