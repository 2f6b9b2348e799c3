// Package forgery changes the signed documents of an installation as somebody can
// who has the keys of its pipeline, but not those of the operator.
package forgery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// envelope is a signed document. The demo changes its body, as whoever has not the
// operator's key can do, and leaves the rest.
type envelope struct {
	fields map[string]json.RawMessage
	serial int64
	body   string
}

func readEnvelope(text string) (e envelope, err error) {
	if err := json.Unmarshal([]byte(text), &e.fields); err != nil {
		return e, fmt.Errorf("decode the envelope: %w", err)
	}
	return e, errors.Join(json.Unmarshal(e.fields["serial"], &e.serial), json.Unmarshal(e.fields["body"], &e.body))
}

// Older finds among versions of a document the one before the present one. It fails when
// there is none.
func Older(present string, versions []string) (older string, err error) {
	now, err := readEnvelope(present)
	if err != nil {
		return "", err
	}
	found := int64(0)
	for _, text := range versions {
		if e, err := readEnvelope(text); err == nil && e.serial < now.serial && e.serial > found {
			older, found = text, e.serial
		}
	}
	if older == "" {
		return "", errors.New("there is no older version")
	}
	return older, nil
}

// Configuration makes a configuration name another CPI for the director, as far as the key
// of the pipeline goes: it opens the document, and encrypts it again to the pipeline.
func Configuration(text, key, cpi string) (string, error) {
	e, err := readEnvelope(text)
	if err != nil {
		return "", err
	}
	plain, err := open(e.body, key)
	if err != nil {
		return "", err
	}
	var document map[string]any
	if err := json.Unmarshal(plain, &document); err != nil {
		return "", err
	}
	at := document
	for _, name := range []string{"configuration", "manifest", "vars"} {
		next, is := at[name].(map[string]any)
		if !is {
			return "", fmt.Errorf("it has no %s", name)
		}
		at = next
	}
	at["director_cpi_url"] = cpi
	if plain, err = json.Marshal(document); err != nil {
		return "", err
	}
	body, err := hide(plain, key)
	if err != nil {
		return "", err
	}
	if e.fields["body"], err = json.Marshal(body); err != nil {
		return "", err
	}
	forged, err := json.Marshal(e.fields)
	return string(forged), err
}

// ErrClosed says that a key does not open a document.
var ErrClosed = errors.New("it is encrypted to other keys")

// Open decrypts a document with a key, "AGE-SECRET-KEY-1…". It fails with ErrClosed where
// the document is encrypted to others.
func Open(text, key string) ([]byte, error) {
	e, err := readEnvelope(text)
	if err != nil {
		return nil, err
	}
	return open(e.body, key)
}

// open decrypts an age file. It fails with ErrClosed.
func open(text, key string) ([]byte, error) {
	identity, err := age.ParseX25519Identity(key)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(text)), identity)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// hide encrypts a text to whoever has a key.
func hide(text []byte, key string) (string, error) {
	identity, err := age.ParseX25519Identity(key)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	armoured := armor.NewWriter(&out)
	w, err := age.Encrypt(armoured, identity.Recipient())
	if err != nil {
		return "", err
	}
	_, err = w.Write(text)
	err = errors.Join(err, w.Close(), armoured.Close())
	return out.String(), err
}
