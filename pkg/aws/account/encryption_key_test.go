package account_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

func TestEncryptionKey_encryptsForOnePurpose(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	arn := w.keyOf(t, sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", Aliases: []string{"alias/state"}})
	other := w.keyOf(t, sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT"})
	about := map[string]string{"perpetual:name": "ci", "perpetual:document": "operator/credentials.json"}
	for _, name := range []string{arn, "alias/state", "arn:aws:kms:eu-central-1:123456789012:alias/state"} {
		key, err := w.open(t).EncryptionKey(t.Context(), name)
		if err != nil || key.ARN != arn {
			t.Fatalf("%s: it finds %+v, %v", name, key, err)
		}
		hidden, err := key.Encrypt(t.Context(), []byte("canary"), about)
		if err != nil || bytes.Contains(hidden, []byte("canary")) {
			t.Fatalf("%q, %v", hidden, err)
		}
		if plain, err := key.Decrypt(t.Context(), hidden, maps.Clone(about)); err != nil || string(plain) != "canary" {
			t.Errorf("%s: it reads %q, %v", name, plain, err)
		}
		elsewhere := maps.Clone(about)
		elsewhere["perpetual:name"] = "other"
		if _, err := key.Decrypt(t.Context(), hidden, elsewhere); err == nil || !strings.Contains(err.Error(), "for another document or installation") {
			t.Errorf("for another installation: %v", err)
		}
		hidden[len(hidden)-1]++
		if _, err := key.Decrypt(t.Context(), hidden, about); err == nil || !strings.Contains(err.Error(), "or is damaged") {
			t.Errorf("damaged: %v", err)
		}
		hidden[len(hidden)-1]--
		foreign, err := w.open(t).EncryptionKey(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := foreign.Decrypt(t.Context(), hidden, about); err == nil || !strings.Contains(err.Error(), "IncorrectKeyException") {
			t.Errorf("another key: %v", err)
		}
	}
}

func TestEncryptionKey_saysWhatIsWrongWithAKey(t *testing.T) {
	refusesKeys(t, map[string]badKey{
		"a typo in an alias":    {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", Aliases: []string{"alias/state"}}, "alias/sate", aws.ErrNotFound, []string{"is not found", "check its name, and that it is in eu-central-1"}},
		"a key elsewhere":       {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", Region: "eu-west-1"}, "", aws.ErrNotFound, []string{"Invalid arn eu-west-1"}},
		"another account's":     {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", Account: "210987654321"}, "", aws.ErrDenied, []string{"kms:DescribeKey", "the policy of a key of another account must allow it as well"}},
		"a key that signs":      {sandbox.KMSKey{}, "", nil, []string{`its spec is "ECC_NIST_P256", its usage "SIGN_VERIFY"`, "want a symmetric one"}},
		"a disabled key":        {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", State: "Disabled"}, "", nil, []string{`its state is "Disabled"`, "enable-key"}},
		"a key that is deleted": {sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT", State: "PendingDeletion"}, "", nil, []string{`its state is "PendingDeletion"`, "cancel-key-deletion"}},
	}, func(a *account.Account, name string) (bool, error) {
		key, err := a.EncryptionKey(t.Context(), name)
		return key != nil, err
	})
}

func TestEncryptionKey_saysWhenItIsNoLongerGood(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	arn := w.keyOf(t, sandbox.KMSKey{Spec: "SYMMETRIC_DEFAULT"})
	key, err := w.open(t).EncryptionKey(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := key.Encrypt(t.Context(), []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Cloud.ChangeKMSKey(arn, func(k *sandbox.KMSKey) { k.State = "Disabled" })
	if _, err := key.Encrypt(t.Context(), []byte("x"), nil); err == nil || !strings.Contains(err.Error(), "encrypt with KMS key "+arn) || !strings.Contains(err.Error(), "enable-key") {
		t.Errorf("encrypt with a disabled key: %v", err)
	}
	if _, err := key.Decrypt(t.Context(), hidden, nil); err == nil || !strings.Contains(err.Error(), "decrypt with KMS key "+arn) || !strings.Contains(err.Error(), "enable-key") {
		t.Errorf("decrypt with a disabled key: %v", err)
	}
	w.Cloud.ChangeKMSKey(arn, func(k *sandbox.KMSKey) { k.State = "Enabled" })
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny = []string{"kms:Decrypt"} })
	if _, err := key.Decrypt(t.Context(), hidden, nil); !errors.Is(err, aws.ErrDenied) {
		t.Errorf("without the right: %v", err)
	}
}
