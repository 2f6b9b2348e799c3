package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// The documents of an installation in its state store. What is below operator/ is
// signed, and written by an operator's run alone; what is below run/ any run writes, the
// pipeline's too, and no run by hand takes an address, a digest, a path or a value from
// it.
const (
	configurationName = "operator/configuration.json"
	credentialsName   = "operator/credentials.json"
	pipelineName      = "operator/pipeline.json" // the pipeline's view of the credentials

	runFolder   = "run/"
	recordName  = runFolder + "record.json"
	renewedName = runFolder + "credentials.age" // certificates that the pipeline has renewed
	leaseName   = runFolder + "leases/installation"
)

// Documents lists where an installation keeps what, for those who look into a store.
func Documents() []string {
	return []string{configurationName, credentialsName, pipelineName, recordName}
}

// codec turns a document into bytes and back.
type codec[T any] struct {
	encode func(T) ([]byte, error)
	decode func(name string, body []byte) (T, error)
}

// document is one of the installation's documents. What has not changed is not written.
type document[T any] struct {
	store    state.Store
	name     string
	codec    codec[T]
	body     []byte
	revision string
	exists   bool
}

// load reads the document; the zero value is that of one that is not there.
func load[T any](ctx context.Context, store state.Store, name string, c codec[T]) (*document[T], T, error) {
	d := &document[T]{store: store, name: name, codec: c}
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
func (d *document[T]) save(ctx context.Context, value T) (changed bool, err error) {
	body, err := d.codec.encode(value)
	if err != nil {
		return false, err
	}
	if d.exists && bytes.Equal(body, d.body) {
		return false, nil
	}
	revision, err := d.store.Put(ctx, d.name, body, d.revision)
	if err != nil {
		return false, fmt.Errorf("write %s: %w", d.name, err)
	}
	d.body, d.revision, d.exists = body, revision, true
	return true, nil
}
