package bootstrap_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// signedWith is a configuration that names a key of KMS; "null" takes it back.
func signedWith(name string) *config.Config {
	cfg := given()
	if name == "null" {
		cfg.Reset = []string{keyring.SigningKey}
		return cfg
	}
	cfg.State = &config.State{SigningKey: name}
	return cfg
}

// signers are the ids of the keys that say to have signed the operator's documents.
func (c *cloud) signers(t *testing.T) (ids []string) {
	t.Helper()
	for _, e := range c.envelopes(t) {
		if !slices.Contains(ids, e.KeyID) {
			ids = append(ids, e.KeyID)
		}
	}
	return ids
}

// refusedWith wants deploy and plan to end with an error of one line that says something,
// and nothing to be changed.
func (c *cloud) refusedWith(t *testing.T, cfg *config.Config, says ...string) {
	t.Helper()
	c.written()
	before, seen := c.signers(t), c.operator.seen
	for verb, do := range map[string]func(*bootstrap.Installation) error{
		"plan": func(i *bootstrap.Installation) error { _, err := i.Plan(t.Context(), bootstrap.Options{}); return err },
		"deploy": func(i *bootstrap.Installation) error {
			_, err := i.Deploy(t.Context(), bootstrap.Options{})
			return err
		},
	} {
		i, _ := c.install(t, cfg)
		err := do(i)
		for _, part := range append(says, "nothing was changed") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error lacks %q: %v", verb, part, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines: %q", verb, err)
		}
	}
	if made := c.written(); len(made) > 0 || !slices.Equal(before, c.signers(t)) || seen.Signer != c.operator.seen.Signer {
		t.Errorf("it made %v, has signed with %v, and noted %+v", made, c.signers(t), c.operator.seen.Signer)
	}
}

// moved is an installation whose documents were moved to a key of KMS.
func moved(t *testing.T) (*cloud, *kmsKey) {
	t.Helper()
	c, key := installed(t), newKMSKey(t, "1")
	c.operator.kms = map[string]*kmsKey{"alias/operator": key}
	c.operator.yes = true
	if at := c.deploy(t, signedWith("alias/operator")); at.Step != "deploy" {
		t.Fatalf("the move ends with %v", at)
	}
	c.operator.yes, c.operator.asked = false, nil
	c.written()
	return c, key
}

// A move from the key in a file to one of KMS, and back, is shown and asked for, and
// leaves nothing that the key before has signed.
func TestState_isSignedByAnotherKeyWhereSomebodySaysSo(t *testing.T) {
	c, key := installed(t), newKMSKey(t, "1")
	c.operator.kms = map[string]*kmsKey{"alias/operator": key}
	file, kms := theKey().Public().ID(), key.Public().ID()
	c.refusedWith(t, signedWith("alias/operator"), "signed by another key", "--accept-stored", "take state.signing_key back")
	line := "signed by: key " + file + ", made on ada-laptop on 2026-11-29 → key " + kms + ", kept in KMS as " + key.arn
	if !slices.Equal(c.operator.asked, []string{line}) {
		t.Errorf("it asked for %q, want %q", c.operator.asked, line)
	}
	i, _ := c.install(t, signedWith("alias/operator"))
	plan, err := i.Plan(t.Context(), bootstrap.Options{AcceptStored: true})
	if !errors.Is(err, errNoDirector) && err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Steps, func(s step.Planned) bool {
		return s.Step == "state" && s.Changes && slices.Equal(s.Lines, []string{"~ " + line})
	}) {
		t.Errorf("plan shows %+v", plan.Steps)
	}

	c, key = moved(t)
	if got := c.signers(t); !slices.Equal(got, []string{key.Public().ID()}) {
		t.Errorf("after the move it is signed by %v", got)
	}
	if s := c.operator.seen.Signer; s == nil || s.Key != key.arn || s.Public != key.Public().String() {
		t.Errorf("noted is %+v", s)
	}
	// What is not given any more stays.
	if at := c.deploy(t, given()); at.Step != "deploy" || c.operator.asked != nil || !slices.Equal(c.signers(t), []string{key.Public().ID()}) {
		t.Errorf("the run after it asks for %q, ends with %v, and it is signed by %v", c.operator.asked, at, c.signers(t))
	}
	c.refusedWith(t, signedWith("null"), "signed by another key", "--accept-stored")
	delete(c.operator.kms, "alias/operator") // nor is it needed to go back
	i, _ = c.install(t, signedWith("null"))
	if _, err := i.Deploy(t.Context(), bootstrap.Options{AcceptStored: true}); !errors.Is(err, errNoDirector) {
		t.Errorf("on the way back it ends with %v", err)
	}
	if got := c.signers(t); !slices.Equal(got, []string{file}) || c.operator.seen.Signer != nil {
		t.Errorf("after it, it is signed by %v, and noted is %+v", got, c.operator.seen.Signer)
	}
	if at := c.deploy(t, given()); at.Step != "deploy" {
		t.Errorf("the last run ends with %v", at)
	}
}

// Once everything is signed by the key of KMS, a document that is signed by the key before
// is refused: that one may have been stolen.
func TestState_refusesTheKeyBeforeOnceItIsMoved(t *testing.T) {
	c, key := moved(t)
	const name = "operator/configuration.json"
	body := []byte(c.document(t, name))
	put(t, c.stores["ci"], name, signedBy(t, theKey(), seal.Place{Installation: "ci", Document: name}, body, 99))
	c.operator.yes = true
	c.refusedWith(t, signedWith("alias/operator"), name, "it names key", theKey().Public().ID(), key.Public().ID(), "write state.signing_key: null")
	c.refusedWith(t, given(), name, "write state.signing_key: null")
	other := newKMSKey(t, "9")
	put(t, c.stores["ci"], name, signedBy(t, other, seal.Place{Installation: "ci", Document: name}, body, 99))
	c.refusedWith(t, given(), name, other.Public().ID(), other.arn, "if that is the operator's, give it as state.signing_key", "restore the last version")
}

// An alias that leads to another key is another key.
func TestState_asksWhenAnAliasLeadsToAnotherKey(t *testing.T) {
	c, key := moved(t)
	next := newKMSKey(t, "2")
	c.operator.kms = map[string]*kmsKey{"alias/operator": next}
	c.refusedWith(t, signedWith("alias/operator"), "signed by another key")
	if len(c.operator.asked) != 1 || !strings.Contains(c.operator.asked[0], key.arn+" → key "+next.Public().ID()+", kept in KMS as "+next.arn) {
		t.Errorf("it asked for %q", c.operator.asked)
	}
	c.operator.yes = true
	if at := c.deploy(t, signedWith("alias/operator")); at.Step != "deploy" || !slices.Equal(c.signers(t), []string{next.Public().ID()}) {
		t.Errorf("it ends with %v, and is signed by %v", at, c.signers(t))
	}
}

// Another machine has no note: it is told which key it is, and takes it when it is given.
func TestState_namesTheKeyOfKMSWhereNobodyHasNotedIt(t *testing.T) {
	c, key := moved(t)
	c.operator.seen = keyring.Seen{}
	c.refusedWith(t, given(), key.arn, "give it as state.signing_key")
	c.operator.yes = true
	if at := c.deploy(t, signedWith(key.arn)); at.Step != "deploy" || c.operator.seen.Signer == nil {
		t.Errorf("with the key it ends with %v, and has noted %+v", at, c.operator.seen.Signer)
	}
	c.operator.asked, c.operator.yes = nil, false
	if at := c.deploy(t, given()); at.Step != "deploy" || c.operator.asked != nil {
		t.Errorf("after that it asks for %q, and ends with %v", c.operator.asked, at)
	}
}

// halting is a store that lets some of the operator's documents be written, and no more.
type halting struct {
	state.Store
	left *int
}

// Put implements state.Store.
func (h halting) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if strings.HasPrefix(name, "operator/") {
		if *h.left == 0 {
			return "", errBroken
		}
		*h.left--
	}
	return h.Store.Put(ctx, name, body, revision)
}

// A move that was stopped halfway is finished by the next run.
func TestState_goesOnWithAMoveThatWasStopped(t *testing.T) {
	for written := range 3 {
		c, key := installed(t), newKMSKey(t, "1")
		c.operator.kms, c.operator.yes = map[string]*kmsKey{"alias/operator": key}, true
		open, left := c.open, written
		c.open = func(ctx context.Context, cfg *config.Config, account string, create bool) (state.Store, bool, error) {
			store, made, err := open(ctx, cfg, account, create)
			return halting{store, &left}, made, err
		}
		if at := c.deploy(t, signedWith("alias/operator")); !errors.Is(at, errBroken) || c.operator.seen.Signer != nil {
			t.Errorf("%d: it ends with %v, and has noted %+v", written, at, c.operator.seen.Signer)
		}
		if got := c.signers(t); len(got) != min(written, 1)+1 {
			t.Errorf("%d: it is signed by %v", written, got)
		}
		c.open = open
		if at := c.deploy(t, signedWith("alias/operator")); at.Step != "deploy" || !slices.Equal(c.signers(t), []string{key.Public().ID()}) || c.operator.seen.Signer == nil {
			t.Errorf("%d: the next run ends with %v, and it is signed by %v", written, at, c.signers(t))
		}
	}
}

// Whether the key of KMS is there, and signs, is known before anything is made.
func TestDeploy_triesTheKeyOfKMSFirst(t *testing.T) {
	for name, c := range map[string]struct {
		refuses error
		asks    string
		says    string
	}{
		"a typo":         {nil, "alias/operater", "state.signing_key: use KMS key alias/operater: there is none; nothing was changed"},
		"not its signer": {errors.New("sign with KMS key: allow kms:Sign"), "alias/operator", "state.signing_key: sign with KMS key: allow kms:Sign; nothing was changed"},
	} {
		w, key := newCloud(), newKMSKey(t, "1")
		w.fresh, w.operator.keyless = true, true
		key.refuses = c.refuses
		w.operator.kms = map[string]*kmsKey{"alias/operator": key}
		if at := w.deploy(t, signedWith(c.asks)); at.Step != "state" || !strings.Contains(at.Error(), c.says) {
			t.Errorf("%s: it ends with %v", name, at)
		}
		if made := w.written(); len(made) > 0 || w.operator.made {
			t.Errorf("%s: it made %v, and a key: %t", name, made, w.operator.made)
		}
	}
}

// A first install with a key of KMS makes the key in a file as well, which encrypts only.
func TestDeploy_signsAFirstInstallInKMS(t *testing.T) {
	c, key := newCloud(), newKMSKey(t, "1")
	c.fresh, c.operator.keyless = true, true
	c.operator.kms = map[string]*kmsKey{"alias/operator": key}
	c.fail["stack"] = errBroken
	i, shown := c.install(t, signedWith("alias/operator"))
	_, _ = i.Deploy(t.Context(), bootstrap.Options{})
	said := strings.Join(shown.lines, "\n")
	if !c.operator.made || !strings.Contains(said, "it encrypts the state") {
		t.Errorf("it made a key: %t, and says\n%s", c.operator.made, said)
	}
	if s := c.operator.seen.Signer; s == nil || s.Key != key.arn {
		t.Errorf("noted is %+v", s)
	}
	c.operator.wanted = 0
	if at := c.deploy(t, given()); at.Step != "infrastructure" || c.operator.asked != nil || c.operator.wanted == 0 {
		t.Errorf("the next run ends with %v, and asks for %q", at, c.operator.asked)
	}
}
