package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// Taken is a release, a stemcell or a program that the manifest or the pipeline takes.
type Taken struct {
	Name   string // the component's, or its own
	Before string // the version that is deployed; "" for none
	Now    string
	Note   string // "the component set has 1.1364, which params.ignore_set ignores"
}

// String is how people read it: "8.2.4 → 8.3.0".
func (t Taken) String() string {
	var notes []string
	text := t.Now
	switch t.Before {
	case "":
	case t.Now:
		notes = append(notes, "unchanged")
	default:
		text = t.Before + " → " + t.Now
	}
	if t.Note != "" {
		notes = append(notes, t.Note)
	}
	if len(notes) == 0 {
		return text
	}
	return text + " (" + strings.Join(notes, "; ") + ")"
}

// Taken lists what the rendered manifest takes, in the order of the component set
// where it is of one, and after it the programs that the pipeline gets.
func (p *Plan) Taken() []Taken {
	var list []Taken
	others := slices.Clone(p.Stock.Wanted)
	for _, c := range p.Request.Input.Components {
		for _, w := range p.Stock.Wanted {
			if !w.IsOf(c) {
				continue
			}
			others = slices.DeleteFunc(others, func(o inventory.Wanted) bool { return o.Stemcell == w.Stemcell && o.Label() == w.Label() })
			list = append(list, p.take(c.Name, w))
		}
		if c.Kind == component.KindGitHub && p.Pipeline.Bundled {
			list = append(list, Taken{Name: c.Name, Before: p.Pipeline.programBefore(c), Now: c.Version})
		}
	}
	for _, w := range others {
		list = append(list, p.take(w.Label(), w))
	}
	return list
}

func (p *Plan) take(name string, w inventory.Wanted) Taken {
	t := Taken{Name: name, Before: p.before(w), Now: w.Version}
	if t.Now == "" {
		t.Now = w.Asked
	}
	for _, c := range p.Stock.Ignored {
		if c.Key == name && c.Set != t.Now { // of two stemcells one may be of the set
			t.Note = fmt.Sprintf("the component set has %s, which %s ignores", c.Set, p.Stock.IgnoreKey.Name())
		}
	}
	return t
}

// before is the version that is deployed now.
func (p *Plan) before(w inventory.Wanted) string {
	list := p.Deployed.Releases
	if w.Stemcell {
		list = inventory.StemcellVersions(p.Deployed.Stemcells)
	}
	found := ""
	for _, nv := range list {
		if w.Stemcell && w.Is(nv.Name, "") || !w.Stemcell && w.Name == nv.Name {
			if nv.Version == w.Version {
				return nv.Version
			}
			if found == "" || inventory.Compare(found, nv.Version) < 0 {
				found = nv.Version
			}
		}
	}
	return found
}
