package upstream

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// stemcell is the kind of BOSH stemcells on bosh.io.
type stemcell struct{ tarball }

func (stemcell) key() string                      { return component.KindStemcell }
func (stemcell) upstream(w resource.Watch) string { return w.Stemcell }
func (stemcell) takes() []string                  { return []string{"min_age", "light", "regular"} }

func (stemcell) validate(w resource.Watch) error {
	if w.Light && w.Regular {
		return errors.New("want light or regular, not both")
	}
	return nil
}

func (s stemcell) newest(ctx context.Context, f *finder, given string) (found, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.Watch.Stemcell)
	if err != nil {
		return found{}, err
	}
	list, others := f.ofType(all)
	result, err := f.newestTarball(ctx, list, given, s.notes)
	if err != nil {
		return found{}, err
	}
	if waiting, _ := f.Versions(others); len(waiting) > 0 && newer(waiting[0].Text, result.component.Version) {
		f.Say("%s is not offered: it has no %s tarball yet", waiting[0].Text, f.stemcellType(all))
	}
	return result, nil
}

func (s stemcell) exactly(ctx context.Context, f *finder, version string) (offer, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.Watch.Stemcell)
	if err != nil {
		return nil, err
	}
	list, _ := f.ofType(all)
	return f.exactTarball(list, version, s.notes)
}

// notes is where the notes of all versions are.
func (stemcell) notes(upstream, _ string) string { return "https://bosh.io/stemcells/" + upstream }

// stemcellType is light or regular: what the watch says, else light as soon as
// any version has a light tarball. The two are never mixed: their digests and
// what the director does with them differ.
func (f *finder) stemcellType(all []boshio.Stemcell) string {
	if f.Watch.Regular {
		return "regular"
	}
	if f.Watch.Light {
		return "light"
	}
	for _, s := range all {
		if s.Light != nil {
			return "light"
		}
	}
	return "regular"
}

// ofType gives the tarballs of the wanted type, and the versions that lack one.
func (f *finder) ofType(all []boshio.Stemcell) (list []boshio.Tarball, others []string) {
	light := f.stemcellType(all) == "light"
	for _, s := range all {
		tarball := s.Regular
		if light {
			tarball = s.Light
		}
		if tarball == nil {
			others = append(others, s.Version)
			continue
		}
		t := *tarball
		t.Version = s.Version
		list = append(list, t)
	}
	return list, others
}
