package check_test

import (
	"strings"
	"testing"
)

// connectors are what each login needs, by key: its keys with a value.
var connectors = map[string][]string{
	"github": {"client_id: i", "client_secret: s"},
	"gitlab": {"client_id: i", "client_secret: s"},
	"oidc":   {"client_id: i", "client_secret: s", "issuer: 'https://l'"},
}

func TestConfig_wantsAllThatAConnectorNeeds(t *testing.T) {
	for connector, keys := range connectors {
		says(t, connector, onAWS+"auth: {"+connector+": {"+strings.Join(keys, ", ")+"}}")
		var all []string
		for i, key := range keys {
			name, _, _ := strings.Cut(key, ":")
			want := "auth." + connector + "." + name + ": is required with auth." + connector
			all = append(all, want)
			rest := append(append([]string{}, keys[:i]...), keys[i+1:]...)
			says(t, connector+" without "+name, onAWS+"auth: {"+connector+": {"+strings.Join(rest, ", ")+"}}", want)
		}
		if connector == "oidc" { // in the order of the file
			all = []string{all[2], all[0], all[1]}
		}
		says(t, connector+" alone", onAWS+"auth: {"+connector+": {}}", all...)
	}
	says(t, "null for none", onAWS+"auth: {github: null}")
}

// Who is in the team by a connector that there is not cannot log in.
func TestConfig_wantsTheConnectorOfEachMember(t *testing.T) {
	for member, connector := range map[string]string{
		"github_users: [ada]": "github", "github_orgs: [o]": "github", "github_teams: ['o:t']": "github",
		"gitlab_users: [ada]": "gitlab", "gitlab_groups: [g]": "gitlab", "oidc_users: [ada]": "oidc", "oidc_groups: [g]": "oidc",
	} {
		key, _, _ := strings.Cut(member, ":")
		want := "auth.main_team." + key + ": nobody can log in like this: auth." + connector + " is not set"
		for there, keys := range connectors {
			text := onAWS + "auth: {main_team: {" + member + "}, " + there + ": {" + strings.Join(keys, ", ") + ", groups_key: g}}"
			if there != "oidc" {
				text = strings.Replace(text, ", groups_key: g", "", 1)
			}
			if there == connector {
				says(t, member+" with "+there, text)
			} else {
				says(t, member+" with "+there, text, want)
			}
		}
		says(t, member+" alone", onAWS+"auth: {main_team: {"+member+"}}", want)
	}
	says(t, "nobody", onAWS+"auth: {main_team: {github_users: [], oidc_groups: []}}")
}

func TestConfig_remindsOfTheClaimOfGroups(t *testing.T) {
	const oidc = onAWS + "auth: {oidc: {client_id: i, client_secret: s, issuer: 'https://l'%s}, main_team: {%s}}"
	of := func(key, team string) string {
		return strings.Replace(strings.Replace(oidc, "%s", key, 1), "%s", team, 1)
	}
	says(t, "groups", of("", "oidc_groups: [g]"), "warning: auth.oidc.groups_key: is not set; Concourse looks for groups in the claim groups")
	says(t, "groups and the claim", of(", groups_key: roles", "oidc_groups: [g]"))
	says(t, "users", of("", "oidc_users: [ada]"))
}

func TestConfig_wantsTheLocalUsersOfTheTeam(t *testing.T) {
	const ada = "auth: {local_users: {ada: x, bob: x}, main_team: {local_users: [%s]}}"
	for users, want := range map[string][]string{
		"ada": nil, "ada, bob": nil, "bob": nil, "": nil,
		"admin":    {"auth.main_team.local_users[0]: admin is not in auth.local_users"},
		"ada, eve": {"auth.main_team.local_users[1]: eve is not in auth.local_users"},
		"Ada":      {"auth.main_team.local_users[0]: Ada is not in auth.local_users"},
		"x, y":     {"auth.main_team.local_users[0]: x is not in", "auth.main_team.local_users[1]: y is not in"},
	} {
		says(t, users, onAWS+strings.Replace(ada, "%s", users, 1), want...)
	}
	says(t, "the generated one", onAWS+"auth: {main_team: {local_users: [admin]}}")
	says(t, "no generated one", onAWS+"auth: {main_team: {local_users: [ada]}}", "auth.main_team.local_users[0]: ada is not in auth.local_users")
	says(t, "the pipeline's own", onAWS+"auth: {local_users: {perpetual: x}}", "auth.local_users.perpetual: this user is the pipeline's own")
	says(t, "one that begins like it", onAWS+"auth: {local_users: {perpetual2: x}}")
	// A team without local users is none of which the installer knows a password.
	says(t, "an emptied team", onAWS+"pipeline: {quiet_upgrades: false}\nauth: {main_team: {local_users: []}}", "pipeline.quiet_upgrades: false needs a local user")
}
