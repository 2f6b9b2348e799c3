package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
)

// SetKeeper keeps a text about the last deploy of a deployment where the build that
// verifies it finds it.
type SetKeeper interface {
	SaveSet(ctx context.Context, text string) error
	// LoadSet gives "" where there is none.
	LoadSet(ctx context.Context) (string, error)
}

// Kept is the component set that a put has deployed, for its verification.
type Kept struct {
	Operation  string                `json:"operation"` // task.Operation.Content of the deploy
	Components []component.Component `json:"components"`
	Ignored    []string              `json:"ignored,omitempty"` // params.ignore_set
}

// ErrDamaged says that what is kept cannot be read as a set.
var ErrDamaged = errors.New("it is damaged")

// Save keeps a set, without where its members come from.
func (k Kept) Save(ctx context.Context, keeper SetKeeper) error {
	list := k.Components
	k.Components = nil
	for _, c := range list {
		k.Components = append(k.Components, component.Component{Name: c.Name, Kind: c.Kind, Upstream: c.Upstream, Version: c.Version})
	}
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode the component set: %w", err)
	}
	return keeper.SaveSet(ctx, string(text))
}

// Load reads the set that is kept; found says whether there is one. It fails with
// ErrDamaged.
func Load(ctx context.Context, keeper SetKeeper) (kept Kept, found bool, err error) {
	text, err := keeper.LoadSet(ctx)
	if err != nil || text == "" {
		return kept, false, err
	}
	if err := json.Unmarshal([]byte(text), &kept); err != nil || kept.Operation == "" {
		return kept, false, ErrDamaged
	}
	return kept, true, nil
}

// IgnoreKey is what lists the components that a manifest need not take, as people set
// it; "" is "params.ignore_set".
type IgnoreKey string

// Name is the key as people set it.
func (k IgnoreKey) Name() string { return cmp.Or(string(k), "params.ignore_set") }

// The names of Concourse's release and its jobs, in the bundled and in other people's
// manifests.
const (
	Concourse = "concourse"
	WebJob    = "web"
	WorkerJob = "worker"
)

// StemcellVersions are stemcells without their OS, which the director does not say of a
// deployment's.
func StemcellVersions(list []bosh.Stemcell) []bosh.Release {
	versions := make([]bosh.Release, len(list))
	for i, s := range list {
		versions[i] = bosh.Release{Name: s.Name, Version: s.Version}
	}
	return versions
}
