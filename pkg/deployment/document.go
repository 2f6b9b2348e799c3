package deployment

import (
	"fmt"
	"slices"

	yamlv2 "gopkg.in/yaml.v2" // what wrote the text writes it again, so that no value changes its meaning

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// document is a rendered manifest that is being arranged.
type document struct {
	root     map[any]any // as it is written, but for the order of the groups
	releases []release
	update   update
	groups   []*group
	notes    []string
	changed  bool
}

type release struct{ Name, Version string }

// group is an instance group: what arranging needs to know of it, and what is
// written.
type group struct {
	Name      string
	Instances int
	Lifecycle string
	AZs       []string
	Update    update
	Jobs      []job

	spec map[any]any
}

type job struct {
	Name, Release string
	Properties    any
}

// parseDocument reads a manifest, and decodes it into what else is asked for. Aliases are
// resolved; the library bounds how many nodes they make in all forms together.
func parseDocument(f template.File, also ...any) (*document, error) {
	if err := template.CheckText(f.Text); err != nil {
		return nil, err
	}
	var value any
	var known struct {
		Releases       []release
		Update         update
		InstanceGroups []*group `yaml:"instance_groups"`
	}
	if err := template.Decode(f.Text, append([]any{&value, &known}, also...)...); err != nil {
		return nil, err
	}
	if err := template.Bounded(value); err != nil {
		return nil, err
	}
	d := &document{releases: known.Releases, update: known.Update}
	d.root, _ = value.(map[any]any)
	specs, _ := d.root["instance_groups"].([]any)
	for i, g := range known.InstanceGroups {
		if g == nil {
			g = &group{}
		}
		g.spec, _ = specs[i].(map[any]any)
		d.groups = append(d.groups, g)
	}
	return d, nil
}

// text writes the manifest.
func (d *document) text() ([]byte, error) {
	specs := make([]any, len(d.groups))
	for i, g := range d.groups {
		specs[i] = g.spec
	}
	d.root["instance_groups"] = specs
	text, err := yamlv2.Marshal(d.root)
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return text, nil
}

func (d *document) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

// indexes are the places of the groups of a kind.
func (d *document) indexes(kind func(*group) bool) []int {
	var list []int
	for i, g := range d.groups {
		if kind(g) {
			list = append(list, i)
		}
	}
	return list
}

// release is the version of a release of the manifest.
func (d *document) release(name string) (version string, ok bool) {
	i := slices.IndexFunc(d.releases, func(r release) bool { return r.Name == name })
	if i < 0 {
		return "", false
	}
	return d.releases[i].Version, true
}

func (g *group) has(release, name string) bool {
	return slices.ContainsFunc(g.Jobs, func(j job) bool { return j.Release == release && j.Name == name })
}

// BOSH updates no group of an errand.
func (g *group) isWeb() bool    { return g.has("concourse", "web") && g.Lifecycle != "errand" }
func (g *group) isWorker() bool { return g.has("concourse", "worker") && g.Lifecycle != "errand" }

func (g *group) isEither() bool { return g.isWeb() || g.isWorker() }

func (g *group) webOnly() bool    { return g.isWeb() && !g.isWorker() }
func (g *group) workerOnly() bool { return g.isWorker() && !g.isWeb() }

// databaseOnly says whether a group has a PostgreSQL, of whatever release, and
// neither web nor worker.
func (g *group) databaseOnly() bool {
	return !g.isEither() && slices.ContainsFunc(g.Jobs, func(j job) bool { return j.Name == "postgres" })
}

// add appends an item to a list.
func add(m map[any]any, key string, item map[any]any) {
	list, _ := m[key].([]any)
	m[key] = append(list, item)
}

// setUpdate sets a key of the group's own update.
func (g *group) setUpdate(key string, value any) {
	update, _ := g.spec["update"].(map[any]any)
	if update == nil {
		update = map[any]any{}
		g.spec["update"] = update
	}
	update[key] = value
}

func names(groups []*group) []string {
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = g.Name
	}
	return list
}
