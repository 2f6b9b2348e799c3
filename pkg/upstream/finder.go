package upstream

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

// finder looks for the versions of one component.
type finder struct {
	*candidate.Chooser
	kind kind
	up   Upstreams
}

// found is a version and whether the given one is still offered.
type found struct {
	component component.Component
	withdrawn bool // the given version is certainly gone upstream
}

// exactly finds one version, for in.
func (f *finder) exactly(ctx context.Context, version string) (offer, error) {
	o, err := f.kind.exactly(ctx, f, version)
	switch {
	case err == candidate.ErrMissing: //nolint:errorlint // the version alone is missing; what an upstream refuses, its own error tells
		return nil, fmt.Errorf("find %s %s: %w upstream any more: it was withdrawn, or source.watch.%s changed; "+
			"what is deployed stays as it is; wait for a newer version, or set allow_downgrade: true in source.watch.%s "+
			"to go back to the newest one that is offered", f.Name, version, candidate.ErrMissing, f.Name, f.Name)
	case err != nil:
		return nil, fmt.Errorf("find %s %s: %w", f.Name, version, err)
	}
	return o, nil
}

// upstream is where the component is from, as its watch names it.
func (f *finder) upstream() string { return f.kind.upstream(f.Watch) }
