package upstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// release is the kind of BOSH releases on bosh.io.
type release struct{ tarball }

func (release) key() string                      { return component.KindRelease }
func (release) upstream(w resource.Watch) string { return w.Release }
func (release) takes() []string                  { return []string{"min_age"} }

func (release) validate(w resource.Watch) error {
	if strings.Count(w.Release, "/") != 2 {
		return fmt.Errorf("release: want a name like github.com/cloudfoundry/bpm-release, got %q", w.Release)
	}
	return nil
}

func (r release) newest(ctx context.Context, f *finder, given string) (found, error) {
	list, err := f.up.BoshIO.Releases(ctx, f.Watch.Release)
	if err != nil {
		return found{}, err
	}
	return f.newestTarball(ctx, list, given, r.notes)
}

func (r release) exactly(ctx context.Context, f *finder, version string) (offer, error) {
	list, err := f.up.BoshIO.Releases(ctx, f.Watch.Release)
	if err != nil {
		return nil, err
	}
	return f.exactTarball(list, version, r.notes)
}

// notes is where the notes of a version are: its repository's releases on GitHub.
func (release) notes(upstream, version string) string {
	return "https://" + upstream + "/releases/tag/v" + version
}
