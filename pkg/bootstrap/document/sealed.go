package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// sealed is one of the operator's documents: signed, and encrypted to who needs it.
type sealed[T any] struct {
	signed
	codec codec[T]
}

// signed is one of the operator's documents without its content.
type signed struct {
	keyring.Document
	name     string
	revision string
	exists   bool
	closed   bool // the pipeline's key was made again, and it is encrypted to the one before
}

// openSealed reads one of the operator's documents. The zero value is that of one that is
// not there.
func openSealed[T any](ctx context.Context, s *Set, name string, c codec[T]) (*sealed[T], T, error) {
	d := &sealed[T]{signed: signed{name: name}, codec: c}
	var value T
	found, err := s.store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		return d, value, nil
	}
	if err != nil {
		return nil, value, fmt.Errorf("read %s: %w", name, err)
	}
	first := name == configurationName || s.statement != nil && !s.statement.exists // of a run that was killed
	if d.Document, err = s.Keys.Open(ctx, name, found.Body, first); err != nil {
		return nil, value, err
	}
	d.revision, d.exists = found.Revision, true
	value, err = c.decode(name, d.Body)
	return d, value, err
}

// keep signs and writes one of the operator's documents if it differs from what is there.
func keep[T any](ctx context.Context, s *Set, d *sealed[T], value T, recipients ...string) error {
	body, err := d.codec.encode(value)
	if err != nil {
		return err
	}
	if d.exists && bytes.Equal(body, d.Body) && !d.Former && !d.closed && d.Wrapper == s.Keys.Wrapper() {
		return nil
	}
	text, next, err := s.Keys.Seal(ctx, d.name, body, d.Document, recipients...)
	if err != nil {
		return err
	}
	// Noted before it is written: a run that is killed between the two leaves one of them.
	// The one before is the zero value where there was none.
	if err := s.Keys.Saw(d.name, s.resigns(), d.Version(), next.Version()); err != nil {
		return err
	}
	revision, err := s.store.Put(ctx, d.name, text, d.revision)
	if err != nil {
		return fmt.Errorf("write %s: %w", d.name, err)
	}
	d.Document, d.revision, d.exists, d.closed = next, revision, true, false
	return s.Keys.Saw(d.name, s.resigns(), next.Version())
}

// operators are those of the operator's documents that were read.
func (s *Set) operators() []signed {
	list := []signed{s.statement.signed}
	for _, d := range []*sealed[secret.Values]{s.credentials, s.view} {
		if d != nil {
			list = append(list, d.signed)
		}
	}
	return list
}
