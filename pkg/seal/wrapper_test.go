package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// vault is a Wrapper that keeps what it is given.
type vault struct {
	name    string
	kept    map[string][]byte
	refuses error
}

func (v *vault) Name() string { return v.name }

func (v *vault) Wrap(_ context.Context, at seal.Place, key []byte) ([]byte, error) {
	if v.refuses != nil {
		return nil, v.refuses
	}
	id := fmt.Sprintf("%d", len(v.kept))
	v.kept[id+at.Installation+at.Document] = bytes.Clone(key)
	return []byte(id), nil
}

func (v *vault) Unwrap(_ context.Context, at seal.Place, wrapped []byte) ([]byte, error) {
	key, is := v.kept[string(wrapped)+at.Installation+at.Document]
	if v.refuses != nil || !is {
		return nil, errors.Join(v.refuses, errors.New("no such key"))
	}
	return key, nil
}

// What is encrypted with a Wrapper is read with it, at its place only, and by who is a
// recipient besides.
func TestEncryptWith_isReadAtItsPlace(t *testing.T) {
	v, other := &vault{name: "arn:aws:kms:eu-central-1:123456789012:key/1", kept: map[string][]byte{}}, &vault{name: "arn:another"}
	at := seal.Place{Installation: "ci", Document: "operator/credentials.json"}
	pipeline, err := seal.NewIdentity("ci", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := seal.NewIdentity("eve", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := seal.EncryptWith(t.Context(), v, at, []byte("canary"), pipeline.Recipient())
	if err != nil || strings.Contains(hidden, "canary") {
		t.Fatalf("%q, %v", hidden, err)
	}
	if got := seal.WrappedBy(hidden); got != v.name {
		t.Errorf("it is said to be wrapped by %q", got)
	}
	if plain, err := seal.DecryptWith(t.Context(), v, at, hidden); err != nil || string(plain) != "canary" {
		t.Errorf("it reads %q, %v", plain, err)
	}
	if plain, err := pipeline.Decrypt(hidden); err != nil || string(plain) != "canary" {
		t.Errorf("the pipeline reads %q, %v", plain, err)
	}
	if _, err := stranger.Decrypt(hidden); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := seal.DecryptWith(t.Context(), other, at, hidden); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("another key: %v", err)
	}
	at.Document = "operator/pipeline.json"
	if _, err := seal.DecryptWith(t.Context(), v, at, hidden); err == nil || err.Error() != "no such key" {
		t.Errorf("another document: %v", err)
	}
}

// What a Wrapper has against it is what is said, and nothing is encrypted.
func TestEncryptWith_saysWhyAKeyIsRefused(t *testing.T) {
	v := &vault{name: "arn:1", kept: map[string][]byte{}}
	hidden, err := seal.EncryptWith(t.Context(), v, seal.Place{}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	v.refuses = errors.New("it is disabled")
	if text, err := seal.EncryptWith(t.Context(), v, seal.Place{}, []byte("x")); !errors.Is(err, v.refuses) || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := seal.DecryptWith(t.Context(), v, seal.Place{}, hidden); !errors.Is(err, v.refuses) {
		t.Errorf("decrypt: %v", err)
	}
	v.refuses = nil
	for id := range v.kept {
		v.kept[id] = []byte("short")
	}
	if _, err := seal.DecryptWith(t.Context(), v, seal.Place{}, hidden); err == nil || !strings.Contains(err.Error(), "not wrapped as it should be") {
		t.Errorf("another key was given back: %v", err)
	}
	if _, err := seal.EncryptWith(t.Context(), v, seal.Place{}, nil, "age1x"); err == nil {
		t.Error("it takes any recipient")
	}
}

// Of what no Wrapper has wrapped nothing is said.
func TestWrappedBy_isEmptyForOthers(t *testing.T) {
	key, err := seal.NewIdentity("ci", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := seal.Encrypt([]byte("x"), key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", plain, plain[:100]} {
		if got := seal.WrappedBy(text); got != "" {
			t.Errorf("of %.20q it says %q", text, got)
		}
	}
}
