package concourse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"
)

// ErrNoPipeline says that there is no pipeline of a name in the team.
var ErrNoPipeline = errors.New("no such pipeline")

// Pipelines lists the pipelines of all teams that the user may see, archived ones
// too; an owner of the team main sees all. It fails with ErrLogin, *StatusError, a
// transport error, or the context's error.
func (c *Client) Pipelines(ctx context.Context) ([]PipelineState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := c.api(&call{ctx: ctx, client: c, login: true}).ListPipelines()
	if err != nil {
		return nil, c.explain("list the pipelines", err)
	}
	states := make([]PipelineState, 0, len(list))
	for _, p := range list {
		states = append(states, PipelineState{
			Pipeline: Pipeline{Name: p.Name, InstanceVars: p.InstanceVars},
			ID:       p.ID, Team: p.TeamName, Paused: p.Paused, PausedBy: p.PausedBy, PausedAt: seconds(p.PausedAt), Archived: p.Archived,
		})
	}
	return states, nil
}

// PausePipeline has a pipeline of any team start no new builds; an empty team is
// the client's. Of one that is paused already nothing changes, not even who has
// paused it. It fails with ErrNoPipeline, and otherwise as Pipelines does.
func (c *Client) PausePipeline(ctx context.Context, team string, p Pipeline) error {
	return c.setPaused(ctx, "pause", team, p, api.Team.PausePipeline)
}

// UnpausePipeline lets a pipeline run, which Concourse creates paused. Letting a
// running one run changes nothing. It fails as PausePipeline does.
func (c *Client) UnpausePipeline(ctx context.Context, team string, p Pipeline) error {
	return c.setPaused(ctx, "unpause", team, p, api.Team.UnpausePipeline)
}

func (c *Client) setPaused(ctx context.Context, action, team string, p Pipeline, set func(api.Team, atc.PipelineRef) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	team = cmp.Or(team, c.team)
	ref, err := p.ref()
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("%s pipeline %s of team %s", action, p, team)
	found, err := set(c.api(&call{
		ctx: ctx, client: c, login: true, right: operatorRight(team),
		pass: func(status int) bool { return status == http.StatusNotFound },
	}).Team(team), ref)
	if err == nil && !found {
		return fmt.Errorf("%s: %w", doing, ErrNoPipeline)
	}
	return c.explainIf(doing, err)
}

// operatorRight is what pausing a team's pipelines and triggering its jobs takes,
// in the words of a refusal.
func operatorRight(team string) string {
	if team == atc.DefaultTeamName {
		return "it takes the role pipeline-operator, member or owner in team main"
	}
	return fmt.Sprintf("it takes the role pipeline-operator, member or owner in team %s, or an owner of the team main", team)
}

// seconds is a time as the API gives it; 0 stands for none.
func seconds(unix int64) time.Time {
	if unix <= 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
