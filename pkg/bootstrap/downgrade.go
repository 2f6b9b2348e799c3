package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// mayRun is the set that may run, whatever became of the last deploy: one that failed
// may have migrated the database already. It is empty while nothing was deployed.
func (r *run) mayRun() []component.Component {
	for _, set := range [][]component.Component{
		r.record.Submitted,
		r.record.Desired, r.record.Applied, // of a state that an older release of this program has written
	} {
		if r.record.Deployment && len(set) > 0 {
			return set
		}
	}
	return nil
}

// notLower gives the chosen set without downgrades that nobody has allowed: the newest
// set stays with what is deployed, one that was named is refused. A Concourse that
// could not run on what a newer one has left is refused always.
func (r *run) notLower(ctx context.Context, chosen []component.Component, newest bool) ([]component.Component, error) {
	deployed := r.mayRun()
	var refused []string
	for _, down := range component.Downgrades(deployed, chosen) {
		switch {
		case down.Forbidden():
			return nil, fmt.Errorf("%w; nothing was deployed", down)
		case r.options.AllowDowngrade:
			r.Progress.Warn(fmt.Sprintf("%s: going back from %s to %s, as --allow-downgrade says", down.Name, down.From, down.To))
		case newest:
			r.Progress.Warn(fmt.Sprintf("%s: staying with %s, as the newest that counts now is the older %s (--allow-downgrade would go back)", down.Name, down.From, down.To))
			var err error
			if chosen, err = r.stay(ctx, chosen, deployed, down.Name); err != nil {
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
func (r *run) stay(ctx context.Context, chosen, deployed []component.Component, name string) ([]component.Component, error) {
	of := func(set []component.Component) int {
		return slices.IndexFunc(set, func(c component.Component) bool { return c.Name == name })
	}
	is := of(deployed)
	whole, err := r.lookUp(ctx, deployed[is:is+1])
	if err != nil {
		return nil, err
	}
	chosen = slices.Clone(chosen)
	chosen[of(chosen)] = whole[0]
	return chosen, nil
}

// checkDirector refuses to make the director of older parts than it has: its database
// does not go back. Where the state does not say what it has, the director is asked.
func (r *run) checkDirector(ctx context.Context) error {
	if r.elsewhere() || !r.record.Director || r.record.Infrastructure == nil {
		return nil
	}
	wanted, err := r.directorVersions()
	if err != nil {
		return err
	}
	have := r.record.DirectorVersions
	if len(have) == 0 {
		have = r.askDirector(ctx)
	}
	var lower []string
	for _, part := range slices.Sorted(maps.Keys(wanted)) {
		if component.Lower(wanted[part], have[part]) {
			lower = append(lower, fmt.Sprintf("%s %s → %s", part, have[part], wanted[part]))
		}
	}
	switch {
	case len(lower) == 0:
		return nil
	case r.options.AllowDowngrade:
		r.Progress.Warn("the director goes back, as --allow-downgrade says: " + strings.Join(lower, ", "))
		return nil
	}
	return fmt.Errorf("perpetual %s would make the director of older parts than it has: %s; its database does not go back, and nothing was deployed: "+
		"use the perpetual that deployed last (%s) or a newer one, or go back with --allow-downgrade", r.Program, strings.Join(lower, ", "), r.record.Program)
}

// directorVersions are those of the director that is wanted.
func (r *run) directorVersions() (map[string]string, error) {
	in, err := r.input()
	if err != nil {
		return nil, err
	}
	return manifest.DirectorVersions(in)
}

// directorAnswer is how long the director is waited for when it is asked for its version
// alone.
const directorAnswer = 15 * time.Second

// askDirector gives the version of a director that answers.
func (r *run) askDirector(ctx context.Context) map[string]string {
	d, done, err := r.Director(r.access())
	if err == nil {
		defer done()
		asking, cancel := context.WithTimeout(ctx, directorAnswer)
		defer cancel()
		var version string
		if version, err = d.Version(asking); err == nil {
			return map[string]string{manifest.DirectorRelease: version}
		}
	}
	r.note(stepComponents, "which version the director has is not known, and not compared: %v", err)
	return nil
}
