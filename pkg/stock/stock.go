package stock

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// Stock is what a manifest takes, and what of that the director has.
type Stock struct {
	Director  Director
	Set       []component.Component
	Dir       string   // where the set's downloaded files are; "" without any
	IgnoreSet []string // components of the set that the manifest need not take
	IgnoreKey inventory.IgnoreKey
	Finder    task.Finder
	Say, Note func(format string, args ...any) // Note is for what people should know

	Wanted  []inventory.Wanted   // releases and stemcells of the manifest, versions resolved
	Ignored []inventory.Conflict // what the manifest does not take of the set, as IgnoreSet allows
	Missing []Artifact           // what the director lacks
	Brought []Artifact           // what it has got
	shelf   *shelf
}

// Take finds out which releases and stemcells a manifest takes, and
// compares them with the component set. A set that the manifest does not take would
// never be deployed, and every build of it would be green: it is refused, unless
// params say that it is meant.
func (s *Stock) Take(ctx context.Context, of deployment.Deployment) error {
	for _, key := range s.IgnoreSet {
		if !slices.ContainsFunc(s.Set, func(c component.Component) bool { return c.Name == key }) {
			return fmt.Errorf("validate %s: the component set has no %q; it has %s", s.IgnoreKey.Name(), key, keys(s.Set))
		}
	}
	s.Wanted = inventory.Of(of)
	if err := s.ResolveLatest(ctx); err != nil {
		return err
	}
	var refused, ignored []inventory.Conflict
	for _, c := range inventory.Conflicts(s.Set, s.Wanted) {
		if slices.Contains(s.IgnoreSet, c.Key) {
			ignored = append(ignored, c)
		} else {
			refused = append(refused, c)
		}
	}
	if len(refused) > 0 {
		return s.takesNot(refused)
	}
	for _, c := range ignored {
		if !slices.Contains(s.Ignored, c) {
			s.Note("component set: %s, as %s says", c, s.IgnoreKey.Name())
		}
	}
	s.Ignored = ignored
	return nil
}

// keys are the names of a set's components.
func keys(set []component.Component) string {
	names := make([]string, len(set))
	for i, c := range set {
		names[i] = c.Name
	}
	if len(names) == 0 {
		return "nothing, as params.components is not given"
	}
	return strings.Join(names, ", ")
}

// takesNot is the error for a set that the manifest does not take.
func (s *Stock) takesNot(list []inventory.Conflict) error {
	var texts, names []string
	for _, c := range list {
		texts, names = append(texts, c.String()), append(names, c.Key)
	}
	return fmt.Errorf("refuse to deploy: the manifest does not take the component set: %s; nothing was changed; "+
		"use ((%s_version)) in the manifest, and give it no other value, or set %s: [%s] if that is intended",
		strings.Join(texts, "; "), strings.ReplaceAll(names[0], "-", "_"), s.IgnoreKey.Name(), strings.Join(names, ", "))
}

// ResolveLatest puts what the director will take for "latest" in its place: the newest
// that it has by then, with what the set brings.
func (s *Stock) ResolveLatest(ctx context.Context) error {
	s.shelf = &shelf{director: s.Director} // something newer may have been uploaded
	releases, stemcells := inventory.Brought(s.taking())
	for _, w := range s.Wanted {
		if !w.Latest() {
			continue
		}
		if _, err := s.shelf.lists(ctx, w); err != nil {
			return fmt.Errorf("find the latest %s: %w", w.Label(), err)
		}
	}
	s.Wanted = inventory.Resolve(s.Wanted, append(releases, s.shelf.releases...), append(stemcells, s.shelf.stemcells...))
	return nil
}

// taking is the component set without what may be left out of it.
func (s *Stock) taking() []component.Component {
	return slices.DeleteFunc(slices.Clone(s.Set), func(c component.Component) bool { return slices.Contains(s.IgnoreSet, c.Name) })
}

// Version is that of a release of the manifest, resolved; "" for none.
func (s *Stock) Version(release string) string {
	for _, w := range s.Wanted {
		if !w.Stemcell && w.Name == release {
			return w.Version
		}
	}
	return ""
}

// Deployed reads what a deploy that is done has made of "latest".
func (s *Stock) Deployed(read func() (bosh.Deployment, error)) error {
	if !slices.ContainsFunc(s.Wanted, inventory.Wanted.Latest) {
		return nil
	}
	now, err := read()
	if err != nil {
		return err
	}
	s.Wanted = inventory.Resolve(s.Wanted, now.Releases, now.Stemcells)
	return nil
}
