package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// mayRun is the set that may run, whatever became of the last deploy: one that failed
// may have migrated the database already. It is empty while nothing was deployed.
func (r *work) mayRun() []component.Component {
	for _, set := range [][]component.Component{
		r.Record.Submitted,
		r.Record.Desired, r.Record.Applied, // of a state that an older release of this program has written
	} {
		if r.Record.Deployment && len(set) > 0 {
			return set
		}
	}
	return nil
}

// checkDirector refuses to make the director of older parts than it has: its database
// does not go back. Where the state does not say what it has, the director is asked.
func (r *work) checkDirector(ctx context.Context) error {
	if r.Elsewhere() || !r.Record.Director || r.Record.Infrastructure == nil {
		return nil
	}
	wanted, err := r.directorVersions()
	if err != nil {
		return err
	}
	have := r.Record.DirectorVersions
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
	case r.Options.AllowDowngrade:
		r.Progress.Warn("the director goes back, as --allow-downgrade says: " + strings.Join(lower, ", "))
		return nil
	}
	return fmt.Errorf("perpetual %s would make the director of older parts than it has: %s; its database does not go back, and nothing was deployed: "+
		"use the perpetual that deployed last (%s) or a newer one, or go back with --allow-downgrade", r.Program, strings.Join(lower, ", "), r.Record.Program)
}

// directorVersions are those of the director that is wanted.
func (r *work) directorVersions() (map[string]string, error) {
	in, err := r.Input()
	if err != nil {
		return nil, err
	}
	return manifest.DirectorVersions(in)
}

// directorAnswer is how long the director is waited for when it is asked for its version
// alone.
const directorAnswer = 15 * time.Second

// askDirector gives the version of a director that answers.
func (r *work) askDirector(ctx context.Context) map[string]string {
	d, done, err := r.OpenDirector()
	if err == nil {
		defer done()
		asking, cancel := context.WithTimeout(ctx, directorAnswer)
		defer cancel()
		var version string
		if version, err = d.Version(asking); err == nil {
			return map[string]string{manifest.DirectorRelease: version}
		}
	}
	r.NoteOf(step.Components)(fmt.Sprintf("which version the director has is not known, and not compared: %v", err))
	return nil
}
