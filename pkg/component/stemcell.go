package component

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// KindStemcell is a BOSH stemcell on bosh.io.
const KindStemcell = "stemcell"

// stemcell is the kind of BOSH stemcells on bosh.io.
type stemcell struct{ tarball }

func (stemcell) key() string                      { return KindStemcell }
func (stemcell) upstream(w resource.Watch) string { return w.Stemcell }
func (stemcell) takes() []string                  { return []string{"min_age", "light", "regular"} }

func (stemcell) validate(w resource.Watch) error {
	if w.Light && w.Regular {
		return errors.New("want light or regular, not both")
	}
	return nil
}

func (s stemcell) newest(ctx context.Context, f *finder, given string) (found, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.watch.Stemcell)
	if err != nil {
		return found{}, err
	}
	list, others := f.ofType(all)
	result, err := f.newestTarball(ctx, list, given, s.notes)
	if err != nil {
		return found{}, err
	}
	if waiting, _ := f.picker.Versions(others); len(waiting) > 0 && newer(waiting[0].Text, result.component.Version) {
		f.say("%s is not offered: it has no %s tarball yet", waiting[0].Text, f.stemcellType(all))
	}
	return result, nil
}

func (s stemcell) exactly(ctx context.Context, f *finder, version string) (Component, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.watch.Stemcell)
	if err != nil {
		return Component{}, err
	}
	list, _ := f.ofType(all)
	return f.exactTarball(list, version, s.notes)
}

// notes is where the notes of all versions are.
func (stemcell) notes(upstream, _ string) string { return "https://bosh.io/stemcells/" + upstream }

// vars has the stemcell's name, which a manifest may ask for.
func (stemcell) vars(c Component) map[string]string { return map[string]string{"name": c.Upstream} }

// stemcellType is light or regular: what the watch says, else light as soon as
// any version has a light tarball. The two are never mixed: their digests and
// what the director does with them differ.
func (f *finder) stemcellType(all []boshio.Stemcell) string {
	if f.watch.Regular {
		return "regular"
	}
	if f.watch.Light {
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
