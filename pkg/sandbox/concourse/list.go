package concourse

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/concourse/concourse/atc"
)

// shown is the build as the API shows it.
func (b *Build) shown() atc.Build {
	shown := atc.Build{
		ID: b.id, TeamName: b.team, Name: b.name, Status: b.status, APIURL: fmt.Sprintf("/api/v1/builds/%d", b.id), JobName: b.job,
	}
	if b.pipeline != nil {
		shown.PipelineID, shown.PipelineName, shown.PipelineInstanceVars = b.pipeline.id, b.pipeline.ref.Name, b.pipeline.ref.InstanceVars
	}
	if b.user != "" {
		shown.CreatedBy = &b.user
	}
	if b.rerunOf != nil {
		shown.RerunOf, shown.RerunNumber = &atc.RerunOfBuild{ID: b.rerunOf.id, Name: b.rerunOf.name}, b.reruns
	}
	if !b.started.IsZero() {
		shown.StartTime = b.started.Unix()
	}
	if !b.ended.IsZero() {
		shown.EndTime = b.ended.Unix()
	}
	return shown
}

// order is where a build stands in lists: a rerun beside its first run.
func (b *Build) order() int {
	if b.rerunOf != nil {
		return b.rerunOf.id
	}
	return b.id
}

// list shows a page of builds, newest first, as getBuildsWithPagination of atc/db
// chooses it: `from` and `to` bound the ids, but a rerun stands beside its first
// run. So a list that is read page by page back to the past misses reruns.
func (s *Server) list(r *asked, wanted func(*Build) bool) reply {
	var all []*Build
	for _, b := range s.builds {
		if s.may(r.user, b.team, Viewer) && wanted(b) {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b *Build) int { return cmp.Or(b.order()-a.order(), b.id-a.id) })
	from, to := number(r, atc.PaginationQueryFrom), number(r, atc.PaginationQueryTo)
	if from > 0 && to > 0 && from > to {
		return reply{status: http.StatusInternalServerError}
	}
	page := slices.DeleteFunc(slices.Clone(all), func(b *Build) bool { return b.id < from || to > 0 && b.id > to })
	if n := limit(r); len(page) > n && from > 0 {
		page = page[len(page)-n:]
	} else if len(page) > n {
		page = page[:n]
	}
	if from > 0 && to > 0 {
		slices.Reverse(page)
	}
	shown := []atc.Build{}
	for _, b := range page {
		shown = append(shown, b.shown())
	}
	return reply{value: shown, links: s.links(r, all, page)}
}

// links lead to the pages before and after one.
func (s *Server) links(r *asked, all, page []*Build) (links []string) {
	if len(page) == 0 {
		return nil
	}
	link := func(query string, id int, rel string) {
		links = append(links, fmt.Sprintf(`<%s%s?%s=%d&limit=%d>; rel="%s"`, s.options.ExternalURL, r.URL.Path, query, id, limit(r), rel))
	}
	newest, oldest := page[0].id, page[len(page)-1].id
	if i := slices.IndexFunc(all, func(b *Build) bool { return b.id < oldest }); i >= 0 {
		link(atc.PaginationQueryTo, all[i].id, atc.LinkRelNext)
	}
	for _, b := range slices.Backward(all) {
		if b.id > newest {
			link(atc.PaginationQueryFrom, b.id, atc.LinkRelPrevious)
			break
		}
	}
	return links
}

func (s *Server) listBuilds(r *asked) reply {
	team := r.PathValue("team")
	return s.list(r, func(b *Build) bool { return team == "" || team == b.team })
}

func (s *Server) pipelineBuilds(r *asked, p *pipeline) reply {
	job := r.PathValue("job")
	return s.list(r, func(b *Build) bool { return b.pipeline == p && (job == "" || job == b.job) })
}

func (s *Server) getBuild(r *asked) reply {
	id, err := strconv.Atoi(r.PathValue("build"))
	if err != nil || id < 1 || id > len(s.builds) {
		return notFound
	}
	b := s.builds[id-1]
	switch {
	case s.may(r.user, b.team, Viewer):
		return reply{value: b.shown()}
	case r.user != "":
		return forbidden
	}
	return unauthorized
}

// listJobs lists the jobs of all teams that the user may see.
func (s *Server) listJobs(r *asked) reply {
	list := []atc.JobSummary{}
	for _, p := range s.pipelines {
		if s.may(r.user, p.team, Viewer) {
			list = append(list, s.jobsOf(p)...)
		}
	}
	slices.SortFunc(list, func(a, b atc.JobSummary) int { return a.ID - b.ID })
	return reply{value: list}
}

func (s *Server) pipelineJobs(_ *asked, p *pipeline) reply {
	return reply{value: append([]atc.JobSummary{}, s.jobsOf(p)...)}
}

// jobsOf are the jobs that the config of a pipeline has now, with the oldest
// build that has not ended and the newest that has. A rerun counts for neither
// unless it is one of the newest run that has ended (updateNextBuildForJob of
// atc/db): /api/v1/jobs does not tell of all builds that run.
func (s *Server) jobsOf(p *pipeline) (list []atc.JobSummary) {
	if p.archived {
		return nil
	}
	for _, j := range p.jobs {
		if _, exists := p.config.Jobs.Lookup(j.name); !exists {
			continue
		}
		latest := s.latest(p, j.name)
		list = append(list, atc.JobSummary{
			ID: j.id, Name: j.name, TeamName: p.team, PipelineID: p.id, PipelineName: p.ref.Name, PipelineInstanceVars: p.ref.InstanceVars,
			Paused: j.paused, PausedBy: j.by, PausedAt: j.unix(), FinishedBuild: latest.summary(), NextBuild: s.next(p, j.name, latest).summary(),
		})
	}
	return list
}

// latest is the newest first run of a job that has ended.
func (s *Server) latest(p *pipeline, job string) (found *Build) {
	for _, b := range s.builds {
		if b.pipeline == p && b.job == job && b.rerunOf == nil && !b.ended.IsZero() {
			found = b
		}
	}
	return found
}

// next is the oldest build of a job that has not ended.
func (s *Server) next(p *pipeline, job string, latest *Build) *Build {
	for _, b := range s.builds {
		if b.pipeline == p && b.job == job && b.ended.IsZero() && (b.rerunOf == nil || b.rerunOf == latest) {
			return b
		}
	}
	return nil
}

// summary is the build as it stands in lists of jobs.
func (b *Build) summary() *atc.BuildSummary {
	if b == nil {
		return nil
	}
	shown := b.shown()
	return &atc.BuildSummary{
		ID: b.id, Name: b.name, Status: b.status, StartTime: shown.StartTime, EndTime: shown.EndTime, TeamName: b.team,
		PipelineID: shown.PipelineID, PipelineName: shown.PipelineName, PipelineInstanceVars: shown.PipelineInstanceVars, JobName: b.job,
	}
}

// listContainers lists those of builds that run, and of failed ones as long as
// they are their job's newest, for people who look into them.
func (s *Server) listContainers(r *asked) reply {
	list := []atc.Container{}
	for _, b := range s.builds {
		kept := b.status == atc.StatusFailed && b.pipeline != nil && b == s.latest(b.pipeline, b.job)
		if b.team != r.PathValue("team") || b.status != atc.StatusStarted && !kept {
			continue
		}
		shown := b.shown()
		for i, worker := range b.workers {
			list = append(list, atc.Container{
				ID: fmt.Sprintf("%08d-%d", b.id, i), WorkerName: worker, State: atc.ContainerStateCreated, Type: "task", StepName: "step",
				PipelineID: shown.PipelineID, BuildID: b.id, PipelineName: shown.PipelineName, PipelineInstanceVars: shown.PipelineInstanceVars,
				JobName: b.job, BuildName: b.name, WorkingDirectory: "/tmp/build/step",
			})
		}
	}
	return reply{value: list}
}
