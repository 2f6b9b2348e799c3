package upgrade

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

// latest is what a director puts in the place of a release's version "latest", or
// "8.latest": the newest that it has by then, with what the set brings. Other versions
// stay, and so does one that fits nothing, which the director refuses.
func (o Out) latest(ctx context.Context, r *run, release, version string) (string, error) {
	line, relative := strings.CutSuffix(version, "latest")
	if !relative {
		return version, nil
	}
	list, err := o.Director.Releases(ctx)
	if err != nil {
		return "", fmt.Errorf("find the latest release %s: %w", release, err)
	}
	for _, c := range r.input.Components {
		if c.Kind == component.KindRelease {
			list = append(list, NameVersion{c.Name, c.Version})
		}
	}
	newest := version
	for _, have := range list {
		fits := have.Name == release && strings.HasPrefix(have.Version, line)
		if fits && (newest == version || lowerVersion(newest, have.Version)) {
			newest = have.Version
		}
	}
	return newest, nil
}
