package goal

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
func (g *Goal) mayRun() []component.Component {
	for _, set := range [][]component.Component{
		g.Record.Submitted,
		g.Record.Desired, g.Record.Applied, // of a state that an older release of this program has written
	} {
		if g.Record.Deployment && len(set) > 0 {
			return set
		}
	}
	return nil
}

// checkDirector refuses to make the director of older parts than it has: its database
// does not go back. Where the state does not say what it has, the director is asked.
func (g *Goal) checkDirector(ctx context.Context) error {
	if g.Elsewhere() || !g.Record.Director || g.Record.Infrastructure == nil {
		return nil
	}
	wanted, err := g.DirectorVersions()
	if err != nil {
		return err
	}
	have := g.Record.DirectorVersions
	if len(have) == 0 {
		have = g.askDirector(ctx)
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
	case g.Options.AllowDowngrade:
		g.Progress.Warn("the director goes back, as --allow-downgrade says: " + strings.Join(lower, ", "))
		return nil
	}
	return fmt.Errorf("perpetual %s would make the director of older parts than it has: %s; its database does not go back, and nothing was deployed: "+
		"use the perpetual that deployed last (%s) or a newer one, or go back with --allow-downgrade", g.Program, strings.Join(lower, ", "), g.Record.Program)
}

// DirectorVersions are those of the director that is wanted.
func (g *Goal) DirectorVersions() (map[string]string, error) {
	in, err := g.Input()
	if err != nil {
		return nil, err
	}
	return manifest.DirectorVersions(in)
}

// directorAnswer is how long the director is waited for when it is asked for its version
// alone.
const directorAnswer = 15 * time.Second

// askDirector gives the version of a director that answers.
func (g *Goal) askDirector(ctx context.Context) map[string]string {
	d, done, err := g.OpenDirector()
	if err == nil {
		defer done()
		asking, cancel := context.WithTimeout(ctx, directorAnswer)
		defer cancel()
		var version string
		if version, err = d.Version(asking); err == nil {
			return map[string]string{manifest.DirectorRelease: version}
		}
	}
	g.NoteOf(step.Components)(fmt.Sprintf("which version the director has is not known, and not compared: %v", err))
	return nil
}
