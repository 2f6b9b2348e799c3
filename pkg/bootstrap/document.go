package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/environment"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// The documents of an installation in its state store.
const (
	leaseName        = "leases/installation"
	configName       = "config.json"
	credentialsName  = "credentials.json"
	installationName = "installation.json"
)

// Documents lists where an installation keeps what, for those who look into a store.
func Documents() []string { return []string{configName, credentialsName, installationName} }

// record is what is known of an installation without asking anybody.
type record struct {
	Account        string                      `json:"account,omitempty"` // "123456789012"
	Region         string                      `json:"region,omitempty"`
	Program        string                      `json:"program"` // the version that changed something last
	Zones          []string                    `json:"zones,omitempty"`
	HostedZone     string                      `json:"hosted_zone,omitempty"`
	DirectorCIDRs  []string                    `json:"director_cidrs,omitempty"`
	InstanceTypes  map[string]string           `json:"instance_types,omitempty"` // by what they are for: "worker"
	Spread         int                         `json:"spread,omitempty"`         // how many of the zones, from the first on, offer all of them
	Infrastructure *environment.Infrastructure `json:"infrastructure,omitempty"`
	// Stack says that the stack was begun by who keeps this state.
	Stack     bool                  `json:"stack,omitempty"`
	Desired   []component.Component `json:"desired,omitempty"`   // the set that is to be deployed
	Submitted []component.Component `json:"submitted,omitempty"` // the set that the director was asked to deploy last
	Applied   []component.Component `json:"applied,omitempty"`   // the set that was verified last
	Web       *webSeen              `json:"web,omitempty"`
	// Cloud are the names that were found in the cloud config of a director that exists.
	Cloud *config.Cloud `json:"cloud,omitempty"`
	// Director and Deployment say that create-env, and the director, were asked for it:
	// they may have made something, whatever else is known.
	Director   bool `json:"director,omitempty"`
	Deployment bool `json:"deployment,omitempty"`
	// DirectorVersions are those that create-env was asked for last: "bosh": "283.1.6".
	DirectorVersions map[string]string `json:"director_versions,omitempty"`
	// Postgres is the highest major of PostgreSQL with which a deploy of a database VM
	// was begun: its data may be of that one already, whatever became of the deploy.
	Postgres int `json:"postgres,omitempty"`
	// Unpause says that the pipeline is to be unpaused: it was made by us.
	Unpause bool `json:"unpause,omitempty"`
	// Files are the user's ops files and vars files as of the last deploy by hand: the
	// pipeline has none of them.
	Files map[string]string `json:"files,omitempty"`
	Steps []StepRecord      `json:"steps,omitempty"` // when each changed something last
}

var recordFormat = state.Format{Kind: "installation"}

// codec turns a document into bytes and back.
type codec[T any] struct {
	encode func(T) ([]byte, error)
	decode func(name string, body []byte) (T, error)
}

// recordCodec is that of the installation's own record.
var recordCodec = codec[record]{
	encode: func(r record) ([]byte, error) { return recordFormat.Encode(r) },
	decode: func(name string, body []byte) (r record, err error) {
		err = recordFormat.Decode(name, body, &r)
		return r, err
	},
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

// differs says whether save would write.
func (d *document[T]) differs(value T) (bool, error) {
	body, err := d.codec.encode(value)
	return !d.exists || !bytes.Equal(body, d.body), err
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
