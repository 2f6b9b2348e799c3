package inventory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
)

// Conflict is a component of a set that a manifest does not take.
type Conflict struct {
	Key   string // "stemcell", the key in source.watch
	Set   string // "1.484", the version in the set
	Takes string // "1.465", what the manifest has in its place
}

// String is "concourse: the set has 8.3.0, the manifest 8.2.4".
func (c Conflict) String() string {
	if strings.HasSuffix(c.Set, "0") && strings.TrimRight(c.Set, "0") == c.Takes { // to YAML 1.10 is the number 1.1
		return fmt.Sprintf("%s: the set has %s, the manifest %s, which needs quotes to stay %s", c.Key, c.Set, c.Takes, c.Set)
	}
	return fmt.Sprintf("%s: the set has %s, the manifest %s", c.Key, c.Set, c.Takes)
}

// Conflicts compares a component set with what a manifest takes, with versions
// resolved. A release that the manifest does not name is none, as many deployments may
// share a set; stemcells are one where the manifest takes none of the set's at all, as
// every manifest takes some.
func Conflicts(set []component.Component, wanted []Wanted) []Conflict {
	var list []Conflict
	served := false // a stemcell of the manifest comes from the set
	for _, c := range set {
		var takes []string
		for _, w := range wanted {
			if !w.IsOf(c) {
				continue
			}
			served = served || w.Stemcell
			if w.Version != c.Version {
				takes = append(takes, w.takes())
			}
		}
		if len(takes) > 0 {
			list = append(list, Conflict{Key: c.Name, Set: c.Version, Takes: strings.Join(takes, " and ")})
		}
	}
	stemcells := slices.DeleteFunc(slices.Clone(wanted), func(w Wanted) bool { return !w.Stemcell })
	if served || len(stemcells) == 0 {
		return list
	}
	var others []string
	for _, w := range stemcells {
		others = append(others, w.Label()+" "+w.takes())
	}
	for _, c := range set {
		if c.Kind == component.KindStemcell {
			list = append(list, Conflict{Key: c.Name, Set: c.Upstream + " " + c.Version, Takes: strings.Join(others, " and ")})
		}
	}
	return list
}

// IsOf says whether the wanted release or stemcell is a component, whatever its
// version. A release is known by its name, which the component must have, too.
func (w Wanted) IsOf(c component.Component) bool {
	switch c.Kind {
	case component.KindRelease:
		return !w.Stemcell && w.Name == c.Name
	case component.KindStemcell:
		return w.Stemcell && w.Is(c.Upstream, "")
	}
	return false
}

// Brought are the releases and stemcells that a set brings to a director.
func Brought(set []component.Component) (releases []bosh.Release, stemcells []bosh.Stemcell) {
	for _, c := range set {
		switch c.Kind {
		case component.KindRelease:
			releases = append(releases, bosh.Release{Name: c.Name, Version: c.Version})
		case component.KindStemcell:
			stemcells = append(stemcells, bosh.Stemcell{Name: c.Upstream, Version: c.Version})
		}
	}
	return releases, stemcells
}
