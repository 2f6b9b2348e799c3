package overlay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const plain = "schema: 1\nname: ci\naws: {region: eu-central-1}\n"

// parse reads a configuration and lays the defaults under it.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c := &config.Config{}
	if err := yaml.Unmarshal([]byte(text), c); err != nil {
		t.Fatal(err)
	}
	return config.Defaults(c)
}

func file(name, text string) template.File { return template.File{Name: name, Text: []byte(text)} }

func TestCheck_namesEachFileThatDoesNotApply(t *testing.T) {
	good := file("good.yml", "- {type: replace, path: /instance_groups/name=web/instances, value: 1}\n")
	u := manifest.User{
		OpsFiles: []template.File{
			good, file("gone.yml", "- {type: remove, path: /instance_groups/name=metrics}\n"), file("list.yml", "a: b\n"), file("other.yml", string(good.Text)), file("broken.yml", "- [\n"),
		},
		DirectorOpsFiles: []template.File{file("director.yml", "- {type: replace, path: /nothing/name=x, value: 1}\n")},
		CloudOpsFiles:    []template.File{file("cloud.yml", "- {type: remove, path: /vm_types/name=metrics}\n")},
	}
	want := map[string]string{
		"manifest.ops_files[1]": "gone.yml", "manifest.ops_files[2]": "list.yml", "manifest.ops_files[4]": "broken.yml",
		"manifest.director_ops_files[0]": "director.yml", "manifest.cloud_config_ops_files[0]": "cloud.yml",
	}
	problems := overlay.Check(parse(t, plain+"manifest: {ops_files: [good.yml, gone.yml, list.yml, other.yml, broken.yml], director_ops_files: [director.yml], cloud_config_ops_files: [cloud.yml]}\n"), u)
	for _, p := range problems {
		if !strings.Contains(p.Text, want[p.Key]) {
			t.Errorf("%s: %s lacks %s", p.Key, p.Text, want[p.Key])
		}
		delete(want, p.Key)
	}
	if len(want) > 0 {
		t.Errorf("no problem for %v in %v", want, problems)
	}
}

// What check.Config finds wrong elsewhere in the configuration hides no file's mistakes.
func TestCheck_namesFilesBesideWhatElseIsWrong(t *testing.T) {
	ops := []template.File{{Name: "gone.yml", Text: []byte("- {type: remove, path: /instance_groups/name=metrics}\n")}}
	cloud := []template.File{{Name: "cloud.yml", Text: []byte("- {type: remove, path: /vm_types/name=metrics}\n")}}
	const files = "manifest: {ops_files: [gone.yml], cloud_config_ops_files: [cloud.yml]}\n"
	for text, want := range map[string][]string{
		"web: {instances: 2}\n":                 {"manifest.ops_files[0]", "manifest.cloud_config_ops_files[0]"},
		"auth: {local_users: {perpetual: x}}\n": {"manifest.cloud_config_ops_files[0]"}, // Concourse's manifest has no form then
	} {
		var keys []string
		for _, p := range overlay.Check(parse(t, plain+files+text), manifest.User{OpsFiles: ops, CloudOpsFiles: cloud}) {
			keys = append(keys, p.Key)
		}
		if !slices.Equal(keys, want) {
			t.Errorf("%s: problems of %q, want %q", text, keys, want)
		}
	}
}

func TestCheck_wantsAValueForEachVariable(t *testing.T) {
	ops := func(text string) []template.File { return []template.File{{Name: "ops.yml", Text: []byte(text)}} }
	const limit = "- type: replace\n  path: /instance_groups/name=web/jobs/name=web/properties/max?\n  value: ((most))\n"
	for name, test := range map[string]struct {
		user manifest.User
		want string
	}{
		"given":               {manifest.User{OpsFiles: ops(limit), Vars: []map[string]any{{"most": 3}}}, ""},
		"generated":           {manifest.User{OpsFiles: ops(limit + "- {type: replace, path: /variables/-, value: {name: most, type: password}}\n")}, ""},
		"missing":             {manifest.User{OpsFiles: ops(limit)}, "most"},
		"misspelt":            {manifest.User{OpsFiles: ops(limit), Vars: []map[string]any{{"mots": 3}}}, "most"},
		"of the cloud config": {manifest.User{CloudOpsFiles: ops("- type: replace\n  path: /vm_types/name=web/cloud_properties/x?\n  value: ((cloudy))\n")}, "cloudy"},
	} {
		problems := overlay.Check(parse(t, plain), test.user)
		if (len(problems) == 0) != (test.want == "") || len(problems) > 0 && !strings.Contains(problems[0].Text, test.want) {
			t.Errorf("%s: %v, want %q", name, problems, test.want)
		}
	}
}

// The user's ops files are checked without asking the director: what it has stands in.
func TestCheck_takesOpsFilesForADirectorThatExists(t *testing.T) {
	c := parse(t, "schema: 1\nname: ci\ndirector: {url: https://director.example.com:25555}\naccess: {domain: ci.example.com}\nmanifest: {ops_files: [good.yml, bad.yml]}\n")
	u := manifest.User{OpsFiles: []template.File{
		{Name: "good.yml", Text: []byte("- {type: replace, path: \"/instance_groups/name=web/vm_extensions?\", value: [lb]}")},
		{Name: "bad.yml", Text: []byte("- {type: remove, path: /instance_groups/name=wbe}")},
	}}
	if problems := overlay.Check(c, u); len(problems) != 1 || problems[0].Key != "manifest.ops_files[1]" {
		t.Errorf("%v", problems)
	}
}

// A file that another one makes up for is wrong all the same.
func TestCheck_namesAFileThatALaterOneReplaces(t *testing.T) {
	ops := func(name, value string) template.File {
		return file(name, "- type: replace\n  path: /instance_groups/name=web/jobs/name=web/properties/vault?/pipeline_secret_template\n  value: '"+value+"'\n")
	}
	const bad, good = "{{.Nobody}}", "{{.Secret}}"
	for _, c := range []struct {
		templates []string
		wrong     string // the index of the file; "": none
	}{{[]string{good}, ""}, {[]string{bad}, "0"}, {[]string{good, good}, ""}, {[]string{bad, good}, "0"}, {[]string{good, bad}, "1"}} {
		var u manifest.User
		var names []string
		for i, value := range c.templates {
			names = append(names, fmt.Sprintf("%d.yml", i))
			u.OpsFiles = append(u.OpsFiles, ops(names[i], value))
		}
		problems := overlay.Check(parse(t, plain+"manifest: {ops_files: ["+strings.Join(names, ", ")+"]}\n"), u)
		if c.wrong == "" && len(problems) > 0 || c.wrong != "" && (len(problems) != 1 || problems[0].Key != "manifest.ops_files["+c.wrong+"]") {
			t.Errorf("%v: %v, want a problem of file %q", c.templates, problems, c.wrong)
		}
	}
}
