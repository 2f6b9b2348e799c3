package document_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// operator is keyring.Operator in memory, with a key in a file.
type operator struct {
	keyring.Operator
	key   seal.Identity
	seen  keyring.Seen
	yes   bool
	asked []string
}

func (o *operator) Key() (seal.Identity, error) { return o.key, nil }
func (o *operator) Where() string               { return "ci.operator-key" }
func (o *operator) Seen() (keyring.Seen, error) { return o.seen, nil }
func (o *operator) Saw(seen keyring.Seen) error { o.seen = seen; return nil }
func (o *operator) Accept(_ string, lines []string) (bool, error) {
	o.asked = append(o.asked, lines...)
	return o.yes, nil
}

// identity makes a key.
func identity(t *testing.T) seal.Identity {
	t.Helper()
	key, err := seal.NewIdentity("ada-laptop", time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// place is a state and who works on it.
type place struct {
	store    state.Store
	operator *operator
	pipeline seal.Identity
	said     []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &place{store: store, operator: &operator{key: identity(t)}, pipeline: identity(t)}
}

// set is the documents as a run has them that has read nothing.
func (p *place) set(o document.Options, self bool) *document.Set {
	keys := keyring.Options{
		Installation: "ci", Where: func() string { return "the bucket b" }, Operator: p.operator, Self: self,
		Mask: func(...secret.Value) {}, Warn: func(line string) { p.said = append(p.said, line) },
	}
	if self {
		keys.Operator = nil
		keys.Pipeline = keyring.Pipeline{Public: p.operator.key.Public().String(), Identity: p.pipeline.Reveal().Reveal()}
	}
	return &document.Set{Options: o, Keys: keyring.New(keys)}
}

// opened is a set that was read, with the lease.
func (p *place) opened(t *testing.T, o document.Options, self bool) (*document.Set, document.Contents) {
	t.Helper()
	s := p.set(o, self)
	c, err := s.Open(t.Context(), p.store)
	if err != nil {
		t.Fatal(err)
	}
	_, release, err := s.Hold(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return s, c
}

// contents are some.
func (p *place) contents() document.Contents {
	c := config.Config{Name: "ci"}
	c.Workers.Count = 3
	return document.Contents{
		Statement: document.Statement{Config: &c, Files: map[string]string{"extra.yml": "[]"}, Choice: record.Choice{Region: "eu-central-1"}},
		Findings:  record.Findings{Program: "1.2.3", Director: true},
		Credentials: secret.Values{
			manifest.StateKey:   p.pipeline.Reveal().Reveal(),
			endpoint.DirectorCA: map[string]any{"certificate": "ca", "private_key": "canary"},
			"web_tls":           map[string]any{"certificate": "first"},
		},
	}
}

// kept writes contents as a deploy by hand does, and gives back the lease.
func (p *place) kept(t *testing.T) document.Contents {
	t.Helper()
	c := p.contents()
	s := p.set(document.Options{}, false)
	if _, err := s.Open(t.Context(), p.store); err != nil {
		t.Fatal(err)
	}
	_, release, err := s.Hold(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := errors.Join(s.SaveCredentials(t.Context(), c, []string{manifest.StateKey}), s.Save(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	return c
}

// texts are all documents as they are.
func (p *place) texts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range document.Names() {
		found, err := p.store.Get(t.Context(), name)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
		all[name] = string(found.Body)
	}
	return all
}

// lose deletes documents.
func (p *place) lose(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		found, err := p.store.Get(t.Context(), name)
		if err == nil {
			err = p.store.Delete(t.Context(), name, found.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
