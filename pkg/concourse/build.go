package concourse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

var (
	// ErrNoBuild says that there is no build of an id.
	ErrNoBuild = errors.New("no such build")
	// ErrNoJob says that there is no job of a name, or no such pipeline.
	ErrNoJob = errors.New("no such job or pipeline")
)

// Build gives a build of any team by its id. It fails with ErrNoBuild, an error of
// package session, or the context's.
func (c *Client) Build(ctx context.Context, id int) (Build, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	doing := fmt.Sprintf("read build %d", id)
	found, _, err := c.api(ctx, ": it takes the role viewer in the build's team").Build(strconv.Itoa(id))
	if session.Status(err) == http.StatusNotFound {
		return Build{}, fmt.Errorf("%s: %w", doing, ErrNoBuild)
	}
	if err == nil && found.ID == 0 {
		err = errNoBuild
	}
	if err != nil {
		return Build{}, c.explain(doing, err)
	}
	return newBuild(found), nil
}

// errNoBuild is about an answer of something that is not an ATC.
var errNoBuild = errors.New("the answer names no build; is this really Concourse?")

// TriggerJob creates a build of a job of the client's team, as a person does by
// hand. It is pending until Concourse starts it, and as long as the pipeline or
// the job is paused. It fails with ErrNoJob, and otherwise as Build does; without
// an answer nobody knows whether it was triggered, and it is not repeated.
func (c *Client) TriggerJob(ctx context.Context, p Pipeline, job string) (Build, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ref, err := p.ref()
	if err != nil {
		return Build{}, err
	}
	doing := fmt.Sprintf("trigger job %s of pipeline %s", session.OneLine(job), p)
	if job == "" || strings.ContainsAny(job, "/?#") {
		return Build{}, fmt.Errorf("%s: that is not a valid job name", doing)
	}
	created, err := c.api(ctx, operatorRight(c.team)).Team(c.team).CreateJobBuild(ref, job)
	switch {
	case err == nil && created.ID == 0:
		err = errNoBuild
	case err == nil:
		return newBuild(created), nil
	case session.Status(err) == http.StatusNotFound:
		return Build{}, fmt.Errorf("%s: %w", doing, ErrNoJob)
	case session.Status(err) == http.StatusConflict:
		return Build{}, fmt.Errorf("%w; the job has disable_manual_trigger, or the pipeline is archived", c.explain(doing, err))
	case session.Lost(err):
		return Build{}, fmt.Errorf("%w; whether it was triggered is not known: look at the job's builds", c.explain(doing, err))
	}
	return Build{}, c.explain(doing, err)
}

// User says who the client is logged in as. It fails with an error of package
// session, or the context's.
func (c *Client) User(ctx context.Context) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := c.api(ctx, memberRight(c.team)).UserInfo()
	if err != nil {
		return User{}, c.explain("read who is logged in", err)
	}
	user := User{Name: cmp.Or(info.DisplayUserId, info.UserName, info.Name), Admin: info.IsAdmin, Teams: info.Teams}
	if user.Name == "" {
		return User{}, c.explain("read who is logged in", errors.New("the answer names no user; is this really Concourse?"))
	}
	return user, nil
}

// newBuild is a build in the words of this package.
func newBuild(b atc.Build) Build {
	build := Build{
		ID: b.ID, Team: b.TeamName, Pipeline: b.PipelineName, InstanceVars: b.PipelineInstanceVars, Job: b.JobName,
		Name: b.Name, Status: string(b.Status), StartTime: seconds(b.StartTime),
	}
	if b.CreatedBy != nil {
		build.CreatedBy = *b.CreatedBy
	}
	return build
}
