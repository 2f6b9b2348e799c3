package bootstrap_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// encryptedWith is a configuration whose operator's documents a key of KMS encrypts.
func encryptedWith(name string) *config.Config {
	cfg := given()
	cfg.State = &config.State{Encryption: "kms", EncryptionKey: name}
	return cfg
}

// encryptedBy are the keys of KMS that the operator's documents are encrypted by, "" for
// the operator's own.
func (c *cloud) encryptedBy(t *testing.T) (keys []string) {
	t.Helper()
	for _, e := range c.envelopes(t) {
		by := seal.WrappedBy(e.Body)
		if _, err := theKey().Decrypt(e.Body); (err == nil) != (by == "") {
			t.Errorf("%s, encrypted by %q: the operator's key in a file says %v", e.Document, by, err)
		}
		if !slices.Contains(keys, by) {
			keys = append(keys, by)
		}
	}
	return keys
}

// A move to a key of KMS, and back, encrypts every document again, and asks nothing: whose
// word they are does not change.
func TestState_isEncryptedByAKeyOfKMSWhereThatIsSaid(t *testing.T) {
	c, key := installed(t), newVault()
	c.operator.vaults = map[string]*vault{"alias/state": key}
	line := "encrypted by: the operator's key → key " + key.arn
	i, _ := c.install(t, encryptedWith("alias/state"))
	plan, err := i.Plan(t.Context(), bootstrap.Options{})
	if err != nil && !errors.Is(err, errNoDirector) {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Steps, func(s step.Planned) bool {
		return s.Step == "state" && s.Changes && slices.Equal(s.Lines, []string{"~ " + line})
	}) || !slices.Equal(c.encryptedBy(t), []string{""}) {
		t.Errorf("plan shows %+v, and the state is encrypted by %q", plan.Steps, c.encryptedBy(t))
	}
	if at := c.deploy(t, encryptedWith("alias/state")); at.Step != "deploy" || c.operator.asked != nil || !slices.Equal(c.encryptedBy(t), []string{key.arn}) {
		t.Fatalf("it ends with %v, asks %q, and the state is encrypted by %q", at, c.operator.asked, c.encryptedBy(t))
	}
	// What is not given any more stays, and nothing is written.
	before := c.sealedTexts(t)
	if at := c.deploy(t, given()); at.Step != "deploy" || !slices.Equal(before, c.sealedTexts(t)) {
		t.Errorf("the run after it ends with %v, and the state is encrypted by %q", at, c.encryptedBy(t))
	}
	next := newVault()
	c.operator.vaults["alias/state"], c.operator.vaults["before"] = next, key
	if at := c.deploy(t, encryptedWith("alias/state")); at.Step != "deploy" || !slices.Equal(c.encryptedBy(t), []string{next.arn}) {
		t.Errorf("with an alias that leads to another key it ends with %v, encrypted by %q", at, c.encryptedBy(t))
	}
	back := given()
	back.Reset = []string{keyring.Encryption}
	if at := c.deploy(t, back); at.Step != "deploy" || !slices.Equal(c.encryptedBy(t), []string{""}) {
		t.Errorf("on the way back it ends with %v, encrypted by %q", at, c.encryptedBy(t))
	}
	back = given()
	back.State = &config.State{Encryption: "age"}
	if at := c.deploy(t, back); at.Step != "deploy" || !slices.Equal(c.encryptedBy(t), []string{""}) {
		t.Errorf("with age it ends with %v, encrypted by %q", at, c.encryptedBy(t))
	}
}

// sealedTexts are the operator's documents as they are kept.
func (c *cloud) sealedTexts(t *testing.T) (texts []string) {
	t.Helper()
	for _, name := range document.Names()[:3] {
		found, err := c.stores["ci"].Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(found.Body))
	}
	return texts
}

// A move that was stopped halfway is finished, or taken back, by the next run.
func TestState_goesOnWithAnEncryptionThatWasStopped(t *testing.T) {
	for written := range 3 {
		for wanted, cfg := range map[string]*config.Config{"kms": encryptedWith("alias/state"), "": given()} {
			c, key := installed(t), newVault()
			c.operator.vaults = map[string]*vault{"alias/state": key}
			open, left := c.open, written
			c.open = func(ctx context.Context, cfg *config.Config, account string, create bool) (state.Store, bool, error) {
				store, made, err := open(ctx, cfg, account, create)
				return halting{store, &left}, made, err
			}
			if at := c.deploy(t, encryptedWith("alias/state")); !errors.Is(at, errBroken) {
				t.Errorf("%d: it ends with %v", written, at)
			}
			c.open = open
			if wanted != "" {
				wanted = key.arn
			}
			if at := c.deploy(t, cfg); at.Step != "deploy" || !slices.Equal(c.encryptedBy(t), []string{wanted}) {
				t.Errorf("%d, %q: the next run ends with %v, encrypted by %q", written, wanted, at, c.encryptedBy(t))
			}
		}
	}
}

// Whether the key of KMS is there, and encrypts, is known before anything is made; one
// that no longer decrypts is said, and nothing is changed.
func TestDeploy_triesTheKeyThatEncryptsFirst(t *testing.T) {
	for name, c := range map[string]struct {
		refuses    error
		asks, says string
	}{
		"a typo":    {nil, "alias/sate", "state.encryption_key: use KMS key alias/sate: there is none; nothing was changed"},
		"no rights": {errors.New("encrypt with KMS key: allow kms:Encrypt"), "alias/state", "state.encryption_key: encrypt with KMS key: allow kms:Encrypt; nothing was changed"},
	} {
		w, key := newCloud(), newVault()
		w.fresh, w.operator.keyless = true, true
		key.refuses = c.refuses
		w.operator.vaults = map[string]*vault{"alias/state": key}
		if at := w.deploy(t, encryptedWith(c.asks)); at.Step != "state" || !strings.Contains(at.Error(), c.says) {
			t.Errorf("%s: it ends with %v", name, at)
		}
		if made := w.written(); len(made) > 0 || w.operator.made {
			t.Errorf("%s: it made %v, and a key: %t", name, made, w.operator.made)
		}
	}
	c, key := installed(t), newVault()
	c.operator.vaults = map[string]*vault{"alias/state": key}
	if at := c.deploy(t, encryptedWith("alias/state")); at.Step != "deploy" {
		t.Fatal(at)
	}
	key.refuses = errors.New("decrypt with KMS key: it is disabled")
	c.refusedWith(t, given(), "operator/configuration.json", "it is disabled")
}

// Where KMS signs and encrypts nothing is kept in a file, on the first machine and others.
func TestState_needsNoFileWhereBothAreInKMS(t *testing.T) {
	both := encryptedWith("alias/state")
	both.State.SigningKey = "alias/operator"
	c, signer, key := newCloud(), newKMSKey(t, "1"), newVault()
	c.fresh, c.operator.keyless = true, true
	c.operator.kms, c.operator.vaults = map[string]*kmsKey{"alias/operator": signer}, map[string]*vault{"alias/state": key}
	c.fail["stack"] = errBroken
	if at := c.deploy(t, both); at.Step != "infrastructure" || c.operator.made {
		t.Fatalf("it ends with %v, and made a key: %t", at, c.operator.made)
	}
	delete(c.fail, "stack")
	if at := c.deploy(t, given()); at.Step != "director" && at.Step != "deploy" || c.operator.made || c.operator.asked != nil {
		t.Errorf("the next run ends with %v, made a key: %t, and asks %q", at, c.operator.made, c.operator.asked)
	}
	if got := c.encryptedBy(t); !slices.Equal(got, []string{key.arn}) {
		t.Errorf("it is encrypted by %q", got)
	}
	age := given()
	age.State = &config.State{Encryption: "age"}
	c.refusedWith(t, age, "the operator's key is needed", "age-keygen -o")
	null := given()
	null.Reset = []string{keyring.SigningKey}
	c.refusedWith(t, null, "the operator's key is needed", "age-keygen -o")
	seen := c.operator.seen
	c.operator.seen = keyring.Seen{}
	c.refusedWith(t, given(), signer.arn, "give it as state.signing_key")
	c.operator.yes = true
	other := given()
	other.State = &config.State{SigningKey: "alias/operator"}
	if at := c.deploy(t, other); at.Step != "director" && at.Step != "deploy" || c.operator.made {
		t.Errorf("on another machine it ends with %v, made a key: %t", at, c.operator.made)
	}
	c.operator.seen, c.operator.yes = seen, false
}
