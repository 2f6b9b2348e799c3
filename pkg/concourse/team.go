package concourse

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// TeamChange says how a team differs from what is wanted. Neither Created nor Updated:
// it has exactly the members that it should have.
type TeamChange struct {
	Created, Updated bool
	Members          []string // as they are now, with their roles: "owner local:ada"; empty for a team that is not there
}

// localRole is the auth of a team in which local users have one role, as the API has
// it.
func localRole(role string, users []string) atc.TeamAuth {
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = "local:" + strings.ToLower(user)
	}
	slices.Sort(ids)
	return atc.TeamAuth{role: {"users": ids, "groups": {}}}
}

// members lists whom an auth names, sorted. A role without anybody is as good as none.
func members(auth atc.TeamAuth) []string {
	list := []string{}
	for role, named := range auth {
		for _, kind := range slices.Sorted(maps.Keys(named)) {
			for _, who := range named[kind] {
				list = append(list, role+" "+session.OneLine(who))
			}
		}
	}
	slices.Sort(list)
	return list
}

// DiffTeam says what SetTeam would change. It fails with an error of package session,
// or the context's.
func (c *Client) DiffTeam(ctx context.Context, team, role string, users []string) (TeamChange, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.api(ctx, ownerRight(team)).FindTeam(team)
	if session.Status(err) == http.StatusNotFound {
		return TeamChange{Created: true}, nil
	}
	if err != nil {
		return TeamChange{}, c.explain("read team "+session.OneLine(team), session.Bare(err))
	}
	now := members(found.Auth())
	return TeamChange{Updated: !slices.Equal(now, members(localRole(role, users))), Members: now}, nil
}

// SetTeam makes a team exist in which those local users have a role and nobody else has
// any; owners of the team main may do everything in it all the same. It sends nothing
// when it is so already. Making a team takes an owner of the team main. It fails as
// DiffTeam does.
func (c *Client) SetTeam(ctx context.Context, team, role string, users []string) (TeamChange, error) {
	change, err := c.DiffTeam(ctx, team, role, users)
	if err != nil || !change.Created && !change.Updated {
		return change, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, _, _, warnings, err := c.api(ctx, ownerRight(team)).Team(team).CreateOrUpdate(atc.Team{Auth: localRole(role, users)})
	for _, w := range warnings {
		c.session.Notify(fmt.Sprintf("team %s: %s: %s", session.OneLine(team), w.Type, session.OneLine(w.Message)))
	}
	return change, c.explainIf("set team "+session.OneLine(team), session.Bare(err))
}

// ArchivePipeline takes the config of a pipeline away, in the team of the client: it
// runs no more, and its builds can still be looked at. Archiving again changes nothing.
// It fails with ErrNoPipeline, and otherwise as SetTeam does.
func (c *Client) ArchivePipeline(ctx context.Context, p Pipeline) error {
	return c.setPaused(ctx, "archive", "", p, api.Team.ArchivePipeline)
}
