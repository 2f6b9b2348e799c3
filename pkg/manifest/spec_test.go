package manifest_test

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

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// spec is what a release says of a job.
type spec struct {
	Properties []string `json:"properties"`
	Consumes   []link   `json:"consumes"`
	Provides   []link   `json:"provides"`
}

type link struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional"`
}

// specs are those of the jobs by "release-job". The copy in testdata is used where
// the recorded specs are absent, and compared with them where they are not.
func specs(t *testing.T) map[string]spec {
	t.Helper()
	text, err := os.ReadFile("testdata/job-specs.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]spec{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for job, copied := range all {
		text, err := os.ReadFile(filepath.Join("../../../shared/data/job-specs", job+".json"))
		if os.IsNotExist(err) {
			continue
		}
		var recorded struct {
			Properties         []struct{ Name string }
			Consumes, Provides []link
		}
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatalf("%s: %v", job, err)
		}
		whole := spec{Properties: []string{}, Consumes: recorded.Consumes, Provides: recorded.Provides}
		for _, p := range recorded.Properties {
			whole.Properties = append(whole.Properties, p.Name)
		}
		if diff := cmp.Diff(whole, copied); diff != "" {
			t.Errorf("testdata is not as the spec of %s (-spec +testdata):\n%s", job, diff)
		}
	}
	return all
}

// unknown are the jobs and properties of a manifest that no spec has.
func unknown(root object, all map[string]spec) []string {
	var list []string
	check := func(id string, properties any) {
		s, known := all[id]
		if !known {
			list = append(list, id)
		}
		for _, leaf := range leaves(properties, nil) {
			if leaf != "" && !slices.ContainsFunc(s.Properties, func(name string) bool { return name == leaf || strings.HasPrefix(leaf, name+".") }) {
				list = append(list, id+" "+leaf)
			}
		}
	}
	groups, _ := root["instance_groups"].([]any)
	for _, group := range groups {
		for _, item := range group.(object)["jobs"].([]any) {
			job := item.(object)
			check(fmt.Sprintf("%v-%v", job["release"], job["name"]), job["properties"])
		}
	}
	if provider, ok := root["cloud_provider"].(object); ok {
		job := provider["template"].(object)
		check(fmt.Sprintf("%v-%v", job["release"], job["name"]), provider["properties"])
	}
	return list
}

// leaves are the dotted paths of what is not a mapping.
func leaves(v any, at []string) []string {
	m, ok := v.(object)
	if !ok {
		return []string{strings.Join(at, ".")}
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, leaves(m[key], append(slices.Clone(at), key))...)
	}
	return list
}

func TestManifests_setOnlyPropertiesThatTheJobsHave(t *testing.T) {
	all := specs(t)
	for name, in := range inputs(t) {
		for _, kind := range []string{"director", "concourse"} {
			for _, missing := range unknown(decoded(t, render(t, kind, in)), all) {
				t.Errorf("%s of %s: no job spec has %s", kind, name, missing)
			}
		}
	}
	// The comparison finds what BOSH would silently ignore.
	spoilt := strings.NewReplacer("cpi_job:", "cpi_jobs:", "session_token:", "token:", "name: nats\n", "name: nat\n").
		Replace(string(render(t, "director", inputs(t)["default"])))
	got := unknown(decoded(t, []byte(spoilt)), all)
	for _, want := range []string{"bosh-director director.cpi_jobs", "bosh-aws-cpi-aws_cpi aws.token", "bosh-nat"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s was not found among %v", want, got)
		}
	}
}

// TestManifests_linksHaveTwoEnds sees that who consumes a link that is not optional,
// or that stands for properties left out, finds a provider.
func TestManifests_linksHaveTwoEnds(t *testing.T) {
	all := specs(t)
	for name, in := range inputs(t) {
		provided, consumed := map[string]int{}, map[string]bool{}
		for _, group := range decoded(t, render(t, "concourse", in))["instance_groups"].([]any) {
			for _, item := range group.(object)["jobs"].([]any) {
				job := item.(object)
				s := all[fmt.Sprintf("%v-%v", job["release"], job["name"])]
				for _, l := range s.Provides {
					provided[l.Type]++
				}
				postgres, _ := job["properties"].(object)["postgresql"].(object)
				for _, l := range s.Consumes {
					if given := l.Type == "database" && postgres["host"] != nil; !given {
						consumed[l.Type] = true // both optional ones stand for an address that is not given
					}
				}
			}
		}
		for link := range consumed {
			if provided[link] != 1 {
				t.Errorf("%s: %d jobs provide the link %s, want 1", name, provided[link], link)
			}
		}
	}
}

// TestManifests_useEveryReleaseAndStemcellThatTheyName finds what is left over when
// a part of a manifest is taken out, and what is missing.
func TestManifests_useEveryReleaseAndStemcellThatTheyName(t *testing.T) {
	for name, in := range inputs(t) {
		for _, kind := range []string{"director", "concourse"} {
			root := decoded(t, render(t, kind, in))
			named, used := map[string]bool{}, map[string]bool{}
			for _, r := range root["releases"].([]any) {
				named[r.(object)["name"].(string)] = true
			}
			for _, group := range root["instance_groups"].([]any) {
				for _, job := range group.(object)["jobs"].([]any) {
					used[job.(object)["release"].(string)] = true
				}
			}
			if diff := cmp.Diff(named, used); diff != "" {
				t.Errorf("%s of %s: releases (-named +used):\n%s", kind, name, diff)
			}
		}
	}
}

// TestConcourse_namesOnlyWhatTheCloudConfigHas joins the two sides.
func TestConcourse_namesOnlyWhatTheCloudConfigHas(t *testing.T) {
	for name, in := range inputs(t) {
		cloud := decoded(t, render(t, "cloud-config", in))
		has := func(section, wanted string) {
			list, _ := cloud[section].([]any)
			if !slices.ContainsFunc(list, func(item any) bool { return item.(object)["name"] == wanted }) {
				t.Errorf("%s: the cloud config has no %s %q", name, section, wanted)
			}
		}
		for _, item := range decoded(t, render(t, "concourse", in))["instance_groups"].([]any) {
			group := item.(object)
			has("vm_types", group["vm_type"].(string))
			for _, n := range group["networks"].([]any) {
				has("networks", n.(object)["name"].(string))
			}
			for _, az := range group["azs"].([]any) {
				has("azs", az.(string))
			}
			extensions, _ := group["vm_extensions"].([]any)
			for _, e := range extensions {
				has("vm_extensions", e.(string))
			}
			if disk, ok := group["persistent_disk_type"].(string); ok {
				has("disk_types", disk)
			}
		}
		compilation := cloud["compilation"].(object)
		has("vm_types", compilation["vm_type"].(string))
		has("networks", compilation["network"].(string))
		has("azs", compilation["az"].(string))
	}
}

// TestTemplates_holdNoSecret looks at texts and ops: secrets are in variables only.
func TestTemplates_holdNoSecret(t *testing.T) {
	for name, in := range inputs(t) {
		for kind, build := range templates {
			made, err := build(in)
			if err != nil {
				t.Fatal(err)
			}
			text, values, err := manifest.Split(made)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "s3cret") {
				t.Errorf("%s of %s: a secret is in the text", kind, name)
			}
			// The key of the reader has to be there: it reads what the team reads anyway.
			if kind == "pipeline" && strings.Contains(strings.ReplaceAll(fmt.Sprint(values), "reader-s3cret", ""), "s3cret") {
				t.Errorf("%s: a secret is among the values of the pipeline, which members of the team can read", name)
			}
			if kind != "pipeline" && kind != "cloud-config" {
				whole, err := template.Render(template.Template{File: template.File{Name: kind, Text: text}, Vars: []map[string]any{values}})
				if err != nil {
					t.Fatalf("%s of %s, filled in after it was split: %v", kind, name, err)
				}
				if diff := cmp.Diff(string(render(t, kind, in)), string(whole)); diff != "" {
					t.Errorf("%s of %s, filled in after it was split (-at once +split):\n%s", kind, name, diff)
				}
			}
		}
	}
}

// TestTemplates_haveAValueForEachVariable takes the credentials away, and finds
// that nothing else is missing.
func TestTemplates_haveAValueForEachVariable(t *testing.T) {
	for name, in := range inputs(t) {
		wanted := in.Credentials
		in.Credentials = nil
		missing := map[string]bool{}
		for _, kind := range []string{"director", "concourse"} {
			tmpl, err := templates[kind](in)
			if err != nil {
				t.Fatal(err)
			}
			_, err = template.Render(tmpl)
			if err == nil {
				t.Fatalf("%s of %s needs no credentials", kind, name)
			}
			_, list, _ := strings.Cut(err.Error(), "no value for ")
			for _, v := range strings.Split(list, ", ") {
				missing[v] = true
			}
		}
		for v := range missing {
			if _, made := wanted[v]; !made {
				t.Errorf("%s: ((%s)) has neither a value nor a generator", name, v)
			}
		}
		for v := range wanted {
			if !missing[v] && !slices.Contains([]string{"director_ca", "web_ca", manifest.StateKey}, v) { // two sign others, the pipeline has the third
				t.Errorf("%s: the credential %s is made and not used", name, v)
			}
		}
	}
}

func TestDirector_isMadeOfWhatWasRecorded(t *testing.T) {
	var recorded string
	for _, name := range []string{"upstream-2026.json", "bosh-io-2026.json"} {
		text, err := os.ReadFile("../../../shared/data/" + name)
		if os.IsNotExist(err) {
			t.Skip("the recorded versions, ../shared/data/" + name + ", are not here")
		}
		if err != nil {
			t.Fatal(err)
		}
		recorded += string(text)
	}
	d := decoded(t, render(t, "director", inputs(t)["default"]))
	pool := d["resource_pools"].([]any)[0].(object)["stemcell"].(object)
	for _, item := range append(d["releases"].([]any), pool) {
		part := item.(object)
		for _, key := range []string{"url", "sha1"} {
			if !strings.Contains(recorded, strings.TrimPrefix(part[key].(string), "sha256:")) {
				t.Errorf("the recorded versions have no %s %v", key, part[key])
			}
		}
	}
}
