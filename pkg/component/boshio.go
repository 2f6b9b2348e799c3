package component

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
)

// maxDated is how many versions are asked for their age before min_age gives
// up: bosh.io's lists carry no dates, so each costs a request.
const maxDated = 20

// newestRelease finds the highest version of a bosh.io release.
func (f *finder) newestRelease(ctx context.Context, given string) (found, error) {
	list, err := f.up.BoshIO.Releases(ctx, f.watch.Release)
	if err != nil {
		return found{}, err
	}
	return f.newestTarball(ctx, list, given)
}

// newestStemcell finds the highest version of a stemcell of one type.
func (f *finder) newestStemcell(ctx context.Context, given string) (found, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.watch.Stemcell)
	if err != nil {
		return found{}, err
	}
	list, others := f.ofType(all)
	result, err := f.newestTarball(ctx, list, given)
	if err != nil {
		return found{}, err
	}
	if waiting, _ := f.picker.versions(others); len(waiting) > 0 && newer(waiting[0].version, result.component.Version) {
		f.say("%s is not offered: it has no %s tarball yet", waiting[0].version, f.stemcellType(all))
	}
	return result, nil
}

// newestTarball chooses from a list that is whole, in any order.
func (f *finder) newestTarball(ctx context.Context, list []boshio.Tarball, given string) (found, error) {
	byVersion := map[string]boshio.Tarball{}
	var versions []string
	for _, t := range list {
		if _, seen := byVersion[t.Version]; !seen {
			byVersion[t.Version] = t
			versions = append(versions, t.Version)
		}
	}
	candidates, over := f.picker.versions(versions)
	f.over = over
	_, offered := byVersion[given]
	passed := 0
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return f.plain && f.watch.Digests[c.version] == "" })
	for i, c := range candidates {
		if f.watch.MinAge.Duration > 0 && c.version != given {
			if i >= maxDated {
				passed++
				continue // the given version may still follow
			}
			t := byVersion[c.version]
			date, err := f.up.BoshIO.LastModified(ctx, t.URL, t.Network)
			if err != nil {
				return found{}, err
			}
			if !f.old(date) {
				continue
			}
		}
		f.sayPassedOver(c.version)
		return found{component: f.fromTarball(byVersion[c.version]), withdrawn: given != "" && !offered}, nil
	}
	if passed > 0 {
		return found{}, &nothingError{fmt.Sprintf("find versions in %s: none of the newest %d is as old as min_age %s, and no more are looked at (%d are older): "+
			"lower min_age, or let version name older ones", f.upstream(), maxDated, f.watch.MinAge, passed)}
	}
	return found{}, f.errNothing(f.upstream())
}

func (f *finder) upstream() string { return f.watch.Release + f.watch.Stemcell }

func (f *finder) fromTarball(t boshio.Tarball) Component {
	c := Component{
		Name: f.name, Kind: KindRelease, Upstream: f.upstream(), Version: t.Version,
		URL: t.URL, SHA1: t.SHA1, SHA256: t.SHA256, Size: t.Size, Network: t.Network,
	}
	if f.watch.Stemcell != "" {
		c.Kind = KindStemcell
		c.NotesURL = "https://bosh.io/stemcells/" + f.watch.Stemcell
	} else {
		c.NotesURL = "https://" + f.watch.Release + "/releases/tag/v" + t.Version
	}
	return c
}

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

func (f *finder) exactRelease(ctx context.Context, version string) (Component, error) {
	list, err := f.up.BoshIO.Releases(ctx, f.watch.Release)
	if err != nil {
		return Component{}, err
	}
	return f.exactTarball(list, version)
}

func (f *finder) exactStemcell(ctx context.Context, version string) (Component, error) {
	all, err := f.up.BoshIO.Stemcells(ctx, f.watch.Stemcell)
	if err != nil {
		return Component{}, err
	}
	list, _ := f.ofType(all)
	return f.exactTarball(list, version)
}

func (f *finder) exactTarball(list []boshio.Tarball, version string) (Component, error) {
	for _, t := range list {
		if t.Version == version {
			return f.fromTarball(t), nil
		}
	}
	return Component{}, errMissing
}
