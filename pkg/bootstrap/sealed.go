package bootstrap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// sealed is one of the operator's documents: signed, and encrypted to who needs it.
type sealed[T any] struct {
	document[T]
	envelope seal.Envelope
	digest   string
	replayed error  // it is older than what this operator has seen
	former   bool   // it is signed by the key before, and not by the one that signs now
	closed   bool   // the pipeline's key was made again, and it is encrypted to the one before
	wrapped  string // names the key of KMS that has encrypted it; "" for the operator's
}

// loadSealed reads one of the operator's documents. Nothing is taken from one that is not
// signed by the operator for this installation and this name.
func loadSealed[T any](ctx context.Context, r *run, name string, c codec[T]) (*sealed[T], T, error) {
	d := &sealed[T]{document: document[T]{store: r.store, name: name, codec: c}}
	var value T
	found, err := r.store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		return d, value, nil
	}
	if err != nil {
		return nil, value, fmt.Errorf("read %s: %w", name, err)
	}
	if err := r.unlockWith(ctx, name, found.Body); err != nil {
		return nil, value, err
	}
	at, key := seal.Place{Installation: r.Name, Document: name}, r.public
	if r.earlier != nil {
		if e, _ := seal.Peek(found.Body); e.KeyID == r.earlier.ID() {
			key, d.former = *r.earlier, true
		}
	}
	d.envelope, err = seal.Verify(found.Body, at, key, r.seen.serial(name))
	if errors.Is(err, seal.ErrReplayed) {
		d.replayed = err
		d.envelope, err = seal.Verify(found.Body, at, key, 0)
	}
	if err != nil {
		return nil, value, fmt.Errorf("%w; nothing was changed: %s", err, r.howToReplace(err, found.Body))
	}
	if d.body, d.wrapped, err = r.decrypt(ctx, at, d.envelope.Body); err != nil {
		return nil, value, fmt.Errorf("read %s: %w; nothing was changed", name, err)
	}
	d.digest, d.revision, d.exists = digestOf(found.Body), found.Revision, true
	value, err = c.decode(name, d.body)
	return d, value, err
}

// digestOf names a body.
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// keep signs and writes one of the operator's documents if it differs from what is there.
func keep[T any](ctx context.Context, r *run, d *sealed[T], value T, recipients ...string) (changed bool, err error) {
	body, err := d.codec.encode(value)
	if err != nil {
		return false, err
	}
	if d.exists && bytes.Equal(body, d.body) && !d.former && !d.closed && d.wrapped == r.wrapperName() {
		return false, nil
	}
	if r.options.Self {
		return false, fmt.Errorf("write %s: a self-upgrade writes nothing of the operator's", d.name)
	}
	if err := r.ensureKey(ctx); err != nil {
		return false, err
	}
	at := seal.Place{Installation: r.Name, Document: d.name}
	hidden, err := r.encrypt(ctx, at, body, recipients)
	if err != nil {
		return false, fmt.Errorf("write %s: %w", d.name, err)
	}
	serial := max(d.envelope.Serial, r.seen.serial(d.name)) + 1
	text, err := seal.Sign(ctx, r.signer, at, serial, hidden)
	if err != nil {
		return false, err
	}
	// Noted before it is written: a run that is killed between the two leaves one of them.
	next := Version{Serial: serial, Digest: digestOf(text)}
	before := Version{Serial: d.envelope.Serial, Digest: d.digest} // the zero value where there was none
	if err := r.saw(d.name, before, next); err != nil {
		return false, err
	}
	revision, err := d.store.Put(ctx, d.name, text, d.revision)
	if err != nil {
		return false, fmt.Errorf("write %s: %w", d.name, err)
	}
	d.body, d.revision, d.digest, d.exists, d.former, d.closed, d.wrapped = body, revision, next.Digest, true, false, false, r.wrapperName()
	d.envelope.Serial = serial
	return true, r.saw(d.name, next)
}

// saw notes versions of a document.
func (r *run) saw(name string, versions ...Version) error {
	seen := r.seen.with(name, versions...)
	if r.earlier == nil || !r.resigns() {
		seen.Signer = r.signedIn()
	}
	if err := r.Operator.Saw(seen); err != nil {
		return fmt.Errorf("note the version of %s: %w", name, err)
	}
	r.seen = seen
	return nil
}
