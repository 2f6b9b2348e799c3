package concourse

import (
	"net/http"

	"github.com/concourse/concourse/atc"
)

// found gives a handler the pipeline of the path.
func (s *Server) found(do func(*asked, *pipeline) reply) answer {
	return func(r *asked) reply {
		vars, err := atc.InstanceVarsFromQueryParams(r.URL.Query())
		if err != nil {
			return reply{status: http.StatusBadRequest}
		}
		p := s.pipeline(r.PathValue("team"), atc.PipelineRef{Name: r.PathValue("pipeline"), InstanceVars: vars})
		if p == nil {
			return notFound
		}
		return do(r, p)
	}
}

func (s *Server) getPipeline(_ *asked, p *pipeline) reply { return reply{value: p.shown()} }

// live refuses what cannot be done to an archived pipeline
// (pipelineserver.RejectArchived).
func live(do func(*asked, *pipeline) reply) func(*asked, *pipeline) reply {
	return func(r *asked, p *pipeline) reply {
		if p.archived {
			return reply{status: http.StatusConflict, text: "action not allowed for an archived pipeline\n"}
		}
		return do(r, p)
	}
}

func (s *Server) putPause(r *asked, p *pipeline) reply {
	s.pause(p, r.user)
	return reply{}
}

func (s *Server) putUnpause(r *asked, p *pipeline) reply {
	s.unpause(p, r.user)
	return reply{}
}

func (s *Server) putArchive(_ *asked, p *pipeline) reply {
	s.archive(p)
	return reply{}
}

// listPipelines lists those of one team, or of all teams that the user may see.
func (s *Server) listPipelines(r *asked) reply {
	list := []atc.Pipeline{}
	team := r.PathValue("team")
	if team != "" && s.options.Teams[team] == nil {
		return notFound
	}
	for _, p := range s.pipelines {
		if (team == "" || team == p.team) && s.may(r.user, p.team, Viewer) {
			list = append(list, p.shown())
		}
	}
	return reply{value: list}
}
