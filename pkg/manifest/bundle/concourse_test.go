package bundle_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// whole is a manifest rendered with a value for every variable.
func whole(t *testing.T, more vars) []byte {
	t.Helper()
	in := template.Template{File: bundle.Concourse()}
	given := vars{}
	for _, name := range variables(in.Text) {
		given[name] = "a " + name
	}
	in.Vars = []vars{given, bundle.ConcourseDefaults(), more}
	text, err := template.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestConcourse_isADeploymentOfTheComponentSet(t *testing.T) {
	d, err := deployment.Parse(template.File{Name: "m", Text: whole(t, vars{
		"deployment_name": "concourse", "concourse_version": "8.10", "bpm_version": "1.4.38", "postgres_version": "54",
		"stemcell_name": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "stemcell_version": "1.10", "web_instances": 2, "worker_instances": 3,
	})})
	if err != nil {
		t.Fatal(err)
	}
	groups := func(release, job string) []any {
		list := []any{}
		for _, g := range d.Groups(release, job) {
			list = append(list, g.Name, g.Instances)
		}
		return list
	}
	got := map[string]string{
		"name": d.Name, "stemcell": d.Stemcells[0].Name + "/" + d.Stemcells[0].Version, "none": d.Release("uaa"),
		"releases": d.Release("concourse") + " " + d.Release("bpm") + " " + d.Release("postgres"),
		"groups":   fmt.Sprint(groups("concourse", "web"), groups("concourse", "worker"), groups("bpm", "bpm"), groups("postgres", "postgres"), groups("concourse", "bpm")),
	}
	want := map[string]string{
		"name": "concourse", "stemcell": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent/1.10", "none": "",
		"releases": "8.10 1.4.38 54", "groups": "[web 2] [worker 3] [db 1 web 2 worker 3] [db 1] []",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deployment (-want +got):\n%s", diff)
	}
}

func TestConcourse_updatesWebBeforeWorkersAndOneFirst(t *testing.T) {
	root := parsed(t, whole(t, nil)).(vars)
	var groups []string
	for _, group := range root["instance_groups"].([]any) {
		groups = append(groups, group.(vars)["name"].(string))
	}
	if diff := cmp.Diff([]string{"db", "web", "worker"}, groups); diff != "" {
		t.Errorf("instance groups (-want +got):\n%s", diff)
	}
	update := root["update"].(vars)
	if update["serial"] != true || update["canaries"] != 1 || update["max_in_flight"] != 1 {
		t.Errorf("update = %v", update)
	}
}

func TestConcourse_asksForEachOfItsDefaults(t *testing.T) {
	names := variables(bundle.Concourse().Text)
	for name := range bundle.ConcourseDefaults() {
		if !slices.Contains(names, name) {
			t.Errorf("the default for %s is of no variable", name)
		}
	}
}

func TestConcourse_isACopy(t *testing.T) {
	clear(bundle.Concourse().Text)
	if text := bundle.Concourse().Text; text[0] == 0 {
		t.Error("a caller has changed the bundled manifest")
	}
}

// jobProperties are the properties of jobs by "release-job", as the releases'
// job specs name them: dotted. The copy in testdata is used where the recorded
// specs are absent, and compared with them where they are not.
func jobProperties(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/job-properties.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for job, copied := range all {
		text, err := os.ReadFile(filepath.Join("../../../shared/data/job-specs", job+".json"))
		if os.IsNotExist(err) {
			continue
		}
		var spec struct{ Properties []struct{ Name string } }
		if err := json.Unmarshal(text, &spec); err != nil {
			t.Fatalf("%s: %v", job, err)
		}
		names := []string{}
		for _, p := range spec.Properties {
			names = append(names, p.Name)
		}
		if diff := cmp.Diff(names, copied); diff != "" {
			t.Errorf("testdata is not as the spec of %s (-spec +testdata):\n%s", job, diff)
		}
	}
	return all
}

// unknownProperties are those that a manifest sets and no spec has: neither
// itself nor anything above it.
func unknownProperties(t *testing.T, text []byte, specs map[string][]string) []string {
	t.Helper()
	var unknown []string
	for _, group := range parsed(t, text).(vars)["instance_groups"].([]any) {
		for _, item := range group.(vars)["jobs"].([]any) {
			job := item.(vars)
			id := fmt.Sprintf("%v-%v", job["release"], job["name"])
			spec, known := specs[id]
			if !known {
				unknown = append(unknown, id)
			}
			for _, leaf := range leaves(job["properties"], nil) {
				if !slices.ContainsFunc(spec, func(name string) bool {
					return name == leaf || strings.HasPrefix(leaf, name+".")
				}) {
					unknown = append(unknown, id+" "+leaf)
				}
			}
		}
	}
	return unknown
}

// leaves are the dotted paths of what is not a mapping.
func leaves(v any, at []string) []string {
	m, ok := v.(vars)
	if !ok {
		return []string{strings.Join(at, ".")}
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, leaves(m[key], append(slices.Clone(at), key))...)
	}
	return list
}

func TestConcourse_setsOnlyPropertiesThatTheJobsHave(t *testing.T) {
	specs := jobProperties(t)
	for _, name := range unknownProperties(t, bundle.Concourse().Text, specs) {
		t.Errorf("no job spec has %s", name)
	}
	// The comparison finds what BOSH would silently ignore.
	spoilt := strings.NewReplacer("redact_secrets:", "redact_secret:", "host_key:", "host_keys:", "users: ((main", "user: ((main").
		Replace(string(bundle.Concourse().Text))
	want := []string{"concourse-web main_team.auth.local.user", "concourse-web redact_secret", "concourse-web worker_gateway.host_keys"}
	if diff := cmp.Diff(want, unknownProperties(t, []byte(spoilt), specs)); diff != "" {
		t.Errorf("unknown properties of a spoilt manifest (-want +got):\n%s", diff)
	}
}
