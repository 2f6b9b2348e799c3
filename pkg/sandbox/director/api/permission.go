package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// permission is what a route asks of the scopes of a token, as the director's
// source names them (permission_authorizer.rb).
type permission int

const (
	needsAdmin          permission = iota // what a route asks unless it says otherwise
	NeedsRead                             // bosh.read
	NeedsList                             // bosh.read, or an admin of any team
	NeedsReleaseUpload                    // bosh.releases.upload
	NeedsStemcellUpload                   // bosh.stemcells.upload
	NeedsConfigList                       // bosh.read, or anybody of any team
	NeedsTeam                             // an admin of any team
	NeedsDeployment                       // an admin of the deployment's teams
	NeedsDeploymentRead                   // the same, or bosh.read, or anybody of its teams
	NeedsDiff                             // needsDeployment, or needsTeam where there is none yet
	NeedsTask                             // an admin of the task's teams
	NeedsTaskRead                         // the same, or bosh.read, or anybody of its teams
)

var (
	anyTeamAdmin = regexp.MustCompile(`^bosh\.teams\.([^.]*)\.admin$`)
	anyTeam      = regexp.MustCompile(`^bosh\.teams\.[^.]*\.(admin|read)$`)
)

// matching are the scopes of a request that match.
func (c *Call) matching(pattern *regexp.Regexp) []string {
	return slices.DeleteFunc(slices.Clone(c.scopes), func(s string) bool { return !pattern.MatchString(s) })
}

// Teams are those that the caller is an admin of: what it makes belongs to them.
func (c *Call) Teams() []string {
	teams := []string{}
	for _, scope := range c.matching(anyTeamAdmin) {
		teams = append(teams, anyTeamAdmin.FindStringSubmatch(scope)[1])
	}
	return teams
}

// scope gives the two names of a scope of the whole director.
func (c *Call) scope(name string) []string {
	return []string{"bosh." + name, "bosh." + c.director + "." + name}
}

// owners say to which teams a deployment and a task belong, as a path names them, and
// whether there is one.
type owners interface {
	TeamsOfDeployment(name string) ([]string, bool)
	TeamsOfTask(name string) ([]string, bool)
}

// wanted lists the scopes of which a route asks for one.
func (c *Call) wanted(needs permission, owners owners) []string {
	list := c.scope("admin")
	switch needs {
	case NeedsRead:
		list = append(list, c.scope("read")...)
	case NeedsList:
		list = append(append(list, c.scope("read")...), c.matching(anyTeamAdmin)...)
	case NeedsReleaseUpload:
		list = append(list, "bosh.releases.upload")
	case NeedsStemcellUpload:
		list = append(list, "bosh.stemcells.upload")
	case NeedsConfigList:
		list = append(append(list, c.scope("read")...), c.matching(anyTeam)...)
	case NeedsTeam:
		list = append(list, c.matching(anyTeamAdmin)...)
	case NeedsDeployment, NeedsDeploymentRead, NeedsDiff:
		teams, exists := owners.TeamsOfDeployment(c.Params["deployment"])
		switch {
		case exists:
			list = c.scopesOf(teams, needs == NeedsDeploymentRead)
		case needs == NeedsDiff:
			list = append(list, c.matching(anyTeamAdmin)...)
		default: // the handler says that there is none
			list = append(list, c.scopes...)
		}
	case NeedsTask, NeedsTaskRead:
		teams, exists := owners.TeamsOfTask(c.Params["id"])
		if !exists { // as above
			return append(list, c.scopes...)
		}
		list = c.scopesOf(teams, needs == NeedsTaskRead)
	}
	return list
}

// scopesOf lists the scopes that let somebody change what belongs to teams, or read it.
func (c *Call) scopesOf(teams []string, read bool) []string {
	list := c.scope("admin")
	for _, team := range teams {
		list = append(list, "bosh.teams."+team+".admin")
	}
	if read {
		for _, team := range teams {
			list = append(list, "bosh.teams."+team+".read")
		}
		list = append(list, c.scope("read")...)
	}
	return list
}

// has says whether the caller has one of the scopes.
func (c *Call) has(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(c.scopes, s) })
}

// MayRead says whether the caller may read what belongs to teams.
func (c *Call) MayRead(teams []string) bool { return c.has(c.scopesOf(teams, true)) }

// unauthorized answers a caller that the director knows and that lacks a scope:
// with 401, as for one that it does not know, but with a code.
func (c *Call) unauthorized(scopes []string) {
	c.Fail(http.StatusUnauthorized, NewFailure(600000, "Require one of the scopes: %s", strings.Join(scopes, ", ")))
}

// permitted checks a route's permission; without it the answer is written.
func (c *Call) permitted(needs permission, owners owners) bool {
	scopes := c.wanted(needs, owners)
	if !c.has(scopes) {
		c.unauthorized(scopes)
		return false
	}
	return true
}

// Owns says whether the caller may change what belongs to teams; without that the
// answer is written.
func (c *Call) Owns(teams []string) bool {
	scopes := c.scopesOf(teams, false)
	if !c.has(scopes) {
		c.unauthorized(scopes)
		return false
	}
	return true
}
