package command_test

import (
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// badInputs are params of out that name what does not work: a file that is
// missing, or what is in it. files are in the build's directory.
var badInputs = map[string]struct {
	params object
	files  map[string]string
	want   []string
}{
	"components missing":        {object{"components": "nowhere"}, nil, []string{"params.components", "nowhere/components.json", "no such file"}},
	"manifest missing":          {object{"manifest": "nowhere.yml"}, nil, []string{"params.manifest", "nowhere.yml", "no such file"}},
	"manifest is a directory":   {object{"manifest": "components"}, nil, []string{"params.manifest", "components", "directory"}},
	"ops file missing":          {object{"ops_files": []string{"good.yml", "nowhere.yml"}}, map[string]string{"good.yml": "[]"}, []string{"params.ops_files", "nowhere.yml", "no such file"}},
	"vars file missing":         {object{"vars_files": []string{"nowhere.yml"}}, nil, []string{"params.vars_files", "nowhere.yml", "no such file"}},
	"cloud config missing":      {object{"cloud_config": "nowhere.yml"}, nil, []string{"params.cloud_config", "nowhere.yml", "no such file"}},
	"pipeline file missing":     {object{"pipeline": object{"file": "nowhere.yml"}}, nil, []string{"params.pipeline.file", "nowhere.yml", "no such file"}},
	"pipeline's vars missing":   {object{"pipeline": object{"vars_files": []string{"nowhere.yml"}}}, nil, []string{"params.pipeline.vars_files", "nowhere.yml", "no such file"}},
	"components are none":       {object{"components": "odd"}, map[string]string{"odd/components.json": "{"}, []string{"params.components", "components.json"}},
	"components are empty":      {object{"components": "odd"}, map[string]string{"odd/components.json": "[]"}, []string{"params.components", "no components"}},
	"component leads out of it": {object{"components": "odd"}, map[string]string{"odd/components.json": `[{"name":"a","kind":"release","version":"1","file":"../x"}]`}, []string{"params.components", "../x"}},
	"a downloaded file is missing": {
		object{"components": "odd", "pipeline": object{"name": pipelineName, "vars": object{"stemcell_constraint": "2.x"}}},
		map[string]string{"odd/components.json": `[{"name":"concourse","kind":"release","version":"9.0.0","url":"https://bosh.io/","file":"concourse/release.tgz"}]`},
		[]string{"params.components", "concourse/release.tgz", "no such file"},
	},
	"manifest is not YAML":        {object{"manifest": "m.yml"}, map[string]string{"m.yml": "a: [\n"}, []string{"m.yml", "parse"}},
	"manifest is a list":          {object{"manifest": "m.yml"}, map[string]string{"m.yml": "[1, 2]"}, []string{"m.yml", "mapping"}},
	"manifest is empty":           {object{"manifest": "m.yml"}, map[string]string{"m.yml": ""}, []string{"m.yml", "mapping"}},
	"manifest of another name":    {object{"manifest": "m.yml"}, map[string]string{"m.yml": "name: other\ninstance_groups: [{name: a}]\n"}, []string{"m.yml", `"other"`, `source.deployment is "concourse"`}},
	"manifest without a name":     {object{"manifest": "m.yml"}, map[string]string{"m.yml": "instance_groups: [{name: a}]\n"}, []string{"m.yml", `its name is ""`}},
	"manifest without instances":  {object{"manifest": "m.yml"}, map[string]string{"m.yml": "name: concourse\ninstance_groups: []\n"}, []string{"m.yml", "instance_groups", "delete every instance"}},
	"an ops file does not apply":  {object{"ops_files": []string{"scale.yml"}}, map[string]string{"scale.yml": "- {type: replace, path: /instance_groups/name=nobody/instances, value: 2}\n"}, []string{"apply ops file scale.yml", "nobody"}},
	"an ops file is not a list":   {object{"ops_files": []string{"scale.yml"}}, map[string]string{"scale.yml": "type: replace\n"}, []string{"ops file scale.yml"}},
	"an ops file without a path":  {object{"ops_files": []string{"scale.yml"}}, map[string]string{"scale.yml": "- {type: replace, value: 2}\n"}, []string{"ops file scale.yml"}},
	"an ops file is not YAML":     {object{"ops_files": []string{"scale.yml"}}, map[string]string{"scale.yml": "- {type\n"}, []string{"ops file scale.yml"}},
	"a vars file is a list":       {object{"vars_files": []string{"v.yml"}}, map[string]string{"v.yml": "[a]"}, []string{"params.vars_files", "v.yml", "mapping"}},
	"pipeline is not a pipeline":  {object{"pipeline": object{"file": "p.yml"}}, map[string]string{"p.yml": "[a]"}, []string{"pipeline", "p.yml"}},
	"pipeline has an unknown key": {object{"pipeline": object{"file": "p.yml"}}, map[string]string{"p.yml": "jobs: 3\n"}, []string{"pipeline"}},
	"pipeline's name is none":     {object{"pipeline": object{"name": "a/b"}}, nil, []string{"pipeline", "a/b"}},
	"variables without a value": {
		object{"manifest": "m.yml"},
		map[string]string{"m.yml": "name: concourse\ninstance_groups: [{name: ((first)), instances: ((second))}]\nx: ((third))-((fourth_one))\n"},
		[]string{"m.yml", "no value for first, fourth_one, second, third", "params.vars"},
	},
}

func TestOut_refusesBadInputBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	s := installed(t)
	for name, c := range badInputs {
		t.Run(name, func(t *testing.T) {
			write(t, s.dir, c.files)
			before := files(t, s.dir)
			p := s.unchanged(t, func() process { return ask(t, "out", s.out(c.params), s.dir) })
			refused(t, p, c.want...)
			hides(t, p, credentials()...)
			if after := files(t, s.dir); len(after) != len(before) {
				t.Errorf("it left files in the build's directory: %v", after)
			}
		})
	}
}

// A first deploy lists every variable that nobody has given, at once.
func TestOut_listsAllVariablesThatTheBundledManifestStillNeeds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.unchanged(t, func() process {
		return ask(t, "out", object{"source": s.DeploymentSource(), "params": object{"vars": object{"external_url": "https://ci.example.com"}}}, s.dir)
	})
	refused(t, p, "bundled Concourse manifest", "bpm_version", "concourse_version", "encryption_key", "local_users", "postgres_password",
		"stemcell_name", "token_signing_key", "tsa_host_key", "worker_private_key", "params.vars_files")
}

// The build's own pipeline is not replaced by the bundled one when it is another.
func TestOut_doesNotReplaceAPipelineOfTheUsersOwn(t *testing.T) {
	t.Parallel()
	s := installed(t)
	own := []byte("jobs:\n- name: mine\n  plan: [{get: r}]\nresources:\n- {name: r, type: time, source: {interval: 1h}}\n")
	if _, err := s.Concourse.SetPipeline(world.Team, "own", nil, own); err != nil {
		t.Fatal(err)
	}
	params := object{"pipeline": object{}}
	p := s.unchanged(t, func() process {
		return ask(t, "out", s.out(params), s.dir, "BUILD_PIPELINE_NAME=own", "BUILD_TEAM_NAME=main")
	})
	refused(t, p, "pipeline own", "params.pipeline.file", "params.pipeline.skip")
}

// in of a version that cannot be.
func TestIn_refusesAVersionThatCannotBe(t *testing.T) {
	t.Parallel()
	s := installed(t)
	other := render(t, template.File{Name: "other", Text: []byte("name: other\nreleases: []\nstemcells: []\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}\ninstance_groups: []\n")})
	if _, err := s.Director.Deploy(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source  object
		version any
		want    []string
	}{
		"no version":           {s.DeploymentSource(), nil, []string{"version", "missing"}},
		"no task":              {s.DeploymentSource(), object{"ref": "1"}, []string{"version", "task"}},
		"a task that is none":  {s.DeploymentSource(), object{"task": "one"}, []string{"version", "task"}},
		"a number":             {s.DeploymentSource(), object{"task": 1}, []string{"version.task", "want a string"}},
		"a task long gone":     {s.DeploymentSource(), object{"task": "4711"}, []string{"director task 4711", "forgotten", "check"}},
		"another deployment's": {s.DeploymentSource(), object{"task": "2"}, []string{"director task 2", `of other, not a deploy of concourse`}},
		"a component too many": {s.ComponentsSource(), object{"concourse": oldSet.Concourse, "uaa": "1.0.0"}, []string{"component uaa", "source.watch"}},
		"a component too few":  {s.ComponentsSource(), object{"concourse": oldSet.Concourse}, []string{"component", "run check again"}},
		"a withdrawn version":  {s.ComponentsSource(), changed(s.version(), "concourse", "9.9.9"), []string{"component concourse", "9.9.9", "withdrawn"}},
	} {
		t.Run(name, func(t *testing.T) {
			request := object{"source": c.source}
			if c.version != nil {
				request["version"] = c.version
			}
			dir := filepath.Join(t.TempDir(), "in")
			p := s.unchanged(t, func() process { return ask(t, "in", request, dir) })
			refused(t, p, c.want...)
			hides(t, p, credentials()...)
			if found := files(t, dir); len(found) != 0 {
				t.Errorf("it left %v", found)
			}
		})
	}
}

// changed is an object with one key changed.
func changed(o object, key string, value any) object {
	o[key] = value
	return o
}
