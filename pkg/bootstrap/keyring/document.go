package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// Document is one of the operator's documents that was verified, and read.
type Document struct {
	Body     []byte // in clear
	Envelope seal.Envelope
	Digest   string // hex of the SHA-256 of all of it
	Replayed error  // it is older than what this operator has seen
	Former   bool   // it is signed by the key before, and not by the one that signs now
	Wrapper  string // names the key of KMS that has encrypted it; "" for the operator's
}

// at is the place of a document.
func (k *Keyring) at(name string) seal.Place {
	return seal.Place{Installation: k.Installation, Document: name}
}

// Open verifies and reads one of the operator's documents. Nothing is taken from one that
// is not signed by the operator for this installation and this name. With stays the key
// that has encrypted it goes on to do that where nothing was said.
func (k *Keyring) Open(ctx context.Context, name string, text []byte, stays bool) (d Document, err error) {
	if err := k.unlockFor(ctx, name, text); err != nil {
		return d, err
	}
	at, key := k.at(name), k.public
	if k.earlier != nil {
		if e, _ := seal.Peek(text); e.KeyID == k.earlier.ID() {
			key, d.Former = *k.earlier, true
		}
	}
	d.Envelope, err = seal.Verify(text, at, key, k.seen.Serial(name))
	if errors.Is(err, seal.ErrReplayed) {
		d.Replayed = err
		d.Envelope, err = seal.Verify(text, at, key, 0)
	}
	if err != nil {
		return Document{}, fmt.Errorf("%w; nothing was changed: %s", err, k.howToReplace(err, text))
	}
	if d.Body, d.Wrapper, err = k.decrypt(ctx, at, d.Envelope.Body, stays); err != nil {
		return Document{}, fmt.Errorf("read %s: %w; nothing was changed", name, err)
	}
	d.Digest = Digest(text)
	return d, nil
}

// Seal encrypts one of the operator's documents to the operator and to recipients, and
// signs it. before is the one that it follows, the zero value for a first one. At a first
// install the operator's key is made.
func (k *Keyring) Seal(ctx context.Context, name string, body []byte, before Document, recipients ...string) (text []byte, after Document, err error) {
	if k.Self {
		return nil, after, fmt.Errorf("write %s: a self-upgrade writes nothing of the operator's", name)
	}
	if err := k.ensure(ctx); err != nil {
		return nil, after, err
	}
	at := k.at(name)
	hidden, err := k.encrypt(ctx, at, body, recipients)
	if err != nil {
		return nil, after, fmt.Errorf("write %s: %w", name, err)
	}
	serial := max(before.Envelope.Serial, k.seen.Serial(name)) + 1
	if text, err = seal.Sign(ctx, k.signer, at, serial, hidden); err != nil {
		return nil, after, err
	}
	after = Document{Body: body, Envelope: before.Envelope, Digest: Digest(text), Wrapper: k.Wrapper()}
	after.Envelope.Serial = serial
	return text, after, nil
}

// Version is what is noted of it.
func (d Document) Version() Version { return Version{Serial: d.Envelope.Serial, Digest: d.Digest} }

// Decrypt reads what is encrypted to the key in a file, or to the pipeline's, and is
// signed by nobody.
func (k *Keyring) Decrypt(text string) ([]byte, error) { return k.reader.Decrypt(text) }

// Encrypt encrypts what Decrypt reads.
func (k *Keyring) Encrypt(body []byte) (string, error) {
	return seal.Encrypt(body, k.reader.Recipient())
}

// Digest names a body.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
