// Package adoption says what a deployment would lose, and what would be put in its
// place, if another manifest were deployed over it.
package adoption

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Change is one thing that another manifest would do to a deployment.
type Change struct {
	What string // "instance group concourse would vanish with its persistent disk"
	// Data says that data would be left behind: a persistent disk, or the database that
	// web uses.
	Data bool
}

// shape is the structure of a manifest.
type shape struct {
	installation string            // whose installer has made it; "" for none
	groups       map[string]*group // by name
}

type group struct {
	Name         string
	Jobs         []job
	Networks     any
	Disk         any                     `yaml:"persistent_disk"`
	DiskType     any                     `yaml:"persistent_disk_type"`
	Disks        any                     `yaml:"persistent_disks"`
	MigratedFrom []struct{ Name string } `yaml:"migrated_from"`
}

type job struct {
	Name, Release string
	Properties    any
}

func read(text []byte) (shape, error) {
	var m struct {
		Groups []*group       `yaml:"instance_groups"`
		Rest   map[string]any `yaml:",inline"`
	}
	if err := template.Decode(text, &m); err != nil {
		return shape{}, err
	}
	s := shape{groups: map[string]*group{}}
	if name := m.Rest[bundle.InstallationKey]; name != nil {
		s.installation = fmt.Sprint(name)
	}
	for _, g := range m.Groups {
		if g != nil {
			s.groups[g.Name] = g
		}
	}
	return s, nil
}

// Compare says what deploying wanted over deployed would change of its structure: whose
// installation it is, the instance groups, their jobs, networks and persistent disks,
// and the database of the web. Jobs of the release own do not count: they come and go.
func Compare(deployed, wanted []byte, own string) ([]Change, error) {
	is, err := read(deployed)
	if err != nil {
		return nil, fmt.Errorf("parse the deployed manifest: %w", err)
	}
	will, err := read(wanted)
	if err != nil {
		return nil, fmt.Errorf("parse the manifest: %w", err)
	}
	is.rename(will)
	var list []Change
	if is.leavesInstallation(will) {
		list = append(list, Change{What: fmt.Sprintf("what the installer has added for the installation %s, such as TLS, would vanish (perpetual deploy %s --upgrade keeps it)", is.installation, is.installation)})
	}
	for _, name := range is.names() {
		if will.groups[name] == nil {
			list = append(list, is.groups[name].gone())
		}
	}
	for _, name := range will.names() {
		if is.groups[name] == nil {
			list = append(list, Change{What: "instance group " + name + " would appear"})
		}
	}
	for _, name := range is.names() {
		if will.groups[name] != nil {
			list = append(list, compare(is.groups[name], will.groups[name], own)...)
		}
	}
	return append(list, compareDatabases(is, will)...), nil
}

// leavesInstallation says whether the manifest is that of an installation, and the
// wanted one is not. What an installer adds to the bundled manifest is properties for the
// most part, which no comparison of structure sees.
func (s shape) leavesInstallation(will shape) bool {
	return s.installation != "" && s.installation != will.installation
}

// rename calls groups as the wanted manifest does that says where they come from.
func (s shape) rename(will shape) {
	for name, g := range will.groups {
		for _, old := range g.MigratedFrom {
			if from := s.groups[old.Name]; from != nil && s.groups[name] == nil {
				delete(s.groups, old.Name)
				s.groups[name] = from
			}
		}
	}
}

// gone is the change for a group that would vanish.
func (g *group) gone() Change {
	if g.disk() {
		return Change{What: "instance group " + g.Name + " would vanish with its persistent disk", Data: true}
	}
	return Change{What: "instance group " + g.Name + " would vanish"}
}

// compare gives the changes of a group.
func compare(is, will *group, own string) []Change {
	var list []Change
	differ := func(noun string, is, will []string) {
		for _, name := range is {
			if !slices.Contains(will, name) {
				list = append(list, Change{What: noun + name + " would vanish"})
			}
		}
		for _, name := range will {
			if !slices.Contains(is, name) {
				list = append(list, Change{What: noun + name + " would appear"})
			}
		}
	}
	differ(will.Name+": job ", is.jobs(own), will.jobs(own))
	differ(will.Name+": network ", is.networks(), will.networks())
	switch {
	case is.disk() && !will.disk():
		list = append(list, Change{What: will.Name + ": the persistent disk would vanish", Data: true})
	case !is.disk() && will.disk():
		list = append(list, Change{What: will.Name + ": a persistent disk would appear"})
	}
	return list
}

func (g *group) jobs(own string) []string {
	var names []string
	for _, j := range g.Jobs {
		if j.Release != own {
			names = append(names, j.Name)
		}
	}
	return names
}

func (g *group) networks() []string {
	var names []string
	list, _ := g.Networks.([]any)
	for _, n := range list {
		if m, ok := n.(map[any]any); ok {
			names = append(names, fmt.Sprint(m["name"]))
		}
	}
	return names
}

func (g *group) disk() bool {
	disks, _ := g.Disks.([]any)
	return g.Disk != nil && g.Disk != 0 || g.DiskType != nil || len(disks) > 0
}

// compareDatabases compares where the webs have their database. Where a web has none
// of another host, it is that of the deployment itself, of its job postgres.
func compareDatabases(is, will shape) []Change {
	before, after := is.database(), will.database()
	var list []Change
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if to, ok := after[key]; ok && to != before[key] {
			list = append(list, Change{What: fmt.Sprintf("postgresql.%s of web: %s would become %s", key, before[key], to), Data: true})
		}
	}
	return list
}

// database is what says which database a web uses; nothing without a web.
func (s shape) database() map[string]string {
	for _, name := range s.names() {
		for _, j := range s.groups[name].Jobs {
			if j.Name != "web" || j.Release != "concourse" {
				continue
			}
			properties, _ := j.Properties.(map[any]any)
			postgres, _ := properties["postgresql"].(map[any]any)
			text := func(key, none string) string {
				if postgres[key] == nil {
					return none
				}
				return fmt.Sprint(postgres[key])
			}
			return map[string]string{
				"host": text("host", s.databaseGroup()), "port": text("port", "5432"), "database": text("database", "atc"),
			}
		}
	}
	return nil
}

// databaseGroup names the database of the deployment itself.
func (s shape) databaseGroup() string {
	for _, name := range s.names() {
		if slices.ContainsFunc(s.groups[name].Jobs, func(j job) bool { return j.Name == "postgres" }) {
			return "instance group " + name
		}
	}
	return "none"
}

// MadeFrom says whether a deployed manifest may have been made from a template, of this
// or another version, with ops files: it has the instance groups, jobs and persistent
// disks of core, which all versions of the template have, but for groups that wanted,
// which is made from it, lacks too. One of an installation is its installer's.
func MadeFrom(core, deployed, wanted []byte) (bool, error) {
	bare, err := read(core)
	if err != nil {
		return false, fmt.Errorf("parse the core of the template: %w", err)
	}
	is, err := read(deployed)
	if err != nil {
		return false, fmt.Errorf("parse the deployed manifest: %w", err)
	}
	will, err := read(wanted)
	if err != nil {
		return false, fmt.Errorf("parse the manifest: %w", err)
	}
	if is.leavesInstallation(will) {
		return false, nil
	}
	is.rename(will)
	for name, g := range bare.groups {
		has := is.groups[name]
		if has == nil && will.groups[name] == nil {
			continue
		}
		if has == nil || g.disk() && !has.disk() || slices.ContainsFunc(g.jobs(""), func(j string) bool { return !slices.Contains(has.jobs(""), j) }) {
			return false, nil
		}
	}
	return true, nil
}

// Text lists changes for people.
func Text(list []Change) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = c.What
	}
	return strings.Join(texts, "; ")
}

// names are those of the instance groups.
func (s shape) names() []string { return slices.Sorted(maps.Keys(s.groups)) }
