package concourse

import (
	"net/http"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// found gives a handler the pipeline of the path.
func (s *Server) found(do func(*asked, *engine.Pipeline) reply) answer {
	return func(r *asked) reply {
		vars, err := atc.InstanceVarsFromQueryParams(r.URL.Query())
		if err != nil {
			return reply{status: http.StatusBadRequest}
		}
		p := s.Pipeline(r.PathValue("team"), atc.PipelineRef{Name: r.PathValue("pipeline"), InstanceVars: vars})
		if p == nil {
			return notFound
		}
		return do(r, p)
	}
}

func (s *Server) getPipeline(_ *asked, p *engine.Pipeline) reply { return reply{value: p.Shown()} }

// live refuses what cannot be done to an archived pipeline
// (pipelineserver.RejectArchived).
func live(do func(*asked, *engine.Pipeline) reply) func(*asked, *engine.Pipeline) reply {
	return func(r *asked, p *engine.Pipeline) reply {
		if p.Archived {
			return reply{status: http.StatusConflict, text: "action not allowed for an archived pipeline\n"}
		}
		return do(r, p)
	}
}

func (s *Server) putPause(r *asked, p *engine.Pipeline) reply {
	s.PausePipeline(p, r.user)
	return reply{}
}

func (s *Server) putUnpause(r *asked, p *engine.Pipeline) reply {
	s.UnpausePipeline(p, r.user)
	return reply{}
}

func (s *Server) putArchive(_ *asked, p *engine.Pipeline) reply {
	s.ArchivePipeline(p)
	return reply{}
}

// listPipelines lists those of one team, or of all teams that the user may see.
func (s *Server) listPipelines(r *asked) reply {
	list := []atc.Pipeline{}
	team := r.PathValue("team")
	if team != "" && s.Options.Teams[team] == nil {
		return notFound
	}
	for _, p := range s.Pipelines {
		if (team == "" || team == p.Team) && s.may(r.user, p.Team, Viewer) {
			list = append(list, p.Shown())
		}
	}
	return reply{value: list}
}
