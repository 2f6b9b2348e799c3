package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// Group is an instance group of a plan.
type Group struct {
	Name     string
	Count    int // instances that have a VM
	Azs      []string
	VmType   string
	Stemcell *artifact.Stemcell
	Releases map[string]string // versions of the releases that its jobs use
	Jobs     []string          // names
	Errands  []string          // names of its jobs that are errands
	Errand   bool              // lifecycle: errand
	Static   []string          // static addresses
	Network  document.Mapping  // its first network
	Policy   policy
	VmSpec   string           // changes when the VM must be replaced
	JobSpec  string           // changes when the jobs must be updated
	Packages []*artifact.Part // that its jobs need
	parts    []*artifact.Part // its jobs themselves, where their content is known
}

// Scripts are the jobs that have a script of a name, "bin/post-start"; all of
// them where the content of none is known.
func (g *Group) Scripts(target string) []string {
	if len(g.parts) == 0 {
		return g.Jobs
	}
	var found []string
	for _, p := range g.parts {
		if p.Has(target) {
			found = append(found, p.Name)
		}
	}
	return found
}

// newGroup checks what a group refers to.
func newGroup(m, manifest, iaas document.Mapping, limits Limits) (*Group, error) {
	if err := api.Need(m, "name", "jobs", "stemcell", "networks", "instances"); err != nil {
		return nil, err
	}
	name := m.Text("name")
	names := func(source document.Mapping, section, key string) []string {
		var found []string
		for _, entry := range source.Maps(section) {
			found = append(found, entry.Text(key))
		}
		return found
	}
	if m.Get("vm_resources") == nil {
		if err := api.Need(m, "vm_type"); err != nil {
			return nil, err
		}
	}
	checks := []struct {
		code   int
		noun   string
		wanted []string
		known  []string
	}{
		{140002, "release", names(m, "jobs", "release"), names(manifest, "releases", "name")},
		{140005, "stemcell", []string{m.Text("stemcell")}, names(manifest, "stemcells", "alias")},
		{140004, "vm type", []string{m.Text("vm_type")}, append(names(iaas, "vm_types", "name"), "")},
		{140003, "vm extension", m.Texts("vm_extensions"), names(iaas, "vm_extensions", "name")},
		{140012, "disk type", []string{m.Text("persistent_disk_type")}, append(names(iaas, "disk_types", "name"), "")},
		{150001, "network", names(m, "networks", "name"), names(iaas, "networks", "name")},
	}
	for _, check := range checks {
		for _, wanted := range check.wanted {
			if !slices.Contains(check.known, wanted) {
				return nil, api.NewFailure(check.code, "Instance group '%s' references an unknown %s '%s'", name, check.noun, wanted)
			}
		}
	}
	known := names(iaas, "azs", "name")
	for _, az := range m.Texts("azs") {
		if !slices.Contains(known, az) {
			return nil, api.NewFailure(140018, "Instance group '%s' references unknown az '%s'. Known azs are: [%s]", name, az, strings.Join(known, ", "))
		}
	}
	update, _ := manifest.Get("update").(document.Mapping)
	own, _ := m.Get("update").(document.Mapping)
	pol, err := newPolicy(update.Merge(own), limits)
	if err != nil {
		return nil, err
	}
	g := &Group{Name: name, Azs: m.Texts("azs"), VmType: m.Text("vm_type"), Policy: pol, Errand: m.Text("lifecycle") == "errand"}
	if !g.Errand {
		g.Count = m.Number("instances", 0)
	}
	return g, nil
}

// bind finds what a group's jobs are made of and what a change of it would be.
func (g *Group) bind(m, all document.Mapping, stemcells map[string]*artifact.Stemcell, releases []*artifact.Release) error {
	g.Stemcell, g.Releases = stemcells[m.Text("stemcell")], map[string]string{}
	jobs := m.Maps("jobs")
	for _, addon := range all.Maps("addons") {
		jobs = append(jobs, addon.Maps("jobs")...)
	}
	var content []any // what the jobs are made of: a new version of a release may have the same
	for _, job := range jobs {
		name := job.Text("name")
		g.Jobs = append(g.Jobs, name)
		i := slices.IndexFunc(releases, func(r *artifact.Release) bool { return r.Name == job.Text("release") })
		if i < 0 {
			continue
		}
		r := releases[i]
		g.Releases[r.Name] = r.Version
		if r.Seeded {
			content = append(content, document.String(name+"@"+r.Label()))
			continue
		}
		p := artifact.PartNamed(r.Jobs, name)
		if p == nil {
			return api.NewFailure(100, "Job '%s' not found in Template table", name)
		}
		if p.Has("bin/run") {
			g.Errands = append(g.Errands, p.Name)
		}
		needs := closure(r.Packages, p.Needs)
		g.parts, g.Packages = append(g.parts, p), append(g.Packages, needs...)
		for _, q := range append(needs, p) {
			content = append(content, document.String(fmt.Sprintf("%s@%s#%d", q.Name, q.Fingerprint, q.Revision)))
		}
	}
	if networks := m.Maps("networks"); len(networks) > 0 {
		g.Static = networks[0].Texts("static_ips")
		for _, n := range all.Maps("networks") {
			if n.Text("name") == networks[0].Text("name") {
				g.Network = n
			}
		}
	}
	var vmType any
	for _, t := range all.Maps("vm_types") {
		if t.Text("name") == g.VmType {
			vmType = t
		}
	}
	g.VmSpec = document.Canonical([]any{
		document.String(g.Stemcell.Label()), vmType, m.Get("vm_resources"), m.Get("vm_extensions"), m.Get("networks"), m.Get("env"),
	})
	g.JobSpec = document.Canonical([]any{
		m.Get("jobs"), m.Get("properties"), m.Get("persistent_disk"), m.Get("persistent_disk_type"), content, all.Get("addons"), all.Get("properties"),
	})
	return nil
}

// closure gives packages with all that they depend on.
func closure(all []*artifact.Part, names []string) []*artifact.Part {
	var found []*artifact.Part
	for _, p := range all {
		if slices.Contains(names, p.Name) {
			found = append(found, closure(all, p.Needs)...)
			found = append(found, p)
		}
	}
	return found
}
