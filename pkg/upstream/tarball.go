package upstream

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

// tarball is what the kinds that bosh.io has share: a version is one file.
type tarball struct{}

// asked is bosh.io, or its mirror.
func (tarball) asked(s resource.Source, _ resource.Watch) (key, url string) {
	return "bosh_io.url", s.BoshIO.URL
}

func (tarball) pins(key string) string { return pinsVersions(key) }

// fileOffer is a version of a component that is one file.
type fileOffer struct{ component.Component }

// Described implements offer.
func (o *fileOffer) Described() component.Component { return o.Component }

// Downloads is the one file.
func (o *fileOffer) Downloads(dir string) ([]artifact.File, error) {
	o.File = o.Name + "/" + o.Kind + ".tgz"
	return []artifact.File{{
		Name: o.Name, URL: o.URL, Path: filepath.Join(dir, o.File), SHA256: o.SHA256, SHA1: o.SHA1, Size: o.Size, Network: o.Network,
	}}, nil
}

// maxDated is how many versions are asked for their age before min_age gives
// up: bosh.io's lists carry no dates, so each costs a request.
const maxDated = 20

// newestTarball chooses from a list that is whole, in any order.
func (f *finder) newestTarball(ctx context.Context, list []boshio.Tarball, given string, notes func(upstream, version string) string) (found, error) {
	byVersion := map[string]boshio.Tarball{}
	var versions []string
	for _, t := range list {
		if _, seen := byVersion[t.Version]; !seen {
			byVersion[t.Version] = t
			versions = append(versions, t.Version)
		}
	}
	candidates := f.FromVersions(versions)
	_, offered := byVersion[given]
	passed := 0
	candidates = slices.DeleteFunc(candidates, func(c candidate.Candidate) bool { return f.Clear && f.Watch.Digests[c.Text] == "" })
	for i, c := range candidates {
		if f.Watch.MinAge.Duration > 0 && c.Text != given {
			if i >= maxDated {
				passed++
				continue // the given version may still follow
			}
			t := byVersion[c.Text]
			date, err := f.up.BoshIO.LastModified(ctx, t.URL, t.Network)
			if err != nil {
				return found{}, err
			}
			if !f.Old(date) {
				continue
			}
		}
		f.SayPassedOver(c.Text)
		return found{component: f.fromTarball(byVersion[c.Text], notes), withdrawn: given != "" && !offered}, nil
	}
	if passed > 0 {
		return found{}, &candidate.NothingError{Text: fmt.Sprintf("find versions in %s: none of the newest %d is as old as min_age %s, and no more are looked at (%d are older): "+
			"lower min_age, or let version name older ones", f.upstream(), maxDated, f.Watch.MinAge, passed)}
	}
	return found{}, f.Nothing(f.upstream())
}

// fromTarball describes a version.
func (f *finder) fromTarball(t boshio.Tarball, notes func(upstream, version string) string) component.Component {
	return component.Component{
		Name: f.Name, Kind: f.kind.key(), Upstream: f.upstream(), Version: t.Version, NotesURL: notes(f.upstream(), t.Version),
		URL: t.URL, SHA1: t.SHA1, SHA256: t.SHA256, Size: t.Size, Network: t.Network,
	}
}

// exactTarball finds one version in a list, with the digest that the source has for it.
func (f *finder) exactTarball(list []boshio.Tarball, version string, notes func(upstream, version string) string) (offer, error) {
	i := slices.IndexFunc(list, func(t boshio.Tarball) bool { return t.Version == version })
	if i < 0 {
		return nil, candidate.ErrMissing
	}
	c := f.fromTarball(list[i], notes)
	given := f.Given(version)
	switch {
	case given == "" && f.Clear:
		return nil, fmt.Errorf("source.bosh_io.url is http://, so its digests say nothing, and source.watch.%s.digests has none of %s", f.Name, version)
	case given != "" && c.SHA256 != "" && c.SHA256 != given:
		return nil, f.Replaced(version, given, "bosh.io", c.SHA256)
	case given != "":
		c.SHA256 = given
	}
	return &fileOffer{c}, nil
}
