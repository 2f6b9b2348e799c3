package stock

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// shelf is what the director has of releases and stemcells, asked for once.
type shelf struct {
	director  Director
	releases  []bosh.Release
	stemcells []bosh.Stemcell
	known     struct{ releases, stemcells bool }
}

func (s *shelf) listReleases(ctx context.Context) (err error) {
	if !s.known.releases {
		if s.releases, err = s.director.Releases(ctx); err != nil {
			return fmt.Errorf("list releases: %w", err)
		}
		s.known.releases = true
	}
	return nil
}

func (s *shelf) listStemcells(ctx context.Context) (err error) {
	if !s.known.stemcells {
		if s.stemcells, err = s.director.Stemcells(ctx); err != nil {
			return fmt.Errorf("list stemcells: %w", err)
		}
		s.known.stemcells = true
	}
	return nil
}

// lists says whether what is wanted is on the director. "latest" is any version.
func (s *shelf) lists(ctx context.Context, w inventory.Wanted) (bool, error) {
	if w.Stemcell {
		err := s.listStemcells(ctx)
		return w.Latest() && slices.ContainsFunc(s.stemcells, func(have bosh.Stemcell) bool { return w.Is(have.Name, have.OS) }) || w.Among(s.stemcells), err
	}
	err := s.listReleases(ctx)
	return w.Latest() && slices.ContainsFunc(s.releases, func(have bosh.Release) bool { return w.Name == have.Name }) || w.In(s.releases), err
}
