package auth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/auth"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func users(name, password string) map[string]secret.Value {
	return map[string]secret.Value{name: secret.New(password)}
}

func TestOps_refuseWhatConcourseWouldReadAnotherWay(t *testing.T) {
	cases := map[string]struct {
		users map[string]secret.Value
		want  string
	}{
		"its own user":            {users("perpetual", "x"), "auth.local_users.perpetual: this user is the pipeline's own"},
		"a password with a comma": {users("ada", "a,s3cret"), "auth.local_users.ada: the password is empty or has a comma"},
		"an empty password":       {users("ada", ""), "auth.local_users.ada: the password is empty"},
		"a user with a comma":     {users("a,b", "x"), "auth.local_users: a name is empty or has a comma"},
		"a user with a colon":     {users("a:b", "x"), "a name cannot have a colon"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := auth.Ops(config.Auth{LocalUsers: c.users}, auth.Own{Name: "perpetual", Password: "atc_password"}, "/web/")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestOps_ownerOfTheTeamMain(t *testing.T) {
	github := config.Auth{GitHub: &config.GitHubLogin{ClientID: "i", ClientSecret: secret.New("s")}, MainTeam: config.MainTeam{GitHubOrgs: []string{"acme"}}}
	cases := map[string]struct {
		auth  config.Auth
		owner bool
		want  string
	}{
		"nobody said":                 {config.Auth{}, false, "{local: {users: [admin]}}"},
		"nobody said, and our own":    {config.Auth{}, true, "{local: {users: [perpetual, admin]}}"},
		"all local users":             {config.Auth{LocalUsers: users("ada", "x")}, true, "{local: {users: [perpetual, ada]}}"},
		"an organisation":             {github, false, "{github: {orgs: [acme]}}"},
		"an organisation and our own": {github, true, "{github: {orgs: [acme]}, local: {users: [perpetual]}}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ops, _, err := auth.Ops(c.auth, auth.Own{Name: "perpetual", Password: "atc_password", Owner: c.owner}, "/web/")
			if err != nil {
				t.Fatal(err)
			}
			text, err := template.Render(template.Template{
				File: template.File{Name: "manifest", Text: []byte("web: {add_local_users: [], main_team: {}}\nvariables: []\n")}, OpsFiles: []template.File{ops}, Partial: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			var got, want struct {
				Web struct {
					MainTeam struct{ Auth any } `yaml:"main_team"`
				}
			}
			if err := yaml.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte("web: {main_team: {auth: "+c.want+"}}"), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the team main (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOps_showNoCredential(t *testing.T) {
	ops, values, err := auth.Ops(config.Auth{LocalUsers: users("ada", "pa55"), GitLab: &config.GitLabLogin{ClientID: "i", ClientSecret: secret.New("s3cret")}},
		auth.Own{Name: "perpetual", Password: "atc_password"}, "/web/")
	if err != nil {
		t.Fatal(err)
	}
	if text := string(ops.Text); strings.Contains(text, "pa55") || strings.Contains(text, "s3cret") {
		t.Errorf("the ops show a credential:\n%s", text)
	}
	if diff := cmp.Diff(map[string]any{"local_user_1_password": "pa55", "gitlab_client_secret": "s3cret"}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
