package document_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// The next run reads what was saved, and writes nothing where nothing differs.
func TestSet_readsWhatItHasSaved(t *testing.T) {
	p := newPlace(t)
	if s, c := p.opened(t, document.Options{}, false); s.Known() || s.HasCredentials() || c.Statement.Config != nil || c.Credentials == nil {
		t.Errorf("an empty store says %+v", c)
	}
	p = newPlace(t)
	want, before := p.kept(t), map[string]string{}
	for name, text := range p.texts(t) {
		if before[name] = text; text == "" || strings.Contains(text, "canary") {
			t.Errorf("%s is %q", name, text)
		}
	}
	s, got := p.opened(t, document.Options{}, false)
	if got.Statement.Config.Workers.Count != 3 || got.Statement.Choice.Region != "eu-central-1" || got.Statement.Files["extra.yml"] != "[]" || !reflect.DeepEqual(got.Findings, want.Findings) || !reflect.DeepEqual(got.Credentials.Reveal(), want.Credentials.Reveal()) {
		t.Errorf("it reads %+v, want %+v", got, want)
	}
	if missing := s.Missing(true); !s.Known() || !s.Signed() || !s.HasCredentials() || s.Old() || missing != nil {
		t.Errorf("it lacks %q", missing)
	}
	if err := errors.Join(s.SaveCredentials(t.Context(), got, nil), s.Save(t.Context(), got)); err != nil {
		t.Fatal(err)
	}
	if after := p.texts(t); !reflect.DeepEqual(before, after) {
		t.Error("what has not changed was written again")
	}
	if c, err := p.set(document.Options{}, false).Config(t.Context(), p.store); err != nil || c.Workers.Count != 3 {
		t.Errorf("the configuration alone is %+v, %v", c, err)
	}
}

// What must be there and is not is named.
func TestMissing_namesWhatIsGone(t *testing.T) {
	for _, name := range []string{"run/record.json", "operator/credentials.json"} {
		p := newPlace(t)
		p.kept(t)
		p.lose(t, name)
		s, _ := p.opened(t, document.Options{}, false)
		if missing := s.Missing(true); len(missing) != 1 || missing[0] != name {
			t.Errorf("without %s it lacks %q", name, missing)
		}
	}
}

// One run at a time has the lease; who reads only is told which.
func TestHold_isForOne(t *testing.T) {
	p := newPlace(t)
	p.kept(t)
	s, _ := p.opened(t, document.Options{}, false)
	other := p.set(document.Options{}, false)
	if err := other.Attach(t.Context(), p.store); err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.Hold(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "another run is under way, nothing was changed") {
		t.Errorf("the second ends with %v", err)
	}
	if !s.Saves() || other.Saves() {
		t.Errorf("the first saves: %t, the second: %t", s.Saves(), other.Saves())
	}
	if err := s.Forget(); err != nil || s.Saves() || len(p.operator.seen.Documents) > 0 {
		t.Errorf("once forgotten it saves: %t, and has seen %v, %v", s.Saves(), p.operator.seen, err)
	}
}

// A self-upgrade has the pipeline's view, writes no statement, and keeps what it renews for
// its own later runs, until an operator's run has made its own.
func TestSet_ofThePipelineKeepsWhatItRenews(t *testing.T) {
	p := newPlace(t)
	p.kept(t)
	before := p.texts(t)
	inside := func() (*document.Set, document.Contents) {
		s := p.set(document.Options{}, true)
		c, err := s.Open(t.Context(), p.store)
		if err != nil {
			t.Fatal(err)
		}
		return s, c
	}
	s, c := inside()
	if _, has := c.Credentials[manifest.StateKey]; has || c.Credentials[endpoint.DirectorCA].(map[string]any)["private_key"] != "" {
		t.Errorf("the pipeline has %v", c.Credentials.Reveal())
	}
	c.Credentials["web_tls"] = map[string]any{"certificate": "renewed"}
	c.Statement.Choice.Region = "us-east-1"
	if err := errors.Join(s.SaveCredentials(t.Context(), c, []string{"web_tls"}), s.SaveStatement(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	if after := p.texts(t); !reflect.DeepEqual(before, after) {
		t.Error("it has written what is the operator's")
	}
	if _, c := inside(); c.Credentials["web_tls"].(map[string]any)["certificate"] != "renewed" {
		t.Errorf("the next one has %v", c.Credentials.Reveal())
	}
	// An operator's run makes its own.
	by, hand := p.opened(t, document.Options{}, false)
	hand.Credentials["web_tls"] = map[string]any{"certificate": "by hand"}
	if err := by.SaveCredentials(t.Context(), hand, []string{"web_tls"}); err != nil {
		t.Fatal(err)
	}
	if _, c := inside(); c.Credentials["web_tls"].(map[string]any)["certificate"] != "by hand" {
		t.Errorf("after an operator's run it has %v", c.Credentials.Reveal())
	}
}

// What runs have left for no document of the operator's is not used.
func TestSet_takesNothingRenewedWithoutTheOperatorsCredentials(t *testing.T) {
	p := newPlace(t)
	text, err := seal.Encrypt([]byte(`{"schema": 1, "of": "", "values": {"web_tls": {"certificate": "theirs"}}}`), p.operator.key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	p.kept(t)
	p.lose(t, "operator/credentials.json", document.Pipeline)
	if _, err = p.store.Put(t.Context(), "run/credentials.age", []byte(text), ""); err != nil {
		t.Fatal(err)
	}
	s := p.set(document.Options{}, true)
	s.Keys = keyring.New(keyring.Options{ // a self-upgrade by hand
		Installation: "ci", Self: true, Operator: p.operator, Where: s.Keys.Where, Mask: s.Keys.Mask, Warn: s.Keys.Warn,
	})
	if c, err := s.Open(t.Context(), p.store); err != nil || len(c.Credentials) > 0 || s.HasCredentials() {
		t.Errorf("it reads %v, %v", c.Credentials.Reveal(), err)
	}
}

// What another operator has said is taken once somebody has agreed to it, and then noted.
func TestAccept_asksForWhatIsNewToTheOperator(t *testing.T) {
	p := newPlace(t)
	wanted := p.kept(t).Statement.Config
	p.operator.seen = keyring.Seen{} // another machine
	accept := func(o document.Options) (asked string, err error) {
		s := p.set(o, false)
		if _, err := s.Open(t.Context(), p.store); err != nil {
			t.Fatal(err)
		}
		p.operator.asked, p.said = nil, nil
		if err = s.Accept(wanted); err == nil {
			err = s.NoteAccepted()
		}
		return strings.Join(p.operator.asked, "\n"), err
	}
	asked, err := accept(document.Options{Asks: true})
	if err == nil || !strings.Contains(err.Error(), "operator/configuration.json, serial 1, is new to this operator") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("after a no it ends with %v", err)
	}
	for _, line := range []string{"workers.count: not given → 3", `chosen region: "eu-central-1"`} {
		if !strings.Contains(asked, line) || !slices.Contains(p.said, "in the state: "+line) {
			t.Errorf("it asks for %q, and says %q", asked, p.said)
		}
	}
	if asked, err := accept(document.Options{Asks: true, Lenient: true}); err != nil || asked != "" || len(p.operator.seen.Documents) > 0 {
		t.Errorf("who deletes is asked for %q, and has seen %v: %v", asked, p.operator.seen, err)
	}
	if asked, err := accept(document.Options{Asks: true, AcceptStored: true}); err != nil || asked != "" || !slices.Contains(p.said, "taken from the state: workers.count: not given → 3") {
		t.Errorf("with the flag it asks for %q, and says %q: %v", asked, p.said, err)
	}
	if asked, err := accept(document.Options{Asks: true}); err != nil || asked != "" {
		t.Errorf("once noted it asks for %q, %v", asked, err)
	}
	p.operator.seen, p.operator.yes = keyring.Seen{}, true
	if asked, err := accept(document.Options{Asks: true}); err != nil || asked == "" || len(p.operator.seen.Documents) != 3 {
		t.Errorf("after a yes it has asked for %q, and has seen %v: %v", asked, p.operator.seen, err)
	}
}

// The state of an older release is read, moved, and cleared; then it is as any other.
func TestMove_signsWhatAnOlderReleaseHasKept(t *testing.T) {
	p := newPlace(t)
	for name, text := range map[string]string{
		"config.json":            `{"schema": 1, "name": "ci", "workers": {"count": 3}}`,
		"credentials.json":       `{"schema": 1, "values": {"web_password": "canary"}}`,
		"installation.json":      `{"schema": 1, "region": "eu-central-1", "director": true}`,
		"environment/state.json": `{}`,
	} {
		if _, err := p.store.Put(t.Context(), name, []byte(text), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.set(document.Options{}, true).Open(t.Context(), p.store); err == nil || !strings.Contains(err.Error(), "by hand once, which moves it") {
		t.Errorf("a self-upgrade ends with %v", err)
	}
	if name, err := document.LeaseOf(t.Context(), p.store); err != nil || name != "leases/installation" {
		t.Errorf("the lease is %s, %v", name, err)
	}
	s, old := p.opened(t, document.Options{}, false)
	if !s.Old() || !s.Known() || s.Signed() || !s.HasCredentials() || len(s.Doubts()) != 1 || len(s.MovedLines()) != 8 {
		t.Errorf("it doubts %q, and would write %q", s.Doubts(), s.MovedLines())
	}
	old.Credentials[manifest.StateKey] = p.pipeline.Reveal().Reveal()
	if err := errors.Join(s.Move(t.Context(), old), s.ClearOld(t.Context())); err != nil || s.Old() || !s.Signed() {
		t.Errorf("once moved it is old: %t, %v", s.Old(), err)
	}
	names, err := p.store.List(t.Context(), "")
	slices.Sort(names)
	want := "leases/installation operator/configuration.json operator/credentials.json operator/pipeline.json run/environment/state.json run/leases/installation run/record.json"
	if got := strings.Join(names, " "); err != nil || got != want {
		t.Errorf("there is %s, %v", got, err)
	}
	again := p.set(document.Options{}, false)
	c, err := again.Open(t.Context(), p.store)
	if err != nil || again.Old() || c.Statement.Config.Workers.Count != 3 || c.Statement.Choice.Region != "eu-central-1" || !c.Findings.Director || c.Credentials["web_password"] != "canary" {
		t.Errorf("the next run reads %+v, %v", c, err)
	}
}
