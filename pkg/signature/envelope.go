package signature

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// payloadType is part of what is signed, so that no signature for another purpose, or of
// a statement of another form, can pass for one of these.
const payloadType = "application/vnd.perpetual-ci.release.v1+json"

// maxSignatures bounds what is tried: two keys sign while one follows the other.
const maxSignatures = 8

// ErrUntrusted says that no key that counts has signed a statement.
var ErrUntrusted = errors.New("it is not signed by a key that is trusted")

// ErrVersion says that a statement is of another version than the release that it is in.
var ErrVersion = errors.New("it is of another version")

// envelope is the signed form of a statement, JSON by DSSE's protocol.md.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"` // a Statement in JSON; base64 on the wire
	Signatures  []signature `json:"signatures"`
}

// signature is one signature over an envelope.
type signature struct {
	KeyID string `json:"keyid"` // "3f9a1c0de27b4568": a hint for people, which nothing proves
	Sig   []byte `json:"sig"`   // 64 bytes; base64 on the wire
}

// message is what a signature is over: DSSE's pre-authentication encoding.
func message(payload []byte) []byte {
	return []byte("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " " + string(payload))
}

// Sign gives a statement as it is published. It refuses one that Open would not take.
func Sign(s Statement, keys ...ed25519.PrivateKey) ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("sign the statement: %w", err)
	}
	if len(keys) == 0 || len(keys) > maxSignatures {
		return nil, fmt.Errorf("sign the statement: want 1 to %d keys, got %d", maxSignatures, len(keys))
	}
	s.Made = s.Made.UTC()
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	e := envelope{PayloadType: payloadType, Payload: payload}
	for _, key := range keys {
		public, _ := key.Public().(ed25519.PublicKey)
		e.Signatures = append(e.Signatures, signature{KeyID: ID(public), Sig: ed25519.Sign(key, message(payload))})
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	if text = append(text, '\n'); len(text) > MaxSize {
		return nil, fmt.Errorf("sign the statement: it has %d bytes, and %d are the most", len(text), MaxSize)
	}
	return text, nil
}

// Open reads the signed statement of a version. It fails with ErrUntrusted unless one of
// the keys has signed it, and with ErrVersion for that of another version: an older one
// has a signature that is just as good. Nothing of a statement is looked at before.
func (k Keys) Open(text []byte, version string) (Statement, error) {
	if len(text) > MaxSize {
		return Statement{}, fmt.Errorf("it has more than %d bytes", MaxSize)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return Statement{}, errors.New("it is not JSON of the form of a signed statement")
	}
	if e.PayloadType != payloadType {
		return Statement{}, fmt.Errorf("it is signed as %.100q; want %q", e.PayloadType, payloadType)
	}
	if len(e.Signatures) > maxSignatures {
		return Statement{}, fmt.Errorf("it has %d signatures, and %d are the most", len(e.Signatures), maxSignatures)
	}
	if !k.signed(e) {
		return Statement{}, fmt.Errorf("%w: want a signature by %s, got %s", ErrUntrusted, k, e.signers(k))
	}
	s, err := decode(e.Payload)
	if err != nil {
		return Statement{}, err
	}
	if s.Version != version {
		return Statement{}, fmt.Errorf("%w: want %s, got %.100q", ErrVersion, version, s.Version)
	}
	return s, nil
}

// signed says whether a signature of the envelope is by one of the keys. The key ids are
// not asked: nothing proves them.
func (k Keys) signed(e envelope) bool {
	for _, key := range k {
		for _, s := range e.Signatures {
			if len(s.Sig) == ed25519.SignatureSize && ed25519.Verify(key, message(e.Payload), s.Sig) {
				return true
			}
		}
	}
	return false
}

// signers says who is said to have signed.
func (e envelope) signers(k Keys) string {
	if len(e.Signatures) == 0 {
		return "none"
	}
	var list []string
	for _, s := range e.Signatures {
		text := fmt.Sprintf("%.40q", s.KeyID)
		for _, key := range k {
			if s.KeyID == ID(key) {
				text = s.KeyID + ", which does not fit what is signed"
			}
		}
		list = append(list, text)
	}
	return "one by " + strings.Join(list, " and one by ")
}
