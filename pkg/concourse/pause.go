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
// too; an owner of the team main sees all. It fails with an error of package session,
// or the context's.
func (c *Client) Pipelines(ctx context.Context) ([]PipelineState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := c.api(ctx, memberRight(c.team)).ListPipelines()
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
	found, err := set(c.api(ctx, operatorRight(team), http.StatusNotFound).Team(team), ref)
	if err == nil && !found {
		return fmt.Errorf("%s: %w", doing, ErrNoPipeline)
	}
	return c.explainIf(doing, err)
}

// seconds is a time as the API gives it; 0 stands for none.
func seconds(unix int64) time.Time {
	if unix <= 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
