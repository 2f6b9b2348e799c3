package endpoint_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// A person does not log in as the program where there is another way.
func TestPerson_isALocalUserOfTheTeamMain(t *testing.T) {
	users := map[string]secret.Value{"bob": secret.New("password-of-bob"), "ada": secret.New("password-of-ada")}
	credentials := map[string]any{"admin_password": "password-of-admin", "atc_password": "password-of-perpetual"}
	for name, c := range map[string]struct {
		auth config.Auth
		want string
	}{
		"nobody is configured":         {config.Auth{}, "admin"},
		"local users":                  {config.Auth{LocalUsers: users}, "ada"},
		"one of them is in the team":   {config.Auth{LocalUsers: users, MainTeam: config.MainTeam{LocalUsers: []string{"bob"}}}, "bob"},
		"none of them is in the team":  {config.Auth{LocalUsers: users, MainTeam: config.MainTeam{GitHubOrgs: []string{"acme"}}}, "perpetual"},
		"admin is not in the team":     {config.Auth{MainTeam: config.MainTeam{OIDCGroups: []string{"ops"}}}, "perpetual"},
		"a user of whom nothing known": {config.Auth{MainTeam: config.MainTeam{LocalUsers: []string{"eve"}}}, "perpetual"},
	} {
		t.Run(name, func(t *testing.T) {
			a := endpoint.Person("https://ci.example.com", &config.Config{Auth: c.auth}, credentials)
			if a.Username != c.want || a.Password.Reveal() != "password-of-"+c.want || a.URL != "https://ci.example.com" {
				t.Errorf("%s with %q at %s, want %s", a.Username, a.Password.Reveal(), a.URL, c.want)
			}
		})
	}
}
