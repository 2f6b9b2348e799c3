package concourse

import (
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// createBuild is jobserver.CreateJobBuild.
func (s *Server) createBuild(r *asked, p *engine.Pipeline) reply {
	config, exists := p.Config.Jobs.Lookup(r.PathValue("job"))
	switch {
	case !exists:
		return notFound
	case config.DisableManualTrigger:
		return reply{status: http.StatusConflict}
	}
	return reply{value: s.Trigger(p, config.Name, r.user).Shown()}
}

// rerunBuild is jobserver.RerunJobBuild.
func (s *Server) rerunBuild(r *asked, p *engine.Pipeline) reply {
	if p.Extra.NoReruns[r.PathValue("job")] {
		return reply{status: http.StatusConflict}
	}
	for _, b := range s.Builds {
		if b.Pipeline == p && b.Job() == r.PathValue("job") && b.Name() == r.PathValue("build") {
			if b.Started.IsZero() { // it has no inputs yet
				return reply{status: http.StatusInternalServerError}
			}
			return reply{value: s.Rerun(b, r.user).Shown()}
		}
	}
	return notFound
}

func (s *Server) putJobPause(r *asked, p *engine.Pipeline) reply {
	j := p.Job(r.PathValue("job"))
	if j == nil {
		return notFound
	}
	if !j.Paused {
		j.Pause = engine.Pause{Paused: true, By: r.user, At: s.Options.Now()}
	}
	return reply{}
}

func (s *Server) putJobUnpause(r *asked, p *engine.Pipeline) reply {
	j := p.Job(r.PathValue("job"))
	if j == nil {
		return notFound
	}
	j.Pause = engine.Pause{}
	s.Schedule()
	return reply{}
}
