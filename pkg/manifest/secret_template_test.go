package manifest_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"code.cloudfoundry.org/lager/v3"
	"github.com/concourse/concourse/atc/creds"
	concoursessm "github.com/concourse/concourse/atc/creds/ssm"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// ssmSettings are those of the web, as its job writes them, and of the pipeline's own
// var_source.
func ssmSettings(t *testing.T, in manifest.Input) (web, own object) {
	t.Helper()
	for _, g := range decoded(t, render(t, "concourse", in))["instance_groups"].([]any) {
		for _, j := range g.(object)["jobs"].([]any) {
			if p, ok := j.(object)["properties"].(object)["aws_ssm"].(object); ok {
				web = p
			}
		}
	}
	for _, s := range pipelineOf(t, in).VarSources {
		if s.Type == "ssm" {
			own = s.Config.(object)
		}
	}
	if web == nil || own == nil {
		t.Fatal("the web has no templates, or the pipeline no var_source")
	}
	return web, own
}

// lookup is where Concourse's own code looks for a variable.
type lookup func(team, pipeline, variable string) []string

// lookupOf is that by settings of SSM.
func lookupOf(t *testing.T, settings object) lookup {
	t.Helper()
	manager, err := concoursessm.NewSsmManagerFactory().NewInstance(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.Validate(); err != nil {
		t.Fatal(err)
	}
	var templates []*creds.SecretTemplate
	for _, key := range []string{"pipeline_secret_template", "team_secret_template"} {
		built, err := creds.BuildSecretTemplate(key, settings[key].(string))
		if err != nil {
			t.Fatal(err)
		}
		templates = append(templates, built)
	}
	secrets := concoursessm.NewSsm(lager.NewLogger("test"), nil, templates, "")
	return func(team, pipeline, variable string) (found []string) {
		for _, p := range secrets.NewSecretLookupPaths(team, pipeline, false) {
			name, err := p.VariableToSecretPath(variable)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, name)
		}
		return found
	}
}

// lookedUp is where a variable of the pipeline's own is looked for.
func lookedUp(t *testing.T, in manifest.Input, variable string) []string {
	t.Helper()
	_, own := ssmSettings(t, in)
	return lookupOf(t, own)(manifest.PipelineTeam, "self-upgrade", variable)
}

// TestTemplates_ofTheWebNeverReachThePipelinesOwn: whatever a team, a pipeline and a
// variable are called, by the web's templates nobody names a parameter of the pipeline's
// own, of this installation or of another. SSM and IAM take a name as it is, without
// parents and escapes.
func TestTemplates_ofTheWebNeverReachThePipelinesOwn(t *testing.T) {
	names := []string{
		"main", "perpetual", "self-upgrade", "ci", "perpetual-own", "/perpetual-own/ci", "perpetual-own/ci/aws_key",
		"", ".", "..", "../..", "../../perpetual-own/ci", "../../../perpetual-own/ci", "../../../../perpetual-own/ci/aws_key", "/", "//", "/..", "..//",
		"%2e%2e", "%2F", "%2e%2e%2f%2e%2e%2fperpetual-own", "..%2f..%2fperpetual-own%2fci", "%00", "a b", "ä", "{{.Secret}}", "{{.Team}}/..", "((own:aws_key))", "*", "ci2", "ci-2",
	}
	for title, in := range inputs(t) {
		web, own := ssmSettings(t, in)
		byWeb, byOwn := lookupOf(t, web), lookupOf(t, own)
		root := path.Dir(manifest.OwnPath(in))
		for _, team := range names {
			for _, pipeline := range names {
				for _, variable := range names {
					for _, found := range byWeb(team, pipeline, variable) {
						if !strings.HasPrefix(found, "/perpetual/") || strings.HasPrefix(found, root) {
							t.Fatalf("%s: ((%s)) of %s/%s is looked for at %s", title, variable, team, pipeline, found)
						}
					}
				}
			}
		}
		for _, variable := range []string{"aws_key", "director_password"} {
			for _, found := range byOwn(manifest.PipelineTeam, "self-upgrade", variable) {
				if found != manifest.OwnPath(in)+"/"+variable {
					t.Errorf("%s: ((own:%s)) is looked for at %s", title, variable, found)
				}
			}
		}
	}
}

// TestCheck_refusesTemplatesThatConcourseRefuses compares what is refused with Concourse's
// own code.
func TestCheck_refusesTemplatesThatConcourseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"/perpetual/ci/{{.Team}}/{{.Secret}}": "",
		"/x/{{.Secret}}":                      "",
		"/x":                                  "",
		"/x/{{.InstanceVars}}/{{.Secret}}":    "want {{.Team}}, {{.Pipeline}} and {{.Secret}}, which Concourse fills in, and nothing else",
		"/x/{{.Team.Name}}":                   "and nothing else",
		"/x/{{.Team":                          "parse it as Concourse does",
		"/x/{{call .Team}}":                   "and nothing else",
		"":                                    "not empty",
		"  ":                                  "not empty",
		"{{/* nothing */}}":                   "not empty",
		`/x/{{printf "%s" .Secret}}`:          "",
		`{{if eq .Team "main"}}/y{{end}}/{{.Secret}}`: "",
	} {
		_, theirs := creds.BuildSecretTemplate("template", text)
		if (theirs != nil) != (want != "") {
			t.Errorf("Concourse says %v of %q", theirs, text)
		}
		for key, c := range map[string]struct{ path, file string }{
			"manifest.ops_files[0]": {"/instance_groups/name=web/jobs/name=web/properties/aws_ssm/team_secret_template", "manifest: {ops_files: [x.yml]}\n"},
			"pipeline.ops_files[0]": {"/var_sources/name=own/config/pipeline_secret_template", "pipeline: {ops_files: [x.yml]}\n"},
		} {
			ops := []template.File{{Name: "x.yml", Text: fmt.Appendf(nil, "- {type: replace, path: %s, value: %q}\n", c.path, text)}}
			u := manifest.User{OpsFiles: ops}
			if strings.HasPrefix(key, "pipeline") {
				u = manifest.User{PipelineOpsFiles: ops}
			}
			problems := overlay.Check(parse(t, plain+c.file), u)
			if want == "" {
				if problems != nil {
					t.Errorf("%s: %q is refused: %v", key, text, problems)
				}
				continue
			}
			i := slices.IndexFunc(problems, func(p schema.Problem) bool { return p.Key == key && strings.Contains(p.Text, want) })
			if i < 0 || strings.Contains(problems[i].Text, "\n") {
				t.Errorf("%s: of %q it says %v, want one line with %q", key, text, problems, want)
			}
		}
	}
}

// What the golden files are made of, and the defaults, have nothing wrong with them. The
// empty layer of variables has each looked at: without any file there is nothing to find.
func TestCheck_findsNothingWrongWithWhatRenders(t *testing.T) {
	for name, in := range inputs(t) {
		in.User.Vars = append(in.User.Vars, map[string]any{})
		if problems := overlay.Check(in.Config, in.User); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
