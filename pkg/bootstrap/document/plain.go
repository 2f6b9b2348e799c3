package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// codec turns a document into bytes and back.
type codec[T any] struct {
	encode func(T) ([]byte, error)
	decode func(name string, body []byte) (T, error)
}

// text is that of a document that is a text.
var text = codec[string]{
	encode: func(s string) ([]byte, error) { return []byte(s), nil },
	decode: func(_ string, body []byte) (string, error) { return string(body), nil },
}

// plain is a document that nobody signs. What has not changed is not written.
type plain[T any] struct {
	store    state.Store
	name     string
	codec    codec[T]
	body     []byte
	revision string
	exists   bool
}

// load reads the document; the zero value is that of one that is not there.
func load[T any](ctx context.Context, store state.Store, name string, c codec[T]) (*plain[T], T, error) {
	d := &plain[T]{store: store, name: name, codec: c}
	var value T
	found, err := store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		return d, value, nil
	}
	if err != nil {
		return nil, value, fmt.Errorf("read %s: %w", name, err)
	}
	d.body, d.revision, d.exists = found.Body, found.Revision, true
	if value, err = c.decode(name, found.Body); err != nil {
		return nil, value, err
	}
	return d, value, nil
}

// save writes the document if it differs from what is there.
func (d *plain[T]) save(ctx context.Context, value T) error {
	body, err := d.codec.encode(value)
	if err != nil {
		return err
	}
	if d.exists && bytes.Equal(body, d.body) {
		return nil
	}
	revision, err := d.store.Put(ctx, d.name, body, d.revision)
	if err != nil {
		return fmt.Errorf("write %s: %w", d.name, err)
	}
	d.body, d.revision, d.exists = body, revision, true
	return nil
}
