package seal

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"
)

// Wrapper keeps the keys of documents with a key that never leaves where it is: one of
// KMS. What it has wrapped for one place it unwraps for no other.
type Wrapper interface {
	// Name names its key: "arn:aws:kms:eu-central-1:123456789012:key/…".
	Name() string
	// Wrap encrypts the key of a document.
	Wrap(ctx context.Context, at Place, key []byte) ([]byte, error)
	// Unwrap gives it back.
	Unwrap(ctx context.Context, at Place, wrapped []byte) ([]byte, error)
}

// wrapped is the type of age's stanzas that a Wrapper opens. Its argument names the key.
const wrapped = "perpetual-kms"

// fileKey is how many bytes the key of an age file has.
const fileKey = 16

// errWrapped says that a Wrapper returned something other than a document's key.
var errWrapped = errors.New("decrypt: it is not wrapped as it should be")

// EncryptWith encrypts a text as Encrypt does, for who may use the Wrapper at a place, and
// to recipients.
func EncryptWith(ctx context.Context, w Wrapper, at Place, text []byte, recipients ...string) (string, error) {
	list, err := parseRecipients(recipients)
	if err != nil {
		return "", err
	}
	by := &wrapping{ctx: ctx, by: w, at: at}
	hidden, err := encrypt(text, append(list, by))
	if by.err != nil {
		return "", by.err
	}
	return hidden, err
}

// DecryptWith reads what EncryptWith has encrypted. It fails with ErrNotForUs, and with
// the Wrapper's errors.
func DecryptWith(ctx context.Context, w Wrapper, at Place, text string) ([]byte, error) {
	by := &wrapping{ctx: ctx, by: w, at: at}
	plain, err := decrypt(text, by)
	if by.err != nil {
		return nil, by.err
	}
	return plain, err
}

// WrappedBy names the key of the Wrapper that a text is encrypted for; "" where there is
// none. Nothing proves it but the signature of the envelope that the text is in.
func WrappedBy(text string) string {
	var w naming
	_, _ = decrypt(text, &w) // it opens nothing
	return w.name
}

// wrapping is age.Recipient and age.Identity over a Wrapper.
type wrapping struct {
	ctx context.Context
	by  Wrapper
	at  Place
	err error // of the Wrapper, which age's error does not show
}

// Wrap implements age.Recipient.
func (w *wrapping) Wrap(key []byte) ([]*age.Stanza, error) {
	var body []byte
	if body, w.err = w.by.Wrap(w.ctx, w.at, key); w.err != nil {
		return nil, w.err
	}
	return []*age.Stanza{{Type: wrapped, Args: []string{w.by.Name()}, Body: body}}, nil
}

// Unwrap implements age.Identity.
func (w *wrapping) Unwrap(stanzas []*age.Stanza) (key []byte, _ error) {
	for _, s := range stanzas {
		if s.Type != wrapped || len(s.Args) != 1 || s.Args[0] != w.by.Name() {
			continue
		}
		if key, w.err = w.by.Unwrap(w.ctx, w.at, s.Body); w.err == nil && len(key) != fileKey {
			w.err = errWrapped
		}
		return key, w.err
	}
	return nil, age.ErrIncorrectIdentity
}

// naming is an age.Identity that opens nothing, and remembers for whom a file is.
type naming struct{ name string }

// Unwrap implements age.Identity.
func (n *naming) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type == wrapped && len(s.Args) == 1 {
			n.name = s.Args[0]
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// parseRecipients reads texts such as "age1…".
func parseRecipients(texts []string) ([]age.Recipient, error) {
	var list []age.Recipient
	for _, r := range texts {
		parsed, err := age.ParseX25519Recipient(r)
		if err != nil {
			return nil, fmt.Errorf("encrypt to %s: it is not an age recipient", shown(r))
		}
		list = append(list, parsed)
	}
	return list, nil
}
