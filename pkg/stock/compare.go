package stock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// preparing is the phase that errors of the director name: what is found out here is
// done in the step that brings it.
const preparing = "prepare to bring stemcell and releases"

// Compare finds out what the director lacks of the manifest's releases and stemcells, of
// the rest of the component set, which other deployments may need, and the release of
// this program, where own says so. What is missing and comes from nowhere is refused by name: the deploy
// would fail, and by then the pipeline is set.
func (s *Stock) Compare(ctx context.Context, deployed bosh.Deployment, own, fix bool) error {
	s.Missing = nil
	var refused []string
	for _, w := range s.Wanted {
		there, flaw, err := s.has(ctx, w, deployed)
		if err != nil {
			return fmt.Errorf("%s: %w", preparing, err)
		}
		if there {
			continue
		}
		a, ok, why := s.source(w)
		if ok {
			a.flawed = flaw != ""
			if !slices.ContainsFunc(s.Missing, a.same) { // two stemcells of the manifest may be one
				s.Missing = append(s.Missing, a)
			}
			continue
		}
		refused = append(refused, strings.TrimSpace(w.String()+" "+cmp.Or(flaw, why)))
	}
	if len(refused) > 0 {
		return fmt.Errorf("refuse to deploy: the director does not have %s, and neither the component set nor the manifest (url and sha1) says where to fetch what is missing; nothing was changed; upload it first", strings.Join(refused, ", "))
	}
	for _, a := range s.besides(own) {
		there := a.isIn(deployed)
		if !there {
			var err error
			if there, err = s.shelf.lists(ctx, a.wanted()); err != nil {
				return fmt.Errorf("%s: %w", preparing, err)
			}
		}
		if !there {
			s.Missing = append(s.Missing, a)
		}
	}
	for i := range s.Missing {
		s.Missing[i].Fix = fix
	}
	return s.admit(ctx)
}

// admit refuses to have the director fetch a file from where the server that named it
// may not send anybody.
func (s *Stock) admit(ctx context.Context) error {
	for _, a := range s.Missing {
		if a.isOwn() || a.File != "" || a.Given {
			continue
		}
		if err := s.Director.Admit(ctx, a); err != nil {
			return fmt.Errorf("%s: have the director fetch %s: %w; nothing was changed", preparing, Describe([]Artifact{a}), err)
		}
	}
	return nil
}

// has says whether what is wanted is on the director and can be used. Of what the
// deployment uses already the director does not let go: no need to ask. flaw says what
// is wrong with what is there.
func (s *Stock) has(ctx context.Context, w inventory.Wanted, d bosh.Deployment) (there bool, flaw string, err error) {
	deployed := d.Stemcells
	if w.Version == "" { // nothing fits "latest"
		return false, "", nil
	}
	if w.Stemcell {
		if w.Among(deployed) {
			return true, "", nil
		}
		there, err = s.shelf.lists(ctx, w.Exactly())
		return there, "", err
	}
	used := w.ExportedFrom == "" && !slices.ContainsFunc(w.On, func(on inventory.Wanted) bool { return !on.Among(deployed) })
	if used && w.In(d.Releases) {
		return true, "", nil
	}
	packages, err := s.shelf.director.Packages(ctx, bosh.Release{Name: w.Name, Version: w.Version})
	if errors.Is(err, bosh.ErrNotFound) {
		return false, "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("look at the packages of %s: %w", w, err)
	}
	compiled, usable := w.Usable(packages)
	if !usable {
		flaw = fmt.Sprintf("(it is there without its source, compiled for %s)", cmp.Or(strings.Join(compiled, ", "), "no stemcell"))
	}
	return usable, flaw, nil
}

// source is where what is wanted comes from: the component set, also where params ignore
// that it is not taken everywhere, else the manifest. If it is not ok, why says so where
// there is something to say.
func (s *Stock) source(w inventory.Wanted) (a Artifact, ok bool, why string) {
	for _, c := range s.Set {
		if w.IsOf(c) && w.Version == c.Version {
			return s.artifact(c), true, ""
		}
	}
	address, err := url.Parse(w.URL)
	switch {
	case w.URL == "":
		return Artifact{}, false, ""
	case err != nil || address.Scheme != "https" && address.Scheme != "http":
		return Artifact{}, false, "(its url in the manifest is not one that the director can fetch)"
	case w.SHA1 == "":
		return Artifact{}, false, "(the manifest has its url, but no sha1)"
	}
	return Artifact{Stemcell: w.Stemcell, Name: w.Name, OS: w.OS, Version: cmp.Or(w.Version, w.Asked), URL: w.URL, Given: true, SHA1: w.SHA1}, true, ""
}

// artifact is a member of the set as the director takes it.
func (s *Stock) artifact(c component.Component) Artifact {
	a := Artifact{Name: c.Name, Version: c.Version, URL: c.URL, Network: c.Network, SHA1: c.SHA1, SHA256: c.SHA256}
	if c.File != "" {
		a.File = filepath.Join(s.Dir, c.File)
	}
	if c.Kind == component.KindStemcell {
		a.Stemcell, a.Name = true, c.Upstream
	}
	return a
}

// besides are the releases and stemcells of the set that the manifest does not name,
// and the release of this program.
func (s *Stock) besides(own bool) []Artifact {
	var list []Artifact
	for _, c := range s.taking() {
		named := slices.ContainsFunc(s.Wanted, func(w inventory.Wanted) bool { return w.IsOf(c) })
		if !named && (c.Kind == component.KindRelease || c.Kind == component.KindStemcell) {
			list = append(list, s.artifact(c))
		}
	}
	if own {
		list = append(list, Artifact{Name: boshrelease.Name, Version: boshrelease.Version(), Content: boshrelease.Archive()})
	}
	return list
}
