package director

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
	needsRead                             // bosh.read
	needsList                             // bosh.read, or an admin of any team
	needsReleaseUpload                    // bosh.releases.upload
	needsStemcellUpload                   // bosh.stemcells.upload
	needsConfigList                       // bosh.read, or anybody of any team
	needsTeam                             // an admin of any team
	needsDeployment                       // an admin of the deployment's teams
	needsDeploymentRead                   // the same, or bosh.read, or anybody of its teams
	needsDiff                             // needsDeployment, or needsTeam where there is none yet
	needsTask                             // an admin of the task's teams
	needsTaskRead                         // the same, or bosh.read, or anybody of its teams
)

var (
	anyTeamAdmin = regexp.MustCompile(`^bosh\.teams\.([^.]*)\.admin$`)
	anyTeam      = regexp.MustCompile(`^bosh\.teams\.[^.]*\.(admin|read)$`)
)

// matching are the scopes of a request that match.
func (c *call) matching(pattern *regexp.Regexp) []string {
	return slices.DeleteFunc(slices.Clone(c.scopes), func(s string) bool { return !pattern.MatchString(s) })
}

// teams are those that the caller is an admin of: what it makes belongs to them.
func (c *call) teams() []string {
	teams := []string{}
	for _, scope := range c.matching(anyTeamAdmin) {
		teams = append(teams, anyTeamAdmin.FindStringSubmatch(scope)[1])
	}
	return teams
}

// scope gives the two names of a scope of the whole director.
func (c *call) scope(name string) []string {
	return []string{"bosh." + name, "bosh." + c.director + "." + name}
}

// owners say to which teams a deployment and a task belong, as a path names them, and
// whether there is one.
type owners interface {
	TeamsOfDeployment(name string) ([]string, bool)
	TeamsOfTask(name string) ([]string, bool)
}

// wanted lists the scopes of which a route asks for one.
func (c *call) wanted(needs permission, owners owners) []string {
	list := c.scope("admin")
	switch needs {
	case needsRead:
		list = append(list, c.scope("read")...)
	case needsList:
		list = append(append(list, c.scope("read")...), c.matching(anyTeamAdmin)...)
	case needsReleaseUpload:
		list = append(list, "bosh.releases.upload")
	case needsStemcellUpload:
		list = append(list, "bosh.stemcells.upload")
	case needsConfigList:
		list = append(append(list, c.scope("read")...), c.matching(anyTeam)...)
	case needsTeam:
		list = append(list, c.matching(anyTeamAdmin)...)
	case needsDeployment, needsDeploymentRead, needsDiff:
		teams, exists := owners.TeamsOfDeployment(c.params["deployment"])
		switch {
		case exists:
			list = c.scopesOf(teams, needs == needsDeploymentRead)
		case needs == needsDiff:
			list = append(list, c.matching(anyTeamAdmin)...)
		default: // the handler says that there is none
			list = append(list, c.scopes...)
		}
	case needsTask, needsTaskRead:
		teams, exists := owners.TeamsOfTask(c.params["id"])
		if !exists { // as above
			return append(list, c.scopes...)
		}
		list = c.scopesOf(teams, needs == needsTaskRead)
	}
	return list
}

// scopesOf lists the scopes that let somebody change what belongs to teams, or read it.
func (c *call) scopesOf(teams []string, read bool) []string {
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
func (c *call) has(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(c.scopes, s) })
}

// mayRead says whether the caller may read what belongs to teams.
func (c *call) mayRead(teams []string) bool { return c.has(c.scopesOf(teams, true)) }

// unauthorized answers a caller that the director knows and that lacks a scope:
// with 401, as for one that it does not know, but with a code.
func (c *call) unauthorized(scopes []string) {
	c.fail(http.StatusUnauthorized, failure(600000, "Require one of the scopes: %s", strings.Join(scopes, ", ")))
}

// permitted checks a route's permission; without it the answer is written.
func (c *call) permitted(needs permission, owners owners) bool {
	scopes := c.wanted(needs, owners)
	if !c.has(scopes) {
		c.unauthorized(scopes)
		return false
	}
	return true
}

// owns says whether the caller may change what belongs to teams; without that the
// answer is written.
func (c *call) owns(teams []string) bool {
	scopes := c.scopesOf(teams, false)
	if !c.has(scopes) {
		c.unauthorized(scopes)
		return false
	}
	return true
}
