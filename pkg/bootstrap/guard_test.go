package bootstrap_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// foreign is where somebody would have a component fetched from.
const foreign = "https://evil.example.com/concourse.tgz"

// No older release has kept where components come from, so nothing is taken from one that
// says so: their upstreams are asked.
func TestDeploy_takesNoOriginFromAnOlderState(t *testing.T) {
	c := oldState(t)
	put(t, c.stores["ci"], "installation.json", c.edit(t, "installation.json", func(fields map[string]any) {
		var list []map[string]any
		text, _ := json.Marshal(set)
		_ = json.Unmarshal(text, &list)
		for _, one := range list {
			one["url"] = foreign
		}
		fields["components"] = list
	}))
	i, _ := c.install(t, given())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{AcceptStored: true}); !errors.Is(err, errNoDirector) {
		t.Fatal(err)
	}
	if said := c.document(t, "operator/configuration.json"); strings.Contains(said, foreign) || !strings.Contains(said, "components") {
		t.Errorf("signed is now:\n%s", said)
	}
}

// What is accepted is what was shown: a state that changes while the question is answered
// is asked for again.
func TestDeploy_asksAgainWhenTheStateChangesMeanwhile(t *testing.T) {
	c := oldState(t)
	store := c.stores["ci"]
	c.operator.yes = true
	c.operator.meanwhile = func() {
		put(t, store, "config.json", c.edit(t, "config.json", func(fields map[string]any) {
			fields["manifest"] = map[string]any{"vars": map[string]any{"director_cpi_url": foreign}}
		}))
		c.operator.meanwhile = func() { c.operator.yes = false }
	}
	i, _ := c.install(t, given())
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") || !slices.ContainsFunc(c.operator.asked, func(l string) bool { return strings.Contains(l, foreign) }) {
		t.Errorf("it ends with %v, and has asked for %q", err, c.operator.asked)
	}
	if _, err := store.Get(t.Context(), "operator/configuration.json"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("it was signed: %v", err)
	}
	if made := c.written(); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
}

// rewrite has somebody with a key change the operator's configuration.
func (c *cloud) rewrite(t *testing.T, key seal.Signer, change func(chosen map[string]any)) {
	t.Helper()
	const name = "operator/configuration.json"
	body := c.edit(t, name, func(fields map[string]any) { change(fields["chosen"].(map[string]any)) })
	put(t, c.stores["ci"], name, signedBy(t, key, seal.Place{Installation: "ci", Document: name}, body, 99))
}

// Of everything that would be taken the whole is shown, however long it is.
func TestState_showsWhereEveryComponentComesFrom(t *testing.T) {
	c := installed(t)
	c.rewrite(t, theKey(), func(chosen map[string]any) {
		list := chosen["components"].([]any)
		last := list[len(list)-1].(map[string]any)
		last["url"], last["sha1"] = foreign, "0badc0de"
	})
	i, _ := c.install(t, given())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("it ends with %v", err)
	}
	if !slices.ContainsFunc(c.operator.asked, func(l string) bool {
		return strings.HasPrefix(l, "component + ") && strings.Contains(l, foreign+", sha1 0badc0de")
	}) || slices.ContainsFunc(c.operator.asked, func(l string) bool { return strings.Contains(l, "…") && !strings.HasPrefix(l, "file ") }) {
		t.Errorf("it asks for %q", c.operator.asked)
	}
}

// A run that shows nobody what has changed does not note it as seen.
func TestDestroy_notesNothingThatNobodyWasShown(t *testing.T) {
	c := installed(t)
	c.rewrite(t, theKey(), func(chosen map[string]any) { chosen["spread"] = 1 })
	i, _ := c.install(t, given())
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); !errors.Is(err, errNoDirector) {
		t.Fatal(err)
	}
	i, _ = c.install(t, given())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "and this operator has seen serial") || c.operator.asked == nil {
		t.Errorf("the deploy after it asks for %q, and ends with %v", c.operator.asked, err)
	}
}

// A key that has signed everything, and that this operator has not known, is asked for:
// whoever can change an alias could have put theirs behind it. So it is by destroy.
func TestState_asksForAKeyThatIsNewToThisOperator(t *testing.T) {
	c, _ := moved(t)
	next := newKMSKey(t, "2")
	c.operator.kms = map[string]*kmsKey{"alias/operator": next}
	for _, name := range document.Names()[:3] {
		body := []byte(c.document(t, name))
		put(t, c.stores["ci"], name, signedBy(t, next, seal.Place{Installation: "ci", Document: name}, body, 99, recipientsOf(t, c)...))
	}
	c.refusedWith(t, signedWith("alias/operator"), "signed by a key that is new to this operator", "if it is yours, run again with --accept-stored", "find out where state.signing_key leads")
	if len(c.operator.asked) != 1 || !strings.Contains(c.operator.asked[0], next.Public().ID()+", kept in KMS as "+next.arn) {
		t.Errorf("it asks for %q", c.operator.asked)
	}
	i, _ := c.install(t, signedWith("alias/operator"))
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "new to this operator") {
		t.Errorf("destroy ends with %v", err)
	}
	c.operator.yes = true
	if at := c.deploy(t, signedWith("alias/operator")); at.Step != "deploy" || c.operator.seen.Signer.Key != next.arn {
		t.Errorf("with a yes it ends with %v, and has noted %+v", at, c.operator.seen.Signer)
	}
}

// recipientsOf is the pipeline, which reads its part.
func recipientsOf(t *testing.T, c *cloud) []string {
	t.Helper()
	var credentials struct{ Values map[string]any }
	if err := json.Unmarshal([]byte(c.document(t, credentialsName)), &credentials); err != nil {
		t.Fatal(err)
	}
	text, _ := credentials.Values["state_key"].(string)
	key, err := seal.ParseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	return []string{key.Recipient()}
}

// destroy asks, too, where the documents are signed by the key in a file that no longer
// counts: what they say would be run.
func TestDestroy_asksWhenTheKeyBeforeHasSigned(t *testing.T) {
	c, key := installed(t), newKMSKey(t, "1")
	c.operator.kms = map[string]*kmsKey{"alias/operator": key}
	i, _ := c.install(t, signedWith("alias/operator"))
	if _, err := i.Destroy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "signed by another key") || len(c.written()) > 0 {
		t.Errorf("it ends with %v", err)
	}
}

// A first install without a file of a key that was killed before it had said anything goes
// on, and says what is missing where it cannot.
func TestDeploy_goesOnWithoutAFileWhereItWasKilledEarly(t *testing.T) {
	for name, test := range map[string]struct {
		again *config.Config
		says  string
	}{
		"nothing is said again": {given(), ""},
		"age is said":           {func() *config.Config { c := given(); c.State = &config.State{Encryption: "age"}; return c }(), "the operator's key is needed"},
	} {
		both := encryptedWith("alias/state")
		both.State.SigningKey = "alias/operator"
		c := newCloud()
		c.fresh, c.operator.keyless = true, true
		c.operator.kms, c.operator.vaults = map[string]*kmsKey{"alias/operator": newKMSKey(t, "1")}, map[string]*vault{"alias/state": newVault()}
		i, _ := c.install(t, both)
		open, left := i.OpenStore, 1
		i.OpenStore = func(ctx context.Context, cfg *config.Config, account string, create bool) (state.Store, bool, error) {
			store, made, err := open(ctx, cfg, account, create)
			return halting{store, &left}, made, err
		}
		if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.Is(err, errBroken) {
			t.Fatalf("%s: it ends with %v", name, err)
		}
		if _, err := c.stores["ci"].Get(t.Context(), "operator/configuration.json"); err == nil {
			t.Fatal("the configuration is there")
		}
		next, _ := c.install(t, test.again)
		_, err := next.Deploy(t.Context(), bootstrap.Options{})
		if test.says == "" && !errors.Is(err, errNoDirector) || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: the next run ends with %v", name, err)
		}
	}
}

// A self-upgrade by hand, with the operator's key, has the guards of a run by hand.
func TestSelfUpgrade_byHandAsksWhoseThingsAre(t *testing.T) {
	c := installed(t)
	c.names(t, ledger.Thing{Kind: ledger.VM, CID: "i-1"})
	c.possessions = []account.Possession{{ID: "i-1", Tags: owned("perpetual:name", "prod")}}
	i, _ := c.install(t, given())
	i.Pipeline = keyring.Pipeline{}
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true, Components: set}); err == nil || !strings.Contains(err.Error(), "of another installation") {
		t.Errorf("it ends with %v", err)
	}
	c = installed(t)
	c.rewrite(t, theKey(), func(chosen map[string]any) { chosen["spread"] = 1 })
	i, _ = c.install(t, given())
	i.Pipeline = keyring.Pipeline{}
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true, Components: set}); err == nil || !strings.Contains(err.Error(), "--accept-stored") {
		t.Errorf("with a document that was changed it ends with %v", err)
	}
}

// What is shown is what would be taken: a file of the state that nothing uses any more is
// not, and what is in a vars file is hidden, as any value there may be a secret.
func TestState_showsOnlyTheFilesThatWouldBeTaken(t *testing.T) {
	const hidden = "canary-of-a-vars-file"
	c, cfg := newCloud(), given()
	cfg.Manifest.VarsFiles = []string{"old.yml"}
	i, _ := c.install(t, cfg)
	i.Files = func(string) ([]byte, error) { return []byte("greeting: " + hidden + "\n"), nil }
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.Is(err, errNoDirector) {
		t.Fatal(err)
	}
	c.rewrite(t, theKey(), func(chosen map[string]any) { chosen["spread"] = 1 })
	for name, shown := range map[string]bool{"old.yml": true, "new.yml": false} {
		now := given()
		if name == "new.yml" {
			now.Manifest.VarsFiles = []string{name}
		}
		i, said := c.install(t, now)
		i.Files = func(string) ([]byte, error) { return []byte("other: value\n"), nil }
		if _, err := i.Deploy(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "--accept-stored") {
			t.Errorf("%s: it ends with %v", name, err)
		}
		asked := strings.Join(append(c.operator.asked, said.lines...), "\n")
		if strings.Contains(asked, "file old.yml") != shown || strings.Contains(asked, hidden) {
			t.Errorf("with %s it asks for\n%s", name, asked)
		}
	}
}
