package selection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

// Downgrade says which lower versions than those that are deployed are taken.
type Downgrade struct {
	Deployed []component.Component // the set that may run
	Allowed  bool                  // by --allow-downgrade
	// LookUp finds where the components of a set that was deployed are fetched from.
	LookUp func(ctx context.Context, set []component.Component) ([]component.Component, error)
	Warn   func(line string)
}

// Without gives the chosen set without downgrades that nobody has allowed: the newest
// set stays with what is deployed, one that was named is refused. A Concourse that
// could not run on what a newer one has left is refused always.
func (d Downgrade) Without(ctx context.Context, chosen []component.Component, newest bool) ([]component.Component, error) {
	var refused []string
	for _, down := range component.Downgrades(d.Deployed, chosen) {
		switch {
		case down.Forbidden():
			return nil, fmt.Errorf("%w; nothing was deployed", down)
		case d.Allowed:
			d.Warn(fmt.Sprintf("%s: going back from %s to %s, as --allow-downgrade says", down.Name, down.From, down.To))
		case newest:
			d.Warn(fmt.Sprintf("%s: staying with %s, as the newest that counts now is the older %s (--allow-downgrade would go back)", down.Name, down.From, down.To))
			var err error
			if chosen, err = d.stay(ctx, chosen, down.Name); err != nil {
				return nil, err
			}
		default:
			refused = append(refused, down.Error())
		}
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("%s; nothing was deployed: older versions are taken with --allow-downgrade", strings.Join(refused, "; "))
	}
	return chosen, nil
}

// stay is the chosen set with one component as it is deployed.
func (d Downgrade) stay(ctx context.Context, chosen []component.Component, name string) ([]component.Component, error) {
	of := func(set []component.Component) int {
		return slices.IndexFunc(set, func(c component.Component) bool { return c.Name == name })
	}
	is := of(d.Deployed)
	whole, err := d.LookUp(ctx, d.Deployed[is:is+1])
	if err != nil {
		return nil, err
	}
	chosen = slices.Clone(chosen)
	chosen[of(chosen)] = whole[0]
	return chosen, nil
}
