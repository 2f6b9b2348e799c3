package bootstrap_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// bodies are all documents of the cloud's state.
func (c *cloud) bodies(t *testing.T) map[string]string {
	t.Helper()
	store := c.stores["ci"]
	names, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		found, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(found.Body)
	}
	return all
}

// putBack brings the configuration back as it was before the last deploy.
func (c *cloud) putBack(t *testing.T) {
	t.Helper()
	older := c.bodies(t)["operator/configuration.json"]
	cfg := given()
	cfg.Workers.Count = 3
	c.deploy(t, cfg)
	put(t, c.stores["ci"], "operator/configuration.json", []byte(older))
	c.written()
}

// Who only looks at the state of an older release is asked nothing and told what it is;
// nothing is written, and no key is made.
func TestInfo_readsTheStateOfAnOlderReleaseAndSaysSo(t *testing.T) {
	c := oldState(t)
	before := c.bodies(t)
	i, _ := c.install(t, given())
	info, err := i.Info(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if info.URL != "https://198.51.100.1" || info.Director != "https://198.51.100.2:25555" || info.Versions["concourse"] != "8.2.4" || len(info.Secrets) < 5 {
		t.Errorf("info is %+v", info)
	}
	if len(info.State) != 1 {
		t.Fatalf("of the state it says %q", info.State)
	}
	for _, part := range []string{"is from an older release, in clear and not signed", "perpetual deploy ci", "the pipeline refuses it"} {
		if !strings.Contains(info.State[0], part) {
			t.Errorf("it does not say %q: %q", part, info.State)
		}
	}
	if held, err := i.Holder(t.Context()); err != nil || held != nil {
		t.Errorf("its lease is held by %v, %v", held, err)
	}
	if c.operator.asked != nil || c.operator.made || !maps.Equal(c.bodies(t), before) || len(c.written()) > 0 {
		t.Errorf("it asked for %q, made a key: %t, left %v", c.operator.asked, c.operator.made, slices.Sorted(maps.Keys(c.bodies(t))))
	}
}

// A document that was put back is read, and that it is not the last one is said.
func TestInfo_saysThatADocumentWasPutBack(t *testing.T) {
	c := installed(t)
	look := func() bootstrap.Info {
		i, _ := c.install(t, given())
		info, err := i.Info(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if info := look(); len(info.State) > 0 {
		t.Errorf("of a state that is as it was left it says %q", info.State)
	}
	c.putBack(t)
	info := look()
	if len(info.State) != 1 || info.URL == "" || c.operator.asked != nil {
		t.Fatalf("it says %q, and asked for %q", info.State, c.operator.asked)
	}
	for _, part := range []string{"operator/configuration.json is an older version with serial", "and this operator has seen serial", "--accept-stored"} {
		if !strings.Contains(info.State[0], part) {
			t.Errorf("it does not say %q: %q", part, info.State)
		}
	}
}

// What is deleted is what the operator's signature is on: destroy asks only where there is
// none, or where an older one was put back.
func TestDestroy_asksOnlyOfAStateThatIsOldOrWasPutBack(t *testing.T) {
	for name, test := range map[string]struct {
		prepare  func(*testing.T) *cloud
		yes      bool
		accept   bool
		asks     bool
		deletes  bool
		says     []string
		warnings string
	}{
		"as it was left":                     {prepare: installed, deletes: true},
		"another machine's":                  {prepare: unseen, deletes: true},
		"of an older release":                {prepare: oldState, asks: true, says: []string{"is from an older release, and not signed", "--accept-stored"}, warnings: "the state: chosen zones"},
		"of an older release, with a yes":    {prepare: oldState, yes: true, asks: true, deletes: true},
		"of an older release, with the flag": {prepare: oldState, accept: true, deletes: true, warnings: "taken from the state: chosen zones"},
		"put back":                           {prepare: replayed, yes: true, says: []string{"is an older version with serial", "--accept-stored"}},
		"put back, with the flag":            {prepare: replayed, accept: true, deletes: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.prepare(t)
			c.unmake(t)
			before := c.bodies(t)
			c.operator.yes, c.operator.asked = test.yes, nil
			i, shown := c.install(t, given())
			_, err := i.Destroy(t.Context(), bootstrap.Options{AcceptStored: test.accept})
			if (err == nil) != test.deletes || (len(c.stores) == 0) != test.deletes || (c.stack == nil) != test.deletes {
				t.Errorf("it ends with %v, stores %v, stack %v", err, c.stores, c.stack)
			}
			if (c.operator.asked != nil) != test.asks {
				t.Errorf("it asks for %q", c.operator.asked)
			}
			for _, part := range append(test.says, "") {
				if err != nil && (!strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "nothing was changed")) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
			if !test.deletes && !maps.Equal(c.bodies(t), before) {
				t.Errorf("it has left %v", slices.Sorted(maps.Keys(c.bodies(t))))
			}
			if said := strings.Join(shown.lines, "\n"); !strings.Contains(said, test.warnings) {
				t.Errorf("it does not list %q:\n%s", test.warnings, said)
			}
		})
	}
}

// unseen is an installation whose operator has another machine.
func unseen(t *testing.T) *cloud {
	c := installed(t)
	c.operator.seen = keyring.Seen{}
	return c
}

// replayed is one whose configuration was put back.
func replayed(t *testing.T) *cloud {
	c := installed(t)
	c.putBack(t)
	return c
}

// unmake takes from the record that there is a director, which the tests have none of.
func (c *cloud) unmake(t *testing.T) {
	t.Helper()
	for _, name := range []string{"installation.json", "run/record.json"} {
		text, there := c.bodies(t)[name]
		if !there {
			continue
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(text), &record); err != nil {
			t.Fatal(err)
		}
		delete(record, "director")
		delete(record, "deployment")
		body, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		put(t, c.stores["ci"], name, body)
	}
}

// A signed document cannot be exchanged for one of an older release: an operator who has
// seen it refuses the others, and one who has not is asked, as at the first move.
func TestState_refusesADowngradedDocument(t *testing.T) {
	c := installed(t)
	store, seen := c.stores["ci"], c.operator.seen
	const evil = `{"schema": 1, "name": "ci", "manifest": {"vars": {"director_cpi_url": "https://evil.example.com"}}}`
	signed := c.bodies(t)
	for name, envelope := range map[string]string{"an older envelope": `"schema": 0`, "no kind": `"kind": "`} {
		was := signed["operator/configuration.json"]
		changed := strings.Replace(was, map[string]string{`"schema": 0`: `"schema": 1`, `"kind": "`: `"kind": "perpetual/signed-document`}[envelope], envelope, 1)
		if changed == was {
			t.Fatalf("%s: nothing is changed", name)
		}
		put(t, store, "operator/configuration.json", []byte(changed))
		c.refusedEverywhere(t, name, "operator/configuration.json", "it is not signed")
		put(t, store, "operator/configuration.json", []byte(was))
	}
	for name := range signed {
		if found, err := store.Get(t.Context(), name); err != nil || store.Delete(t.Context(), name, found.Revision) != nil {
			t.Fatal(err)
		}
	}
	put(t, store, "config.json", []byte(evil))
	put(t, store, "installation.json", []byte(signed["run/record.json"]))
	put(t, store, "credentials.json", []byte(c.operator.open(t, []byte(signed[credentialsName]))))
	c.refusedEverywhere(t, "an older release's", "has no operator/configuration.json, which this operator has seen there", "--accept-stored")

	c.operator.seen = keyring.Seen{}
	i, shown := c.install(t, given())
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if err == nil || !strings.Contains(err.Error(), "is from an older release, and not signed") || !slices.ContainsFunc(c.operator.asked, func(l string) bool { return strings.Contains(l, "evil.example.com") }) {
		t.Errorf("who has not seen it is asked for %q, and it ends with %v\n%v", c.operator.asked, err, shown.lines)
	}
	if _, err := store.Get(t.Context(), "operator/configuration.json"); !errors.Is(err, state.ErrNotFound) || len(c.written()) > 0 {
		t.Errorf("something was written: %v", err)
	}
	c.operator.seen = seen
}
