// Package auth writes who may log in at Concourse, as operations on its manifest.
package auth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// AdminPassword is the name of the credential of the local user admin, who is there
// when the configuration names no local users.
const AdminPassword = "admin_password"

// connectors are the operations, and the values that they name.
type connectors struct {
	own    Own
	at     string
	ops    []template.Operation
	values map[string]any
}

// Own is the local user that the pipeline logs in as.
type Own struct {
	Name     string // "perpetual"
	Password string // the variable with the password, "atc_password"
	Owner    bool   // of the team main
}

// Ops gives the ops of the section auth, and the values of their variables: operations
// show no credential. properties is where those of the web are in the manifest.
func Ops(a config.Auth, own Own, properties string) (template.File, map[string]any, error) {
	c := connectors{own: own, at: properties, values: map[string]any{}}
	users, err := c.localUsers(a.LocalUsers)
	if err != nil {
		return template.File{}, nil, err
	}
	if g := a.GitHub; g != nil {
		c.oauth("github", g.Host, g.CACert, g.ClientID, g.ClientSecret)
	}
	if g := a.GitLab; g != nil {
		c.oauth("gitlab", g.Host, "", g.ClientID, g.ClientSecret)
	}
	if a.OIDC != nil {
		c.oidc(*a.OIDC)
	}
	c.mainTeam(a.MainTeam, users)
	file, err := template.Ops("auth", c.ops...)
	return file, c.values, err
}

// set notes a property of the web.
func (c *connectors) set(property string, value any) {
	c.ops = append(c.ops, template.Replace(c.at+property, value))
}

// keep notes a value and gives the text that stands for it.
func (c *connectors) keep(name string, value secret.Value) string {
	c.values[name] = value.Reveal()
	return "((" + name + "))"
}

// localUsers adds the local users, and the one that this project logs in as. It
// gives the names of the others.
func (c *connectors) localUsers(given map[string]secret.Value) ([]string, error) {
	users := slices.Sorted(maps.Keys(given))
	list := []any{c.own.Name + ":((" + c.own.Password + "))"}
	for n, user := range users {
		if user == c.own.Name {
			return nil, fmt.Errorf("auth.local_users.%s: this user is the pipeline's own; choose another name", user)
		}
		if err := checkText("auth.local_users: a name", user); err != nil {
			return nil, err
		}
		if strings.Contains(user, ":") {
			return nil, fmt.Errorf("auth.local_users.%s: a name cannot have a colon", user)
		}
		if err := checkText("auth.local_users."+user+": the password", given[user].Reveal()); err != nil {
			return nil, err
		}
		list = append(list, user+":"+c.keep(fmt.Sprintf("local_user_%d_password", n+1), given[user]))
	}
	if len(users) == 0 {
		users = []string{"admin"}
		list = append(list, "admin:(("+AdminPassword+"))")
		c.ops = append(c.ops, template.Replace("/variables/-", map[string]any{"name": AdminPassword, "type": "password", "options": map[string]any{"length": 24}}))
	}
	c.set("add_local_users", list)
	return users, nil
}

// oauth adds GitHub or GitLab.
func (c *connectors) oauth(name, host, authority, id string, key secret.Value) {
	properties := map[string]any{
		"client_id":     id,
		"client_secret": c.keep(name+"_client_secret", key),
	}
	if host != "" {
		properties["host"] = host
	}
	if authority != "" {
		properties["ca_cert"] = map[string]any{"certificate": authority}
	}
	c.set(name+"_auth?", properties)
}

// oidc adds a generic provider.
func (c *connectors) oidc(o config.OIDC) {
	properties := map[string]any{
		"issuer":        o.Issuer,
		"client_id":     o.ClientID,
		"client_secret": c.keep("oidc_client_secret", o.ClientSecret),
	}
	if o.DisplayName != "" {
		properties["display_name"] = o.DisplayName
	}
	if len(o.Scopes) > 0 {
		properties["scopes"] = o.Scopes
	}
	if o.GroupsKey != "" {
		properties["groups_key"] = o.GroupsKey
	}
	if o.CACert != "" {
		properties["ca_cert"] = map[string]any{"certificate": o.CACert}
	}
	c.set("generic_oidc?", properties)
}

// mainTeam says who owns the team main: those who are named, or all local users
// when nobody is, and our own.
func (c *connectors) mainTeam(team config.MainTeam, users []string) {
	named := map[string]map[string][]string{
		"local":  {"users": team.LocalUsers},
		"github": {"users": team.GitHubUsers, "orgs": team.GitHubOrgs, "teams": team.GitHubTeams},
		"gitlab": {"users": team.GitLabUsers, "groups": team.GitLabGroups},
		"oidc":   {"users": team.OIDCUsers, "groups": team.OIDCGroups},
	}
	auth, anybody := map[string]any{}, false
	for connector, kinds := range named {
		members := map[string]any{}
		for kind, list := range kinds {
			if len(list) > 0 {
				members[kind], anybody = list, true
			}
		}
		if len(members) > 0 {
			auth[connector] = members
		}
	}
	local := team.LocalUsers
	if !anybody {
		local = users
	}
	if c.own.Owner {
		local = slices.Concat([]string{c.own.Name}, local)
	}
	if len(local) > 0 {
		auth["local"] = map[string]any{"users": local}
	}
	c.set("main_team", map[string]any{"auth": auth})
}

// checkText says whether a text can be an item of a list that Concourse splits at
// commas.
func checkText(what, text string) error {
	if text == "" || strings.ContainsAny(text, ",\n") {
		return fmt.Errorf("%s is empty or has a comma in it, at which Concourse splits the list", what)
	}
	return nil
}
