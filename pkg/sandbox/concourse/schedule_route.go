package concourse

import "net/http"

// createBuild is jobserver.CreateJobBuild.
func (s *Server) createBuild(r *asked, p *pipeline) reply {
	config, exists := p.config.Jobs.Lookup(r.PathValue("job"))
	switch {
	case !exists:
		return notFound
	case config.DisableManualTrigger:
		return reply{status: http.StatusConflict}
	}
	return reply{value: s.trigger(p, config.Name, r.user).shown()}
}

// rerunBuild is jobserver.RerunJobBuild.
func (s *Server) rerunBuild(r *asked, p *pipeline) reply {
	if p.extra.NoReruns[r.PathValue("job")] {
		return reply{status: http.StatusConflict}
	}
	for _, b := range s.builds {
		if b.pipeline == p && b.Job() == r.PathValue("job") && b.Name() == r.PathValue("build") {
			if b.started.IsZero() { // it has no inputs yet
				return reply{status: http.StatusInternalServerError}
			}
			return reply{value: s.rerun(b, r.user).shown()}
		}
	}
	return notFound
}

func (s *Server) putJobPause(r *asked, p *pipeline) reply {
	j := p.job(r.PathValue("job"))
	if j == nil {
		return notFound
	}
	if !j.paused {
		j.pause = pause{paused: true, by: r.user, at: s.options.Now()}
	}
	return reply{}
}

func (s *Server) putJobUnpause(r *asked, p *pipeline) reply {
	j := p.job(r.PathValue("job"))
	if j == nil {
		return notFound
	}
	j.pause = pause{}
	s.schedule()
	return reply{}
}
