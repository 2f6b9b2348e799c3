package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// sections are the lists of a pipeline whose items have names, as people call one,
// those that others refer to first.
var sections = []struct{ key, one string }{
	{"var_sources", "var source"}, {"resource_types", "resource type"}, {"prototypes", "prototype"}, {"resources", "resource"}, {"jobs", "job"},
}

// Foreign is what a running pipeline has and no template of ours.
type Foreign struct {
	Kept []string // "job lint", "on_failure of job verify"
	Lost []string // "task notify of job verify": where it belongs in a new plan, nobody knows
}

// KeepForeign gives a pipeline that was rendered from a template the jobs,
// resources, types, var sources and groups of the running one that neither the text
// has nor any version of the template has had, and the keys of jobs and resources
// for which the same holds: people have added them. Steps are not added, but named.
// ours tells what is, or was, of the template: names by the section, the keys of a
// section's items by "resources keys", steps by "steps" as "task deploy". A text to
// which nothing is added comes back as it is.
func KeepForeign(running, text []byte, ours map[string][]string) ([]byte, Foreign, error) {
	have, err := mapping(running)
	if err != nil {
		return nil, Foreign{}, fmt.Errorf("parse the running pipeline: %w", err)
	}
	want, err := mapping(text)
	if err != nil {
		return nil, Foreign{}, fmt.Errorf("parse the pipeline: %w", err)
	}
	m := merger{have: have, want: want, ours: ours}
	for _, section := range slices.Backward(sections) {
		m.section(section.key, section.one)
	}
	m.groups()
	if display, has := have["display"]; has && want["display"] == nil {
		want["display"] = display
		m.kept("display")
	}
	slices.Sort(m.found.Lost)
	if len(m.found.Kept) == 0 {
		return text, m.found, nil
	}
	slices.Sort(m.found.Kept)
	encoded, err := json.Marshal(want)
	if err != nil {
		return nil, Foreign{}, err
	}
	text, err = yaml.JSONToYAML(encoded)
	return text, m.found, err
}

// mapping is tree for a pipeline.
func mapping(text []byte) (map[string]any, error) {
	value, err := tree(text)
	if err != nil {
		return nil, err
	}
	top, _ := value.(map[string]any)
	if top == nil {
		top = map[string]any{}
	}
	return top, nil
}

// merger adds to want what is foreign in have.
type merger struct {
	have, want map[string]any
	ours       map[string][]string
	needed     []string // "resources repo": what foreign things refer to
	found      Foreign
}

func (m *merger) kept(format string, args ...any) {
	m.found.Kept = append(m.found.Kept, fmt.Sprintf(format, args...))
}

// section adds the foreign items of a section, and the foreign keys of the others.
func (m *merger) section(section, one string) {
	want := named(m.want[section])
	list, _ := m.want[section].([]any)
	for _, item := range items(m.have[section]) {
		name, _ := item["name"].(string)
		if other, both := want[name]; both {
			m.keys(section, one+" "+name, other, item)
			if section == "jobs" {
				m.steps(name, other, item)
			}
			continue
		}
		// What is ours no more stays where something foreign needs it.
		if name == "" || slices.Contains(m.ours[section], name) && !slices.Contains(m.needed, section+" "+name) {
			continue
		}
		list = append(list, item)
		m.want[section] = list
		m.needs(section, item)
		m.kept("%s %s", one, name)
	}
}

// keys adds what people have set for an item that is ours.
func (m *merger) keys(section, name string, want, have map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, both := want[key]; both || slices.Contains(m.ours[section+" keys"], key) {
			continue
		}
		want[key] = have[key]
		m.needs(section, map[string]any{key: have[key]})
		m.kept("%s of %s", key, name)
	}
}

// steps names the foreign steps in the plan of a job that is ours.
func (m *merger) steps(job string, want, have map[string]any) {
	known := map[string]bool{}
	eachStep(want["plan"], func(step string, _ map[string]any) { known[step] = true })
	eachStep(have["plan"], func(step string, _ map[string]any) {
		if !known[step] && !slices.Contains(m.ours["steps"], step) {
			m.found.Lost = append(m.found.Lost, step+" of job "+job)
		}
	})
}

// needs notes what a foreign item refers to.
func (m *merger) needs(section string, item map[string]any) {
	note := func(section string, value any) {
		if name, isText := value.(string); isText {
			m.needed = append(m.needed, section+" "+name)
		}
	}
	switch section {
	case "jobs":
		eachStep(item, func(step string, fields map[string]any) {
			kind, name, _ := strings.Cut(step, " ")
			if resource, has := fields["resource"].(string); has {
				name = resource
			}
			if kind == "get" || kind == "put" {
				note("resources", name)
			}
			if config, _ := fields["config"].(map[string]any); config != nil {
				if image, _ := config["image_resource"].(map[string]any); image != nil {
					note("resource_types", image["type"])
				}
			}
		})
	case "resources", "resource_types", "prototypes":
		note("resource_types", item["type"])
	}
}

// eachStep finds the steps below a value.
func eachStep(value any, do func(step string, fields map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			eachStep(item, do)
		}
	case map[string]any:
		for _, kind := range []string{"get", "put", "task", "set_pipeline", "load_var", "run"} {
			if name, isText := v[kind].(string); isText {
				do(kind+" "+name, v)
				break
			}
		}
		for key, item := range v {
			if key != "params" && key != "source" && key != "config" {
				eachStep(item, do)
			}
		}
	}
}

// groups adds foreign groups, and puts every job into one: Concourse wants all jobs
// in groups where there are any.
func (m *merger) groups() {
	have := items(m.have["groups"])
	want := named(m.want["groups"])
	list, _ := m.want["groups"].([]any)
	jobs := named(m.want["jobs"])
	exists := func(pattern any) bool {
		for name := range jobs {
			if inGroup(pattern, name) {
				return true
			}
		}
		return false
	}
	for _, group := range have {
		name, _ := group["name"].(string)
		if _, both := want[name]; both {
			continue
		}
		members, _ := group["jobs"].([]any)
		group["jobs"] = slices.DeleteFunc(members, func(job any) bool { return !exists(job) })
		list = append(list, group)
		m.kept("group %s", name)
	}
	if len(list) == 0 {
		return
	}
	m.want["groups"] = list
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		m.intoGroup(list, have, job)
	}
}

// intoGroup puts a job that is in no group into the one in which it runs, or the first.
func (m *merger) intoGroup(list []any, have []map[string]any, job string) {
	isIn := func(group map[string]any) bool {
		members, _ := group["jobs"].([]any)
		return slices.ContainsFunc(members, func(pattern any) bool { return inGroup(pattern, job) })
	}
	all := items(list)
	if slices.ContainsFunc(all, isIn) {
		return
	}
	into := all[0]
	if was := slices.IndexFunc(have, isIn); was >= 0 {
		if i := slices.IndexFunc(all, func(group map[string]any) bool { return group["name"] == have[was]["name"] }); i >= 0 {
			into = all[i]
		}
	}
	members, _ := into["jobs"].([]any)
	into["jobs"] = append(members, job)
	m.kept("job %s in group %v", job, into["name"])
}

// inGroup says whether a group's entry, which may be a glob, names a job.
func inGroup(pattern any, job string) bool {
	text, _ := pattern.(string)
	matches, err := path.Match(text, job)
	return text == job || err == nil && matches
}

// items are the items of a list that are maps.
func items(section any) []map[string]any {
	list, _ := section.([]any)
	var found []map[string]any
	for _, item := range list {
		if fields, isMap := item.(map[string]any); isMap {
			found = append(found, fields)
		}
	}
	return found
}

// named are the items of a section by name.
func named(section any) map[string]map[string]any {
	found := map[string]map[string]any{}
	for _, item := range items(section) {
		if name, _ := item["name"].(string); name != "" {
			found[name] = item
		}
	}
	return found
}
