package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// put writes a document over whatever is there.
func put(t *testing.T, store state.Store, name string, body []byte) {
	t.Helper()
	found, err := store.Get(t.Context(), name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), name, body, found.Revision); err != nil {
		t.Fatal(err)
	}
}

// refusedEverywhere wants each verb that could act to end with an error that says
// something, and nothing to be made.
func (c *cloud) refusedEverywhere(t *testing.T, name string, says ...string) {
	t.Helper()
	c.written()
	asked := len(c.env)
	for verb, do := range map[string]func(*bootstrap.Installation) error{
		"plan": func(i *bootstrap.Installation) error {
			_, err := i.Plan(t.Context(), bootstrap.Options{})
			return err
		},
		"deploy": func(i *bootstrap.Installation) error {
			_, err := i.Deploy(t.Context(), bootstrap.Options{})
			return err
		},
		"destroy": func(i *bootstrap.Installation) error {
			_, err := i.Destroy(t.Context(), bootstrap.Options{})
			return err
		},
		"info": func(i *bootstrap.Installation) error {
			_, err := i.Info(t.Context(), false)
			return err
		},
	} {
		i, _ := c.install(t, given())
		err := do(i)
		for _, part := range append(says, "nothing was changed") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %s: the error lacks %q: %v", name, verb, part, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s: the error has several lines: %q", name, verb, err)
		}
	}
	if made := c.written(); len(made) > 0 || len(c.env) != asked {
		t.Errorf("%s: it made %v", name, made)
	}
}

// A document that the operator has not signed for this installation and this name is
// refused by name, whoever has put it there.
func TestState_refusesDocumentsThatAreNotTheOperators(t *testing.T) {
	stranger, err := seal.NewIdentity("elsewhere", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := installed(t)
	store := c.stores["ci"]
	for _, name := range []string{"operator/configuration.json", "operator/credentials.json", "operator/pipeline.json"} {
		was, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		other := map[string]string{
			"operator/configuration.json": "operator/credentials.json", "operator/credentials.json": "operator/pipeline.json", "operator/pipeline.json": "operator/configuration.json",
		}[name]
		moved, err := store.Get(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(c.operator.open(t, was.Body))
		for _, test := range []struct {
			name string
			text []byte
			says []string
		}{
			{"another's key", signedBy(t, stranger, seal.Place{Installation: "ci", Document: name}, body, 99), []string{name, stranger.Public().ID(), theKey().Public().ID(), "restore the last version"}},
			{"another installation", signedBy(t, theKey(), seal.Place{Installation: "ci-2", Document: name}, body, 99), []string{name, `"ci-2"`}},
			{"another document", moved.Body, []string{name, other}},
			{"unsigned", body, []string{name, "not signed"}},
			{"changed", []byte(strings.Replace(string(was.Body), `"serial": `, `"serial": 1`, 1)), []string{name, "was changed after it was signed"}},
		} {
			put(t, store, name, test.text)
			c.refusedEverywhere(t, name+": "+test.name, test.says...)
		}
		put(t, store, name, was.Body)
	}
	if at := c.deploy(t, given()); at.Step != "deploy" {
		t.Errorf("with the right documents it ends with %v", at)
	}
}

// An older version of the bucket's object is refused, and taken where somebody says so.
func TestState_refusesAReplayedDocument(t *testing.T) {
	c := installed(t)
	store := c.stores["ci"]
	older, err := store.Get(t.Context(), "operator/configuration.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg := given()
	cfg.Workers.Count = 3
	c.deploy(t, cfg)
	c.written()
	put(t, store, "operator/configuration.json", older.Body)
	c.operator.yes = true // what is older takes a flag
	for verb, do := range map[string]func(*bootstrap.Installation) error{
		"plan": func(i *bootstrap.Installation) error { _, err := i.Plan(t.Context(), bootstrap.Options{}); return err },
		"deploy": func(i *bootstrap.Installation) error {
			_, err := i.Deploy(t.Context(), bootstrap.Options{})
			return err
		},
		"destroy": func(i *bootstrap.Installation) error {
			_, err := i.Destroy(t.Context(), bootstrap.Options{})
			return err
		},
	} {
		i, _ := c.install(t, given())
		err := do(i)
		for _, part := range []string{"operator/configuration.json is an older version with serial", "has seen serial", "nothing was changed", "--accept-stored"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error lacks %q: %v", verb, part, err)
			}
		}
	}
	if made := c.written(); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
	if at, _ := c.attempt(t, bootstrap.Options{AcceptStored: true}, nil); at.Step != "deploy" {
		t.Errorf("accepted, it ends with %v", at)
	}
	if at := c.deploy(t, given()); at.Step != "deploy" {
		t.Errorf("the run after it ends with %v", at)
	}
}

// Without the key nothing is read, and the error says which key it is.
func TestState_needsTheOperatorsKey(t *testing.T) {
	c := installed(t)
	c.operator.keyless = true
	c.refusedEverywhere(t, "no key", theKey().Public().ID(), "made on ada-laptop on 2026-11-29", "ci.operator-key", "--operator-key FILE")
	if c.operator.made {
		t.Error("another key was made")
	}
}

// A first install makes the key and says where it is, and what is lost without it.
func TestDeploy_makesTheOperatorsKeyOnce(t *testing.T) {
	c := newCloud()
	c.operator.keyless, c.fresh = true, true
	c.fail["stack"] = errBroken
	i, _ := c.install(t, given())
	if _, err := i.Plan(t.Context(), bootstrap.Options{}); err != nil || c.operator.made {
		t.Errorf("plan makes a key: %t, %v", c.operator.made, err)
	}
	i, shown := c.install(t, given())
	_, _ = i.Deploy(t.Context(), bootstrap.Options{})
	said := strings.Join(shown.lines, "\n")
	for _, part := range []string{"made the operator's key of ci: ci.operator-key;", "keep a copy in another place", "without it nobody can deploy"} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q:\n%s", part, said)
		}
	}
	if !c.operator.made {
		t.Error("no key was made")
	}
	c.operator.made = false
	if at := c.deploy(t, given()); at.Step != "infrastructure" || c.operator.made {
		t.Errorf("the next run makes a key: %t, %v", c.operator.made, at)
	}
}

// What another run has changed since this operator's last one is listed and asked for,
// with secrets hidden; what is given now needs no question.
func TestState_asksForWhatWasChangedSince(t *testing.T) {
	c := newCloud()
	cfg := given()
	cfg.Workers.Count = 4
	cfg.Manifest.OpsFiles = []string{"extra.yml"}
	cfg.Pipeline.GitHubToken = secret.New("canary-of-a-token")
	deploy := func(o bootstrap.Options, yes bool) ([]string, error) {
		c.operator.yes, c.operator.asked = yes, nil
		i, shown := c.install(t, given())
		_, err := i.Deploy(t.Context(), o)
		return shown.lines, err
	}
	i, _ := c.install(t, cfg)
	i.Files = files(map[string]string{"extra.yml": "- {type: replace, path: '/instance_groups/name=web/env?/x', value: 1}\n"})
	_, _ = i.Deploy(t.Context(), bootstrap.Options{})
	c.written()
	here := c.operator.seen
	c.operator.seen = keyring.Seen{} // another machine, with a copy of the key

	lines, err := deploy(bootstrap.Options{}, false)
	said := strings.Join(lines, "\n")
	for _, part := range []string{"in the state: workers.count: not given → 4", "in the state: file extra.yml, sha256 ", "in the state:   0/path: /instance_groups/name=web/env?/x", "in the state: pipeline.github_token: not given → (hidden)", "in the state: chosen zones: "} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not list %q:\n%s", part, said)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "is new to this operator") || !strings.Contains(err.Error(), "--accept-stored") || strings.Contains(said+err.Error(), "canary") {
		t.Errorf("without an answer it ends with %v", err)
	}
	if made := c.written(); len(made) > 0 || len(c.operator.seen.Documents) > 0 {
		t.Errorf("it made %v, and has noted %v", made, c.operator.seen)
	}
	if !slices.ContainsFunc(c.operator.asked, func(l string) bool { return strings.HasPrefix(l, "workers.count") }) {
		t.Errorf("it asked for %q", c.operator.asked)
	}
	var at *step.Error
	if _, err := deploy(bootstrap.Options{}, true); !errors.As(err, &at) || at.Step != "deploy" || c.operator.asked == nil {
		t.Errorf("with a yes it ends with %v", err)
	}
	if _, err := deploy(bootstrap.Options{}, false); !errors.As(err, &at) || at.Step != "deploy" || c.operator.asked != nil {
		t.Errorf("once accepted it asks for %q, and ends with %v", c.operator.asked, err)
	}
	c.operator.seen = keyring.Seen{}
	if lines, err := deploy(bootstrap.Options{AcceptStored: true}, false); !errors.As(err, &at) || at.Step != "deploy" || c.operator.asked != nil ||
		!strings.Contains(strings.Join(lines, "\n"), "taken from the state: workers.count: not given → 4") {
		t.Errorf("with --accept-stored it asks for %q, and ends with %v", c.operator.asked, err)
	}
	// The first machine sees that another has written.
	now := c.operator.seen
	c.operator.seen = here
	c.amend(t, "operator/configuration.json", func(fields map[string]any) {
		fields["configuration"].(map[string]any)["workers"] = map[string]any{"count": 5}
	})
	c.operator.seen = here
	if lines, err := deploy(bootstrap.Options{}, false); err == nil || !strings.Contains(strings.Join(lines, "\n"), "workers.count: not given → 5") ||
		!strings.Contains(err.Error(), "operator/configuration.json has serial 100, and this operator has seen serial") {
		t.Errorf("on the first machine it ends with %v", err)
	}
	_ = now
}

// A run that is killed between the note and the write leaves one that the next run takes
// without a question.
func TestState_takesWhatAKilledRunHasWritten(t *testing.T) {
	c := installed(t)
	store := c.stores["ci"]
	before := c.operator.seen
	cfg := given()
	cfg.Workers.Count = 3
	c.deploy(t, cfg)
	written, err := store.Get(t.Context(), "operator/configuration.json")
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.Peek(written.Body)
	if err != nil {
		t.Fatal(err)
	}
	after := c.operator.seen
	for name, seen := range map[string][]keyring.Version{
		"killed after the write":  {before.Documents[e.Document][0], after.Documents[e.Document][0]},
		"killed before the write": {after.Documents[e.Document][0], {Serial: e.Serial + 1, Digest: "never written"}},
	} {
		c.operator.seen = keyring.Seen{Place: thePlace, Documents: map[string][]keyring.Version{
			e.Document: seen, "operator/credentials.json": after.Documents["operator/credentials.json"], "operator/pipeline.json": after.Documents["operator/pipeline.json"],
		}}
		if at := c.deploy(t, given()); at.Step != "deploy" || c.operator.asked != nil {
			t.Errorf("%s: it asks for %q, and ends with %v", name, c.operator.asked, at)
		}
	}
}
