package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const name = "operator/configuration.json"

// operator is keyring.Operator in memory.
type operator struct {
	key  seal.Identity
	made int
	seen keyring.Seen
}

func (o *operator) Key() (seal.Identity, error) {
	if o.key.Empty() {
		return seal.Identity{}, keyring.ErrNoKey
	}
	return o.key, nil
}

func (o *operator) Make() (key seal.Identity, err error) {
	o.made++
	o.key, err = seal.NewIdentity("ada-laptop", time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	return o.key, err
}

func (o *operator) Where() string { return "ci.operator-key" }

func (o *operator) Signer(context.Context, string) (seal.Signer, error) {
	return nil, errors.New("there is no such key")
}

func (o *operator) Wrapper(context.Context, string) (seal.Wrapper, error) {
	return nil, errors.New("there is no such key")
}

func (o *operator) Seen() (keyring.Seen, error) { return o.seen, nil }

func (o *operator) Saw(seen keyring.Seen) error {
	o.seen = seen
	return nil
}

func (o *operator) Accept(string, []string) (bool, error) { return false, nil }

// ring is a keyring of ci, changed by change; said gets its warnings.
func ring(o *operator, said *[]string, change func(*keyring.Options)) *keyring.Keyring {
	options := keyring.Options{
		Installation: "ci", Where: func() string { return "the bucket b" }, Operator: o, Mask: func(...secret.Value) {},
		Warn: func(line string) {
			if said != nil {
				*said = append(*said, line)
			}
		},
	}
	if change != nil {
		change(&options)
	}
	return keyring.New(options)
}

// sealed is a document as it is kept, after before.
func sealed(t *testing.T, k *keyring.Keyring, body string, before keyring.Document, recipients ...string) ([]byte, keyring.Document) {
	t.Helper()
	text, after, err := k.Seal(t.Context(), name, []byte(body), before, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Saw(name, false, after.Version()); err != nil {
		t.Fatal(err)
	}
	return text, after
}

// A first install makes the key and says what is lost without it; another run reads with
// it what was sealed, at its own place only.
func TestKeyring_opensWhatItHasSealed(t *testing.T) {
	o, said := &operator{}, []string{}
	text, wrote := sealed(t, ring(o, &said, nil), "said", keyring.Document{})
	if o.made != 1 || len(said) != 1 || !strings.Contains(said[0], "made the operator's key of ci: ci.operator-key; it signs and encrypts the state") {
		t.Errorf("%d keys were made, and it says %q", o.made, said)
	}
	read, err := ring(o, nil, nil).Open(t.Context(), name, text, true)
	if err != nil || string(read.Body) != "said" || read.Version() != wrote.Version() || read.Envelope.Serial != 1 || read.Replayed != nil || read.Former {
		t.Errorf("it reads %+v, %v", read, err)
	}
	if strings.Contains(string(text), "said") {
		t.Error("the document is not encrypted")
	}
	for what, open := range map[string]func() (keyring.Document, error){
		"another name": func() (keyring.Document, error) {
			return ring(o, nil, nil).Open(t.Context(), "operator/credentials.json", text, false)
		},
		"another installation": func() (keyring.Document, error) {
			return ring(o, nil, func(o *keyring.Options) { o.Installation = "ci-2" }).Open(t.Context(), name, text, true)
		},
		"another operator": func() (keyring.Document, error) {
			other := &operator{}
			if _, err := other.Make(); err != nil {
				t.Fatal(err)
			}
			return ring(other, nil, nil).Open(t.Context(), name, text, true)
		},
		"no key": func() (keyring.Document, error) {
			return ring(&operator{}, nil, nil).Open(t.Context(), name, text, true)
		},
	} {
		d, err := open()
		if err == nil || !strings.Contains(err.Error(), "nothing was changed") || d.Body != nil {
			t.Errorf("%s: it reads %q, %v", what, d.Body, err)
		}
	}
}

// An earlier version is read, and said to be one.
func TestOpen_saysThatADocumentIsOlderThanWhatWasSeen(t *testing.T) {
	o := &operator{}
	k := ring(o, nil, nil)
	first, before := sealed(t, k, "first", keyring.Document{})
	second, _ := sealed(t, k, "second", before)
	for body, text := range map[string][]byte{"first": first, "second": second} {
		d, err := ring(o, nil, nil).Open(t.Context(), name, text, true)
		if err != nil || string(d.Body) != body || (d.Replayed != nil) != (body == "first") {
			t.Errorf("%s: it reads %q, older: %v, %v", body, d.Body, d.Replayed, err)
		}
	}
	// What was seen in another state says nothing of this one.
	elsewhere := ring(o, nil, func(o *keyring.Options) { o.Where = func() string { return "the bucket c" } })
	if d, err := elsewhere.Open(t.Context(), name, first, true); err != nil || d.Replayed != nil {
		t.Errorf("in another state it is older: %v, %v", d.Replayed, err)
	}
	if seen, err := elsewhere.LastSeen(); err != nil || seen.Place != "the bucket c" || len(seen.Documents) > 0 {
		t.Errorf("of another state it has seen %+v, %v", seen, err)
	}
}

// A self-upgrade reads what is encrypted to the pipeline, and writes nothing of the
// operator's.
func TestKeyring_ofThePipelineReadsAndNeverWrites(t *testing.T) {
	pipeline, err := seal.NewIdentity("ada-laptop", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{}
	k := ring(o, nil, nil)
	theirs, _ := sealed(t, k, "for both", keyring.Document{}, pipeline.Recipient())
	ours, _ := sealed(t, k, "for the operator", keyring.Document{})
	inside := func() *keyring.Keyring {
		return ring(nil, nil, func(o *keyring.Options) {
			o.Operator, o.Self = nil, true
			o.Pipeline = keyring.Pipeline{Public: k.Public().String(), Identity: pipeline.Reveal().Reveal()}
		})
	}
	if d, err := inside().Open(t.Context(), name, theirs, true); err != nil || string(d.Body) != "for both" {
		t.Errorf("it reads %q, %v", d.Body, err)
	}
	if d, err := inside().Open(t.Context(), name, ours, true); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("what is not for it it reads as %q, %v", d.Body, err)
	}
	in := inside()
	if text, _, err := in.Seal(t.Context(), name, []byte("x"), keyring.Document{}); err == nil || text != nil {
		t.Errorf("it writes %q, %v", text, err)
	}
	none := ring(nil, nil, func(o *keyring.Options) { o.Operator, o.Self = nil, true })
	if _, err := none.Open(t.Context(), name, theirs, true); err == nil || !strings.Contains(err.Error(), "the pipeline has no key for it") {
		t.Errorf("without its key it ends with %v", err)
	}
}

// A key of KMS that is not there is refused before anything is made.
func TestTry_refusesKeysThatAreNotThere(t *testing.T) {
	for key, given := range map[string]config.State{
		keyring.SigningKey:    {SigningKey: "alias/signs"},
		keyring.EncryptionKey: {Encryption: "kms", EncryptionKey: "alias/encrypts"},
	} {
		o := &operator{}
		k := ring(o, nil, func(o *keyring.Options) { o.Given = &config.Config{State: &given} })
		if err := k.Try(t.Context(), false); err == nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.HasSuffix(err.Error(), "; nothing was changed") {
			t.Errorf("%s: it ends with %v", key, err)
		}
		if _, _, err := k.Seal(t.Context(), name, []byte("x"), keyring.Document{}); err == nil {
			t.Errorf("%s: it seals", key)
		}
	}
	if err := ring(&operator{}, nil, nil).Try(t.Context(), true); err != nil {
		t.Errorf("without a key of KMS it ends with %v", err)
	}
}

// What was accepted is noted once, and goes when the documents go.
func TestKeyring_notesThings(t *testing.T) {
	o := &operator{}
	k := ring(o, nil, nil)
	sealed(t, k, "said", keyring.Document{})
	k.Accepted("i-1")
	k.Accepted("vol-1", "ami-1")
	if len(o.seen.Things) > 0 {
		t.Errorf("before it is noted it has %q", o.seen.Things)
	}
	if err := k.NoteThings(); err != nil || fmt.Sprint(o.seen.Things) != "[i-1 vol-1 ami-1]" || o.seen.Serial(name) != 1 {
		t.Errorf("it has noted %+v, %v", o.seen, err)
	}
	if err := k.Forget(); err != nil || o.seen.Place != "" || o.seen.Documents != nil || o.seen.Things != nil {
		t.Errorf("once forgotten it has %+v, %v", o.seen, err)
	}
}
