package concourse

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/concourse/concourse/atc"
)

// TriggerBuild creates a build as POST …/jobs/JOB/builds does: it is pending, and
// starts when Concourse would start it. Until then pipeline or job is paused, the
// web is away or knows an older schema than the database's, or as many builds run
// as the job may have. Who plays the pipeline finds it with TakeBuild.
func (s *Server) TriggerBuild(team, pipeline, job, user string) (*Build, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.job(team, pipeline, job)
	if err != nil {
		return nil, fmt.Errorf("trigger %s/%s: %w", pipeline, job, err)
	}
	return s.trigger(p, job, user), nil
}

// RerunBuild creates a build with the inputs of an earlier one.
func (s *Server) RerunBuild(of *Build, user string) *Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rerun(of, user)
}

// TakeBuild gives the oldest build of a pipeline that was triggered by hand, has
// started, and was not taken yet: whoever takes it runs its steps and ends it. It
// gives nil when there is none.
func (s *Server) TakeBuild(team, pipeline string) *Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pipeline(team, atc.PipelineRef{Name: pipeline})
	for _, b := range s.builds {
		if b.waits && b.status == atc.StatusStarted && b.pipeline == p {
			b.waits = false
			return b
		}
	}
	return nil
}

// job finds the pipeline of a job. The caller holds the lock, as below.
func (s *Server) job(team, pipeline, job string) (*pipeline, error) {
	p := s.pipeline(team, atc.PipelineRef{Name: pipeline})
	if p == nil || p.archived {
		return nil, fmt.Errorf("no such pipeline in team %s", team)
	}
	if _, exists := p.config.Jobs.Lookup(job); !exists {
		return nil, errors.New("no such job")
	}
	return p, nil
}

func (s *Server) trigger(p *pipeline, job, user string) *Build {
	config, _ := p.config.Jobs.Lookup(job)
	b := s.newBuild(&Build{team: p.team, pipeline: p, job: job, user: user, interruptible: config.Interruptible, waits: true})
	s.record(b.event(KindTrigger))
	s.schedule()
	return b
}

// rerun numbers the new build as job.RerunBuild of atc/db does.
func (s *Server) rerun(of *Build, user string) *Build {
	if of.rerunOf != nil {
		of = of.rerunOf
	}
	of.reruns++
	b := s.newBuild(&Build{
		team: of.team, pipeline: of.pipeline, job: of.job, user: user, interruptible: of.interruptible, waits: true,
		rerunOf: of, reruns: of.reruns, name: fmt.Sprintf("%s.%d", of.name, of.reruns),
	})
	s.record(b.event(KindTrigger))
	s.schedule()
	return b
}

// schedule starts the pending builds that may start. A real web does that at the
// next tick of its scheduler, within 10 s.
func (s *Server) schedule() {
	if !s.schedules() {
		return
	}
	for _, b := range s.builds {
		if b.status != atc.StatusPending || !s.startable(b) {
			continue
		}
		w, err := s.place("", platform)
		b.begin(w)
		if err != nil {
			b.end(atc.StatusErrored, err.Error())
		}
	}
}

// startable says whether nothing holds a pending build.
func (s *Server) startable(b *Build) bool {
	config, exists := b.pipeline.config.Jobs.Lookup(b.job)
	if !exists || b.pipeline.archived || b.pipeline.paused || b.pipeline.job(b.job).paused {
		return false
	}
	limit := config.MaxInFlight()
	if limit == 0 {
		return true
	}
	groups := map[string]bool{}
	for _, g := range config.SerialGroups {
		groups[g] = true
	}
	for _, other := range s.builds {
		if other.status == atc.StatusStarted && other.pipeline == b.pipeline && (other.job == b.job || inGroup(other, groups)) {
			limit--
		}
	}
	return limit > 0
}

func inGroup(b *Build, groups map[string]bool) bool {
	config, _ := b.pipeline.config.Jobs.Lookup(b.job)
	for _, g := range config.SerialGroups {
		if groups[g] {
			return true
		}
	}
	return false
}

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
		if b.pipeline == p && b.job == r.PathValue("job") && b.name == r.PathValue("build") {
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
