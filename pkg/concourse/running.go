package concourse

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// recentBuilds is how many of the newest builds StartedBuilds reads.
const recentBuilds = 500

// StartedBuilds lists the builds of all teams that are started, oldest first; of
// those that the user may see, which are all for an owner of the team main.
// Checks of resources are none of them. It fails with an error of package session, or
// the context's.
//
// No list of the API is complete by itself. The one of builds is paged, and going
// back in it page by page misses reruns of old builds. The one of jobs has only the
// oldest unfinished build of each, and neither one-off builds nor most reruns. The
// one of containers has only builds with a step that has a place on a worker. So
// this takes the union: the newest builds, the next build of every job, and every
// build that has containers. A build is missed only while all of this is so: the
// installation has 500 newer ones, it is not the oldest unfinished one of its job,
// and all its steps wait for a worker.
//
// That is one request in an installation with fewer than 500 builds, else four, one
// for each team, and one for each build that only a job or a container tells of.
func (c *Client) StartedBuilds(ctx context.Context) ([]Build, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s := search{api: c.api(ctx, ": it takes the role viewer in the team"), seen: map[int]bool{}, started: map[int]atc.Build{}, doubtful: map[int]bool{}}
	if err := s.run(); err != nil {
		return nil, c.explain("list the started builds", err)
	}
	list := make([]Build, 0, len(s.started))
	for _, id := range slices.Sorted(maps.Keys(s.started)) {
		list = append(list, newBuild(s.started[id]))
	}
	return list, nil
}

// search is one search for started builds.
type search struct {
	api      api.Client
	seen     map[int]bool      // builds whose state is known
	started  map[int]atc.Build // those that are started
	doubtful map[int]bool      // builds that may be started
}

func (s *search) run() error {
	if all, err := s.recent(); all || err != nil {
		return err
	}
	if err := s.jobs(); err != nil {
		return err
	}
	if err := s.containers(); err != nil {
		return err
	}
	for id := range s.doubtful {
		if s.seen[id] {
			continue
		}
		build, _, err := s.api.Build(strconv.Itoa(id))
		switch {
		case err == nil:
			s.take(build)
		case session.Status(err) != http.StatusNotFound: // its pipeline may be deleted meanwhile
			return err
		}
	}
	return nil
}

// recent reads the newest builds, and says whether these are all there are.
// Concourse sorts a rerun beside the build that it runs again. So a second page
// follows, from the oldest of the first one on: it begins with the reruns since
// then of builds before that.
func (s *search) recent() (all bool, err error) {
	newest, _, err := s.api.Builds(api.Page{Limit: recentBuilds})
	if err != nil {
		return false, err
	}
	s.take(newest...)
	if len(newest) < recentBuilds {
		return true, nil
	}
	oldest := newest[0].ID
	for _, b := range newest {
		if b.RerunOf == nil {
			oldest = min(oldest, b.ID)
		}
	}
	reruns, _, err := s.api.Builds(api.Page{From: oldest, Limit: recentBuilds})
	s.take(reruns...)
	return false, err
}

func (s *search) jobs() error {
	jobs, err := s.api.ListAllJobs()
	for _, j := range jobs {
		if j.FinishedBuild != nil { // its containers may be there still
			s.seen[j.FinishedBuild.ID] = true
		}
		if j.NextBuild != nil && j.NextBuild.Status == atc.StatusStarted {
			s.doubtful[j.NextBuild.ID] = true // it is, but this does not say who has triggered it
		}
	}
	return err
}

func (s *search) containers() error {
	teams, err := s.api.ListTeams()
	if err != nil {
		return err
	}
	for _, team := range teams {
		containers, err := s.api.Team(team.Name).ListContainers(nil)
		if err != nil && session.Status(err) != http.StatusNotFound { // the team may be gone meanwhile
			return err
		}
		for _, container := range containers {
			if container.BuildID > 0 && container.Type != "check" {
				s.doubtful[container.BuildID] = true
			}
		}
	}
	return nil
}

// take notes builds.
func (s *search) take(builds ...atc.Build) {
	for _, b := range builds {
		s.seen[b.ID] = true
		check := b.ResourceName != "" || b.JobName == "" && b.Name == "check"
		if b.Status == atc.StatusStarted && !check {
			s.started[b.ID] = b
		}
	}
}
