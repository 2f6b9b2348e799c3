// Package inventory compares the releases and stemcells that a manifest takes with
// a component set and with what a director has. It asks nobody and changes nothing.
package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// Wanted is a release or stemcell that a manifest takes.
type Wanted struct {
	Stemcell bool
	Name     string // of a release or stemcell; "" for a stemcell that is named by its OS
	OS       string // "ubuntu-jammy", of a stemcell without a name
	Asked    string // the version as the manifest has it: "8.2.5", "latest"
	Version  string // the version that this means; "" where nothing fits "latest"
	URL      string // where the manifest says that it can be had
	SHA1     string // the digest of that
	// Of a release: the stemcells of the instance groups that use it, as they are
	// wanted, and the one that it must be compiled for, "" for none.
	On           []Wanted
	ExportedFrom string
}

// Of lists what a manifest takes. Versions like "latest" are not resolved.
func Of(d deployment.Deployment) []Wanted {
	var list []Wanted
	byAlias := map[string]Wanted{}
	for _, s := range d.Stemcells {
		w := Wanted{Stemcell: true, Name: s.Name, OS: s.OS, Asked: s.Version, URL: s.URL, SHA1: s.SHA1}
		w.Version = w.exact()
		byAlias[s.Alias] = w
		list = append(list, w)
	}
	var releases []Wanted
	for _, r := range d.Releases {
		w := Wanted{Name: r.Name, Asked: r.Version, URL: r.URL, SHA1: r.SHA1}
		w.Version = w.exact()
		for _, alias := range usedOn(d, r.Name) {
			if stemcell, ok := byAlias[alias]; ok {
				w.On = append(w.On, stemcell)
			}
		}
		if len(r.ExportedFrom) > 0 {
			w.ExportedFrom = r.ExportedFrom[0].OS + "/" + r.ExportedFrom[0].Version
		}
		releases = append(releases, w)
	}
	return append(releases, list...)
}

// usedOn are the aliases of the stemcells on which jobs of a release run.
func usedOn(d deployment.Deployment, release string) []string {
	uses := func(jobs []deployment.Job) bool {
		return slices.ContainsFunc(jobs, func(j deployment.Job) bool { return j.Release == release })
	}
	everywhere := false
	for _, a := range d.Addons {
		everywhere = everywhere || uses(a.Jobs)
	}
	var aliases []string
	for _, g := range d.InstanceGroups {
		if (everywhere || uses(g.Jobs)) && !slices.Contains(aliases, g.Stemcell) {
			aliases = append(aliases, g.Stemcell)
		}
	}
	return aliases
}

// Latest says whether the director chooses the version: "latest", or "8.latest".
func (w Wanted) Latest() bool { return w.Asked == "latest" || strings.HasSuffix(w.Asked, ".latest") }

func (w Wanted) exact() string {
	if w.Latest() {
		return ""
	}
	return w.Asked
}

// Label names it to people, without its version.
func (w Wanted) Label() string { return cmp.Or(w.Name, w.OS) }

// String is "concourse/8.2.5".
func (w Wanted) String() string { return w.Label() + "/" + cmp.Or(w.Version, w.Asked) }

// Exactly is what is wanted with its version resolved.
func (w Wanted) Exactly() Wanted {
	w.Asked = w.Version
	return w
}

// takes is the version, and what the manifest has instead of it, for people.
func (w Wanted) takes() string {
	if w.Latest() {
		return cmp.Or(w.Version, "nothing that the director has") + " (" + w.Asked + ")"
	}
	return w.Version
}

// Is says whether a stemcell of that name and OS is the wanted one, whatever its
// version. Where its OS is not known, its name tells: "…-ubuntu-jammy-go_agent",
// "…-ubuntu-jammy-go_agent-raw", "…-ubuntu-noble".
func (w Wanted) Is(name, os string) bool {
	switch {
	case w.Name != "":
		return w.Name == name
	case os != "":
		return w.OS == os
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-raw"), "-go_agent")
	return w.OS != "" && strings.HasSuffix(name, "-"+w.OS)
}

// In says whether the wanted version is in a list of releases.
func (w Wanted) In(releases []bosh.Release) bool {
	return slices.Contains(releases, bosh.Release{Name: w.Name, Version: w.Version})
}

// Among says whether the wanted version is in a list of stemcells.
func (w Wanted) Among(stemcells []bosh.Stemcell) bool {
	return slices.ContainsFunc(stemcells, func(s bosh.Stemcell) bool { return s.Version == w.Version && w.Is(s.Name, s.OS) })
}

// Resolve gives the wanted with the versions that a director which has these
// releases and stemcells would take for "latest".
func Resolve(wanted []Wanted, releases []bosh.Release, stemcells []bosh.Stemcell) []Wanted {
	resolved := slices.Clone(wanted)
	for i, w := range resolved {
		resolved[i] = w.resolve(releases, stemcells)
		resolved[i].On = slices.Clone(w.On)
		for j, on := range w.On {
			resolved[i].On[j] = on.resolve(releases, stemcells)
		}
	}
	return resolved
}

func (w Wanted) resolve(releases []bosh.Release, stemcells []bosh.Stemcell) Wanted {
	if !w.Latest() {
		return w
	}
	var versions []string
	for _, r := range releases {
		if !w.Stemcell && r.Name == w.Name {
			versions = append(versions, r.Version)
		}
	}
	for _, s := range stemcells {
		if w.Stemcell && w.Is(s.Name, s.OS) {
			versions = append(versions, s.Version)
		}
	}
	line := strings.TrimSuffix(w.Asked, "latest")
	versions = slices.DeleteFunc(versions, func(v string) bool { return !strings.HasPrefix(v, line) })
	w.Version = ""
	if len(versions) > 0 {
		w.Version = slices.MaxFunc(versions, Compare)
	}
	return w
}

// Compare orders versions as BOSH does. What is not a version comes first.
func Compare(a, b string) int {
	va, errA := version.Parse(a)
	vb, errB := version.Parse(b)
	switch {
	case errA == nil && errB == nil:
		return va.Compare(vb)
	case errA == nil:
		return 1
	case errB == nil:
		return -1
	}
	return strings.Compare(a, b)
}

// Usable says whether a release with these packages can be deployed as it is wanted:
// each has its source, or is compiled for the stemcells on which it runs. Otherwise
// it says for which stemcells it is compiled.
func (w Wanted) Usable(packages []bosh.Package) (compiled []string, usable bool) {
	usable = true
	for _, p := range packages {
		if !w.usable(p) {
			usable = false
			compiled = append(compiled, p.Compiled...)
		}
	}
	slices.Sort(compiled)
	return slices.Compact(compiled), usable
}

func (w Wanted) usable(p bosh.Package) bool {
	if w.ExportedFrom != "" {
		return slices.Contains(p.Compiled, w.ExportedFrom)
	}
	if p.Source {
		return true
	}
	for _, on := range w.On {
		if !slices.ContainsFunc(p.Compiled, on.runs) {
			return false
		}
	}
	return true
}

// runs says whether the wanted stemcell runs what is compiled for another one: of the
// same OS and the same first number.
func (w Wanted) runs(compiled string) bool {
	os, of, _ := strings.Cut(compiled, "/")
	named := w.OS == os || w.Name != "" && Wanted{OS: os}.Is(w.Name, "")
	major := func(v string) string { first, _, _ := strings.Cut(v, "."); return first }
	return named && major(of) == major(w.Version)
}
