// Package seal says whose a document is. An operator's documents are signed for one
// installation, one name and one serial number, so that whoever can write where they
// are kept can neither change one, nor move it, nor bring an older one back unseen; and
// what is secret in them is encrypted to those who need it, with age
// (https://age-encryption.org/v1).
package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	// ErrUnsigned says that a document has no signature at all: an older release has
	// written it, or somebody else.
	ErrUnsigned = errors.New("it is not signed")
	// ErrForeign says that a document was signed for another installation, or under
	// another name.
	ErrForeign = errors.New("it was signed for another place")
	// ErrSignature says that a document was not signed by the key that is known, or was
	// changed since.
	ErrSignature = errors.New("it is not signed by the expected key")
	// ErrReplayed says that a document is older than one that was seen before.
	ErrReplayed = errors.New("it is older than what was seen before")
	// ErrNewer says that a later release has written a document.
	ErrNewer = errors.New("it was written by a newer Perpetual")
)

const (
	// schema is the one of the envelope itself.
	schema = 1
	// kind tells an envelope from any other JSON.
	kind = "perpetual/signed-document"
	// domain begins what is signed, so that no signature for something else fits.
	domain = "perpetual signed document, schema 1\x00"
)

// Envelope is a signed document as it is kept.
type Envelope struct {
	Schema       int    `json:"schema"`       // 1
	Kind         string `json:"kind"`         // "perpetual/signed-document"
	Installation string `json:"installation"` // "ci"
	Document     string `json:"document"`     // "operator/configuration.json"
	Serial       int64  `json:"serial"`       // 1 for the first, one more with each change
	KeyID        string `json:"key_id"`       // "5c1d0b9c0a3f4e21"
	KeyOrigin    Origin `json:"key_origin"`   // where that key was made, for people
	Body         string `json:"body"`         // the document, mostly an age file in ASCII armour
	Signature    string `json:"signature"`    // of all of the above, in base64
}

// Origin is where and when a key was made, or where it is kept.
type Origin struct {
	Host string `json:"host,omitempty"` // "ada-laptop", or the ARN of a key of KMS
	Date string `json:"date,omitempty"` // "2026-11-29"
}

// Kept is the ARN of the key of KMS that it is, or says that it is; "" for another.
func (o Origin) Kept() string {
	if strings.HasPrefix(o.Host, "arn:") {
		return o.Host
	}
	return ""
}

// String says it for people: "made on ada-laptop on 2026-11-29", "kept in KMS as arn:…".
func (o Origin) String() string {
	if o.Kept() != "" {
		return "kept in KMS as " + o.Kept()
	}
	text := "made"
	if o.Host != "" {
		text += " on " + o.Host
	}
	if o.Date != "" {
		text += " on " + o.Date
	}
	return text
}

// Signer signs documents.
type Signer interface {
	// Public is the key with which its signatures are verified.
	Public() PublicKey
	// Origin is where the key was made.
	Origin() Origin
	// Sign signs a message.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Place is for what a document is signed.
type Place struct {
	Installation string // "ci"
	Document     string // "operator/configuration.json"
}

// Sign makes the envelope of a document.
func Sign(ctx context.Context, s Signer, at Place, serial int64, body string) ([]byte, error) {
	e := Envelope{
		Schema: schema, Kind: kind, Installation: at.Installation, Document: at.Document, Serial: serial,
		KeyID: s.Public().ID(), KeyOrigin: s.Origin(), Body: body,
	}
	signature, err := s.Sign(ctx, e.message())
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", at.Document, err)
	}
	if !s.Public().verifies(e.message(), signature) {
		return nil, fmt.Errorf("sign %s: %w", at.Document, ErrSignature)
	}
	e.Signature = base64.StdEncoding.EncodeToString(signature)
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", at.Document, err)
	}
	return append(text, '\n'), nil
}

// Peek reads an envelope without asking whose it is, for what is said to people. It
// fails with ErrUnsigned or ErrNewer.
func Peek(text []byte) (Envelope, error) {
	var e Envelope
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err == nil && e.Kind == kind && e.Schema == schema && e.Signature != "" {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return e, nil
		}
	}
	// It is none of this release's: only what it says to be is of interest.
	var head struct {
		Schema int    `json:"schema"`
		Kind   string `json:"kind"`
	}
	if err := json.Unmarshal(text, &head); err == nil && head.Kind == kind && head.Schema > schema {
		return Envelope{}, fmt.Errorf("%w (schema %d, this one reads %d)", ErrNewer, head.Schema, schema)
	}
	return Envelope{}, ErrUnsigned
}

// Verify reads an envelope, and wants it to be that of a place, signed by a key, and not
// older than serial. It fails with ErrUnsigned, ErrForeign, ErrSignature, ErrReplayed or
// ErrNewer; nothing of a document that it refuses is to be used.
func Verify(text []byte, at Place, key PublicKey, serial int64) (Envelope, error) {
	e, err := Peek(text)
	if err != nil {
		return Envelope{}, fmt.Errorf("verify %s: %w", at.Document, err)
	}
	if e.KeyID != key.ID() {
		return Envelope{}, fmt.Errorf("verify %s: %w: it names key %s, want %s", at.Document, ErrSignature, shown(e.KeyID), key.ID())
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(e.Signature)
	if err != nil || !key.verifies(e.message(), signature) {
		return Envelope{}, fmt.Errorf("verify %s: %w: it names key %s, but was changed after it was signed", at.Document, ErrSignature, key.ID())
	}
	// What follows is what a holder of the key has said.
	if e.Installation != at.Installation {
		return Envelope{}, fmt.Errorf("verify %s: %w: it is of the installation %s, not %s", at.Document, ErrForeign, shown(e.Installation), at.Installation)
	}
	if e.Document != at.Document {
		return Envelope{}, fmt.Errorf("verify %s: %w: it was signed as %s", at.Document, ErrForeign, shown(e.Document))
	}
	if e.Serial < serial {
		return Envelope{}, fmt.Errorf("verify %s: %w: its serial is %d, and %d was seen", at.Document, ErrReplayed, e.Serial, serial)
	}
	return e, nil
}

// message is what is signed: every field but the signature, each with its length, so
// that no two envelopes have the same.
func (e Envelope) message() []byte {
	m := []byte(domain)
	m = binary.BigEndian.AppendUint64(m, uint64(e.Schema)) //nolint:gosec // the same bits, and never negative
	m = binary.BigEndian.AppendUint64(m, uint64(e.Serial)) //nolint:gosec // the same bits, and never negative
	for _, field := range []string{e.Kind, e.Installation, e.Document, e.KeyID, e.KeyOrigin.Host, e.KeyOrigin.Date, e.Body} {
		m = binary.BigEndian.AppendUint64(m, uint64(len(field)))
		m = append(m, field...)
	}
	return m
}

// shown is a text of a document that may be anybody's, short and on one line.
func shown(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%q", text)
}
