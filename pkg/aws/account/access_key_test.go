package account_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestAccessKeys_areMadeTriedListedAndDeleted(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	id, key, err := a.NewAccessKey(t.Context(), "cpi")
	if err != nil || id.Empty() || key.Empty() {
		t.Fatalf("made %v: %v", id, err)
	}
	list, err := a.AccessKeys(t.Context(), "cpi")
	if err != nil || len(list) != 1 || list[0].ID != id.Reveal() || list[0].Made.IsZero() {
		t.Errorf("listed %+v, %v", list, err)
	}
	if err := a.TryAccessKey(t.Context(), id, key); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if err := a.TryAccessKey(t.Context(), id, secret.New("secret-canary")); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("another secret: %v", err)
	} else {
		logintest.Clean(t, err)
	}
	for range 2 { // the second time it is gone already
		if err := a.DeleteAccessKey(t.Context(), "cpi", id.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := a.AccessKeys(t.Context(), "cpi"); err != nil || len(list) > 0 {
		t.Errorf("left are %+v, %v", list, err)
	}
	if err := a.TryAccessKey(t.Context(), id, key); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("the deleted key: %v", err)
	}
}

// The keys in use stay those that the account was opened with.
func TestTryAccessKey_leavesTheSessionAsItIs(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	before, err := a.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.TryAccessKey(t.Context(), secret.New("AKIANOBODY"), secret.New("secret-canary")); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("a key of nobody: %v", err)
	}
	after, err := a.Identity(t.Context())
	if err != nil || after != before {
		t.Errorf("it is %+v now, and was %+v: %v", after, before, err)
	}
}

func TestNewAccessKey_saysWhenTheAnswerIsNone(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.Cloud.Faults["iam"].Add(fault.Fault{Kind: fault.Status, Code: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}},
		Body: "<CreateAccessKeyResponse><CreateAccessKeyResult></CreateAccessKeyResult></CreateAccessKeyResponse>"})
	id, key, err := w.open(t).NewAccessKey(t.Context(), "cpi")
	if err == nil || !strings.Contains(err.Error(), "make an access key of user cpi: the answer is not one of IAM") || !id.Empty() || !key.Empty() {
		t.Errorf("error %v", err)
	}
}

func TestDeleteAccessKey_saysWhatElseIsWrong(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny = []string{"iam:*"} })
	for name, err := range map[string]error{
		"delete": a.DeleteAccessKey(t.Context(), "cpi", "AKIACPI"),
		"make":   func() error { _, _, err := a.NewAccessKey(t.Context(), "cpi"); return err }(),
		"list":   func() error { _, err := a.AccessKeys(t.Context(), "cpi"); return err }(),
	} {
		if !errors.Is(err, aws.ErrDenied) || !strings.Contains(err.Error(), "of user cpi") {
			t.Errorf("%s: %v", name, err)
		}
		logintest.Clean(t, err)
	}
}

func TestDatabaseAuthorities_areCertificatesOrAnError(t *testing.T) {
	for name, of := range map[string]struct {
		fault *fault.Fault
		want  string
	}{
		"the bundle":       {nil, ""},
		"a web page":       {&fault.Fault{Kind: fault.HTML, Code: 200}, "the answer holds no certificates"},
		"nothing":          {&fault.Fault{Kind: fault.Status, Code: 200}, "the answer holds no certificates"},
		"a refusal":        {&fault.Fault{Kind: fault.Status, Code: 403}, "it answered 403"},
		"more than it may": {&fault.Fault{Kind: fault.Status, Code: 200, Body: strings.Repeat("x", 1<<20+1)}, "1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			if of.fault != nil {
				of.fault.Times = -1
				w.Cloud.Faults["rds-ca"].Add(*of.fault)
			}
			bundle, err := w.open(t).DatabaseAuthorities(t.Context())
			if of.want == "" {
				if err != nil || bundle != w.CA {
					t.Errorf("got %q, %v", bundle, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), of.want) || !strings.Contains(err.Error(), "eu-central-1/eu-central-1-bundle.pem") || bundle != "" {
				t.Errorf("got %q, error %v, want %q", bundle, err, of.want)
			}
			logintest.Clean(t, err)
		})
	}
}

func TestSubnets_ofNoneAsksNobody(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	found, err := w.open(t).Subnets(t.Context(), nil)
	if err != nil || len(found) > 0 || len(w.Cloud.Faults["ec2"].Seen()) > 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestDeleteParameters_deletesTheNamedOnesOnly(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for _, name := range []string{"/perpetual/ci/a", "/perpetual/ci/b", "/perpetual/ci/c"} {
		w.Cloud.SetParameter(name, sandbox.Parameter{Type: "SecureString", Value: "v"})
	}
	a := w.open(t)
	deleted, err := a.DeleteParameters(t.Context(), "/perpetual/ci", "/perpetual/ci/b", "/perpetual/ci/none", "/other")
	if err != nil || !slices.Equal(deleted, []string{"/perpetual/ci/b"}) {
		t.Errorf("deleted %q, %v", deleted, err)
	}
	left, err := a.Parameters(t.Context(), "perpetual/ci/")
	if err != nil || !slices.Equal(left, []string{"/perpetual/ci/a", "/perpetual/ci/c"}) {
		t.Errorf("left %q, %v", left, err)
	}
}
