package concourse

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// list shows a page of builds, newest first, as getBuildsWithPagination of atc/db
// chooses it: `from` and `to` bound the ids, but a rerun stands beside its first
// run. So a list that is read page by page back to the past misses reruns.
func (s *Server) list(r *asked, wanted func(*engine.Build) bool) reply {
	var all []*engine.Build
	for _, b := range s.Builds {
		if s.may(r.user, b.Team, Viewer) && wanted(b) {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b *engine.Build) int { return cmp.Or(b.Order()-a.Order(), b.ID()-a.ID()) })
	from, to := number(r, atc.PaginationQueryFrom), number(r, atc.PaginationQueryTo)
	if from > 0 && to > 0 && from > to {
		return reply{status: http.StatusInternalServerError}
	}
	page := slices.DeleteFunc(slices.Clone(all), func(b *engine.Build) bool { return b.ID() < from || to > 0 && b.ID() > to })
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
		shown = append(shown, b.Shown())
	}
	return reply{value: shown, links: s.links(r, all, page)}
}

// links lead to the pages before and after one.
func (s *Server) links(r *asked, all, page []*engine.Build) (links []string) {
	if len(page) == 0 {
		return nil
	}
	link := func(query string, id int, rel string) {
		links = append(links, fmt.Sprintf(`<%s%s?%s=%d&limit=%d>; rel="%s"`, s.Options.ExternalURL, r.URL.Path, query, id, limit(r), rel))
	}
	newest, oldest := page[0].ID(), page[len(page)-1].ID()
	if i := slices.IndexFunc(all, func(b *engine.Build) bool { return b.ID() < oldest }); i >= 0 {
		link(atc.PaginationQueryTo, all[i].ID(), atc.LinkRelNext)
	}
	for _, b := range slices.Backward(all) {
		if b.ID() > newest {
			link(atc.PaginationQueryFrom, b.ID(), atc.LinkRelPrevious)
			break
		}
	}
	return links
}

func (s *Server) listBuilds(r *asked) reply {
	team := r.PathValue("team")
	return s.list(r, func(b *engine.Build) bool { return team == "" || team == b.Team })
}

func (s *Server) pipelineBuilds(r *asked, p *engine.Pipeline) reply {
	job := r.PathValue("job")
	return s.list(r, func(b *engine.Build) bool { return b.Pipeline == p && (job == "" || job == b.Job()) })
}

func (s *Server) getBuild(r *asked) reply {
	id, err := strconv.Atoi(r.PathValue("build"))
	if err != nil || id < 1 || id > len(s.Builds) {
		return notFound
	}
	b := s.Builds[id-1]
	switch {
	case s.may(r.user, b.Team, Viewer):
		return reply{value: b.Shown()}
	case r.user != "":
		return forbidden
	}
	return unauthorized
}

// listJobs lists the jobs of all teams that the user may see.
func (s *Server) listJobs(r *asked) reply {
	list := []atc.JobSummary{}
	for _, p := range s.Pipelines {
		if s.may(r.user, p.Team, Viewer) {
			list = append(list, s.JobsOf(p)...)
		}
	}
	slices.SortFunc(list, func(a, b atc.JobSummary) int { return a.ID - b.ID })
	return reply{value: list}
}

func (s *Server) pipelineJobs(_ *asked, p *engine.Pipeline) reply {
	return reply{value: append([]atc.JobSummary{}, s.JobsOf(p)...)}
}

// listContainers lists those of a team.
func (s *Server) listContainers(r *asked) reply {
	return reply{value: s.ContainersOf(r.PathValue("team"))}
}
