package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// lack is a package of a release that cannot be used on a stemcell.
type lack struct {
	pkg *artifact.Part
	on  string // "tiny-stemcell/1.2"
}

// checkPackages fails as the director does for packages that can neither be compiled
// nor are compiled for the stemcell that they are needed on, and for those that are
// not compiled for what their release is said to be exported from.
func (p *Plan) checkPackages() error {
	lacks := map[*artifact.Release][]lack{}
	stemcells := map[string]bool{}
	for _, r := range p.Releases {
		from := p.exportedFrom(r)
		for _, g := range p.Groups {
			for _, q := range g.Packages {
				switch {
				case !slices.Contains(r.Packages, q):
				case len(from) > 0:
					if f := exported(r, q, from, g.Stemcell); f != nil {
						return f
					}
				case !q.Source && !q.RunsOn(g.Stemcell) && !slices.Contains(lacks[r], lack{q, g.Stemcell.Label()}):
					lacks[r] = append(lacks[r], lack{q, g.Stemcell.Label()})
					stemcells[g.Stemcell.Label()] = true
				}
			}
		}
	}
	return missing(p.Releases, lacks, len(stemcells) > 1)
}

// missing is the director's error for what packages lack. Where several stemcells are
// concerned, it names them behind each package.
func missing(releases []*artifact.Release, lacks map[*artifact.Release][]lack, several bool) error {
	text := ""
	for _, r := range releases {
		list := lacks[r]
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b lack) int { return strings.Compare(a.pkg.Name, b.pkg.Name) })
		text += fmt.Sprintf("Can't use release '%s'. It references packages without source code and are not compiled against ", r.Label())
		if several {
			text += "intended stemcells:\n"
		} else {
			text += fmt.Sprintf("stemcell '%s':\n", list[0].on)
		}
		for _, l := range list {
			text += fmt.Sprintf(" - '%s/%s'", l.pkg.Name, l.pkg.Version)
			if several {
				text += fmt.Sprintf(" against stemcell '%s'", l.on)
			}
			text += "\n"
		}
	}
	if text == "" {
		return nil
	}
	return api.NewFailure(60001, "\n%s", text)
}

// exportedFrom are the stemcells that a manifest says a release is exported from.
func (p *Plan) exportedFrom(r *artifact.Release) []document.Mapping {
	for _, m := range p.Document.Maps("releases") {
		if m.Text("name") == r.Name {
			return m.Maps("exported_from")
		}
	}
	return nil
}

// exported fails unless a package is compiled for one of the stemcells that its release
// is exported from, and that one can stand for the stemcell on which it is needed.
func exported(r *artifact.Release, q *artifact.Part, from []document.Mapping, on *artifact.Stemcell) error {
	var fitting []document.Mapping
	for _, m := range from {
		if m.Text("os") == on.OS && artifact.Major(m.Text("version")) == artifact.Major(on.Version) {
			fitting = append(fitting, m)
		}
	}
	if len(fitting) == 0 {
		return api.NewFailure(60004, "\nCan't use release '%s': expected to find stemcell for '%s/%s' to be configured in exported_from'", r.Label(), on.OS, on.Version)
	}
	if slices.ContainsFunc(fitting, func(m document.Mapping) bool { return q.CompiledFor(m.Text("os"), m.Text("version")) }) {
		return nil
	}
	return api.NewFailure(60003, "\nCan't use release '%s':\nPackages must be exported from stemcell '%s/%s', but some packages are not compiled for this stemcell:\n - '%s/%s'\n",
		r.Label(), fitting[0].Text("os"), fitting[0].Text("version"), q.Name, q.Version)
}
