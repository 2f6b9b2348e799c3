package account_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// keyOf makes a key of KMS in a world.
func (w *world) keyOf(t *testing.T, k sandbox.KMSKey) string {
	t.Helper()
	arn, err := w.Cloud.AddKMSKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func TestSigningKey_signs(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.keyOf(t, sandbox.KMSKey{Aliases: []string{"alias/other"}})
	arn := w.keyOf(t, sandbox.KMSKey{Aliases: []string{"alias/operator"}})
	message := []byte(strings.Repeat("a document, larger than what KMS takes; ", 1000))
	for _, name := range []string{arn, "alias/operator", "arn:aws:kms:eu-central-1:123456789012:alias/operator"} {
		key, err := w.open(t).SigningKey(t.Context(), name)
		if err != nil || key.ARN != arn {
			t.Fatalf("%s: it finds %+v, %v", name, key, err)
		}
		signature, err := key.Sign(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(key.Public)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(message); !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), sum[:], signature) {
			t.Errorf("%s: the signature does not fit", name)
		}
	}
	if calls := w.Cloud.Calls("kms"); calls["Sign"] != 3 || calls["GetPublicKey"] != 3 || w.Cloud.Writes() != 0 {
		t.Errorf("KMS was asked for %v, in %d writes", calls, w.Cloud.Writes())
	}
}

// badKey is a key of KMS that cannot be used.
type badKey struct {
	key  sandbox.KMSKey
	name string // by which it is asked for; "": its ARN
	kind error
	says []string
}

// refusesKeys wants keys not to be found usable, each for its reason.
func refusesKeys(t *testing.T, cases map[string]badKey, use func(*account.Account, string) (usable bool, err error)) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			asked := cmp.Or(c.name, w.keyOf(t, c.key))
			usable, err := use(w.open(t), asked)
			if err == nil || usable || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("it is usable: %t, %v", usable, err)
			}
			for _, part := range append(c.says, "use KMS key "+asked) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %q", part, err)
				}
			}
			logintest.Clean(t, err)
		})
	}
}

func TestSigningKey_saysWhatIsWrongWithAKey(t *testing.T) {
	refusesKeys(t, map[string]badKey{
		"a typo in an alias":    {sandbox.KMSKey{Aliases: []string{"alias/operator"}}, "alias/operater", aws.ErrNotFound, []string{"alias/operater", "is not found", "check its name, and that it is in eu-central-1"}},
		"a key of nobody":       {sandbox.KMSKey{}, "arn:aws:kms:eu-central-1:123456789012:key/x", aws.ErrNotFound, []string{"does not exist", "check its name"}},
		"a key elsewhere":       {sandbox.KMSKey{Region: "eu-west-1"}, "", aws.ErrNotFound, []string{"Invalid arn eu-west-1", "that it is in eu-central-1"}},
		"an alias elsewhere":    {sandbox.KMSKey{Region: "eu-west-1", Aliases: []string{"alias/operator"}}, "alias/operator", aws.ErrNotFound, []string{"that it is in eu-central-1"}},
		"another account's":     {sandbox.KMSKey{Account: "210987654321"}, "", aws.ErrDenied, []string{"not authorized to perform: kms:GetPublicKey", "allow kms:GetPublicKey to the user or role; the policy of a key of another account must allow it as well"}},
		"a symmetric key":       {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT"}, "", nil, []string{"no public key", "ECC_NIST_P256 for SIGN_VERIFY"}},
		"another curve":         {sandbox.KMSKey{Spec: "ECC_NIST_P384"}, "", nil, []string{`its spec is "ECC_NIST_P384", its usage "SIGN_VERIFY"`, "want an asymmetric one, ECC_NIST_P256"}},
		"a key that agrees":     {sandbox.KMSKey{Usage: "KEY_AGREEMENT"}, "", nil, []string{`its spec is "ECC_NIST_P256", its usage "KEY_AGREEMENT"`, "SIGN_VERIFY"}},
		"a disabled key":        {sandbox.KMSKey{State: "Disabled"}, "", nil, []string{"DisabledException", "is disabled", "aws kms enable-key"}},
		"a key that is deleted": {sandbox.KMSKey{State: "PendingDeletion"}, "", nil, []string{"KMSInvalidStateException", "cancel-key-deletion"}},
	}, func(a *account.Account, name string) (bool, error) {
		key, err := a.SigningKey(t.Context(), name)
		return key != nil, err
	})
}

func TestSigningKey_refusesToSignWithAKeyThatIsNoLongerGood(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	arn := w.keyOf(t, sandbox.KMSKey{})
	key, err := w.open(t).SigningKey(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny = []string{"kms:Sign"} })
	if _, err := key.Sign(t.Context(), []byte("x")); !errors.Is(err, aws.ErrDenied) || !strings.Contains(err.Error(), "allow kms:Sign to the user or role") {
		t.Errorf("without the right it gives %v", err)
	}
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny, k.Expired = nil, true })
	if _, err := key.Sign(t.Context(), []byte("x")); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("with keys that have expired it gives %v", err)
	}
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Expired = false })
	w.Cloud.ChangeKMSKey(arn, func(k *sandbox.KMSKey) { k.State = "Disabled" })
	if _, err := key.Sign(t.Context(), []byte("x")); err == nil || !strings.Contains(err.Error(), "sign with KMS key "+arn) || !strings.Contains(err.Error(), "enable-key") {
		t.Errorf("once it is disabled it gives %v", err)
	}
	w.Cloud.ChangeKMSKey(arn, func(k *sandbox.KMSKey) { k.State = "Enabled" })
	w.Cloud.Faults["kms"].Add(fault.Fault{Kind: fault.Status, Code: http.StatusServiceUnavailable})
	if _, err := key.Sign(t.Context(), []byte("x")); err != nil {
		t.Errorf("after one failure of KMS it gives %v", err)
	}
}
