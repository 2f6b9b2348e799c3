package check

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// login looks at who may log in: that each connector has what it needs, and that
// nobody is in the main team by a connector that there is not.
func (v *validator) login() {
	a := v.c.Auth
	if g := a.GitHub; g != nil {
		v.client("auth.github", g.ClientID == "", g.ClientSecret.Empty())
	}
	if g := a.GitLab; g != nil {
		v.client("auth.gitlab", g.ClientID == "", g.ClientSecret.Empty())
	}
	if o := a.OIDC; o != nil {
		v.client("auth.oidc", o.ClientID == "", o.ClientSecret.Empty())
		if o.Issuer == "" {
			v.wrong("auth.oidc.issuer", "is required with auth.oidc")
		}
		if o.GroupsKey == "" && len(a.MainTeam.OIDCGroups) > 0 {
			v.warn("auth.oidc.groups_key", "is not set; Concourse looks for groups in the claim groups")
		}
	}
	m := a.MainTeam
	for _, members := range []struct {
		names     []string
		key       string
		connector string
		there     bool
	}{
		{m.GitHubUsers, "github_users", "auth.github", a.GitHub != nil},
		{m.GitHubOrgs, "github_orgs", "auth.github", a.GitHub != nil},
		{m.GitHubTeams, "github_teams", "auth.github", a.GitHub != nil},
		{m.GitLabUsers, "gitlab_users", "auth.gitlab", a.GitLab != nil},
		{m.GitLabGroups, "gitlab_groups", "auth.gitlab", a.GitLab != nil},
		{m.OIDCUsers, "oidc_users", "auth.oidc", a.OIDC != nil},
		{m.OIDCGroups, "oidc_groups", "auth.oidc", a.OIDC != nil},
	} {
		if len(members.names) > 0 && !members.there {
			v.wrong("auth.main_team."+members.key, "nobody can log in like this: %s is not set", members.connector)
		}
	}
	v.localUsers()
}

// client looks at the credentials of a connector.
func (v *validator) client(key string, noID, noSecret bool) {
	if noID {
		v.wrong(key+".client_id", "is required with %s", key)
	}
	if noSecret {
		v.wrong(key+".client_secret", "is required with %s", key)
	}
}

// knownOwner says whether the team main has a local user, whose password is known here.
func (v *validator) knownOwner() bool {
	team := v.c.Auth.MainTeam
	return len(team.LocalUsers) > 0 || reflect.ValueOf(team).IsZero()
}

// localUsers holds the main team's local users against those that there are, and
// keeps the name of this project's own user free.
func (v *validator) localUsers() {
	if _, taken := v.c.Auth.LocalUsers[config.ATCUser]; taken {
		v.wrong("auth.local_users."+config.ATCUser, "this user is the pipeline's own; choose another name")
	}
	users := []string{"admin"}
	if v.c.Auth.LocalUsers != nil {
		users = users[:0]
		for name := range v.c.Auth.LocalUsers {
			users = append(users, name)
		}
	}
	for i, name := range v.c.Auth.MainTeam.LocalUsers {
		if !slices.Contains(users, name) {
			v.wrong(fmt.Sprintf("auth.main_team.local_users[%d]", i), "%s is not in auth.local_users", name)
		}
	}
}
