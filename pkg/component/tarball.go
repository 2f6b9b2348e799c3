package component

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component/candidate"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// tarball is what the kinds that bosh.io has share: a version is one file.
type tarball struct{}

// asked is bosh.io, or its mirror.
func (tarball) asked(s resource.Source, _ resource.Watch) (key, url string) {
	return "bosh_io.url", s.BoshIO.URL
}

func (tarball) pins(key string) string { return pinsVersions(key) }

// pin takes the digest that the source has by version.
func (tarball) pin(f *finder, c *Component) error {
	given := strings.ToLower(strings.TrimPrefix(f.watch.Digests[c.Version], "sha256:"))
	switch {
	case given == "" && f.plain:
		return fmt.Errorf("source.bosh_io.url is http://, so its digests say nothing, and source.watch.%s.digests has none of %s", f.name, c.Version)
	case given == "":
		return nil
	case c.SHA256 != "" && c.SHA256 != given:
		return replaced(f, c.Version, given, "bosh.io", c.SHA256)
	}
	c.SHA256 = given
	return nil
}

// downloads is the one file.
func (tarball) downloads(c *Component, dir string) ([]artifact.File, error) {
	c.File = c.Name + "/" + c.Kind + ".tgz"
	return []artifact.File{{
		Name: c.Name, URL: c.URL, Path: filepath.Join(dir, c.File), SHA256: c.SHA256, SHA1: c.SHA1, Size: c.Size, Network: c.Network,
	}}, nil
}

func (tarball) files(Component) map[string]string { return nil }
func (tarball) vars(Component) map[string]string  { return nil }

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
	candidates, over := f.picker.Versions(versions)
	f.over = over
	_, offered := byVersion[given]
	passed := 0
	candidates = slices.DeleteFunc(candidates, func(c candidate.Candidate) bool { return f.plain && f.watch.Digests[c.Text] == "" })
	for i, c := range candidates {
		if f.watch.MinAge.Duration > 0 && c.Text != given {
			if i >= maxDated {
				passed++
				continue // the given version may still follow
			}
			t := byVersion[c.Text]
			date, err := f.up.BoshIO.LastModified(ctx, t.URL, t.Network)
			if err != nil {
				return found{}, err
			}
			if !f.old(date) {
				continue
			}
		}
		f.sayPassedOver(c.Text)
		return found{component: f.fromTarball(byVersion[c.Text], notes), withdrawn: given != "" && !offered}, nil
	}
	if passed > 0 {
		return found{}, &nothingError{fmt.Sprintf("find versions in %s: none of the newest %d is as old as min_age %s, and no more are looked at (%d are older): "+
			"lower min_age, or let version name older ones", f.upstream(), maxDated, f.watch.MinAge, passed)}
	}
	return found{}, f.errNothing(f.upstream())
}

func (f *finder) fromTarball(t boshio.Tarball, notes func(upstream, version string) string) Component {
	return Component{
		Name: f.name, Kind: f.kind.key(), Upstream: f.upstream(), Version: t.Version, NotesURL: notes(f.upstream(), t.Version),
		URL: t.URL, SHA1: t.SHA1, SHA256: t.SHA256, Size: t.Size, Network: t.Network,
	}
}

func (f *finder) exactTarball(list []boshio.Tarball, version string, notes func(upstream, version string) string) (Component, error) {
	for _, t := range list {
		if t.Version == version {
			return f.fromTarball(t, notes), nil
		}
	}
	return Component{}, errMissing
}
