package engine

import (
	"errors"
	"fmt"

	"github.com/concourse/concourse/atc"
)

// TriggerBuild creates a build as POST …/jobs/JOB/builds does: it is pending, and
// starts when Concourse would start it. Until then pipeline or job is paused, the
// web is away or knows an older schema than the database's, or as many builds run
// as the job may have. Who plays the pipeline finds it with TakeBuild.
func (s *Engine) TriggerBuild(team, pipeline, job, user string) (*Build, error) {
	s.Lock()
	defer s.Unlock()
	p, err := s.job(team, pipeline, job)
	if err != nil {
		return nil, fmt.Errorf("trigger %s/%s: %w", pipeline, job, err)
	}
	return s.Trigger(p, job, user), nil
}

// RerunBuild creates a build with the inputs of an earlier one.
func (s *Engine) RerunBuild(of *Build, user string) *Build {
	s.Lock()
	defer s.Unlock()
	return s.Rerun(of, user)
}

// TakeBuild gives the oldest build of a pipeline that was triggered by hand, has
// started, and was not taken yet: whoever takes it runs its steps and ends it. It
// gives nil when there is none.
func (s *Engine) TakeBuild(team, pipeline string) *Build {
	s.Lock()
	defer s.Unlock()
	p := s.Pipeline(team, atc.PipelineRef{Name: pipeline})
	for _, b := range s.Builds {
		if b.waits && b.status == atc.StatusStarted && b.Pipeline == p {
			b.waits = false
			return b
		}
	}
	return nil
}

// job finds the pipeline of a job. The caller holds the lock, as below.
func (s *Engine) job(team, pipeline, job string) (*Pipeline, error) {
	p := s.Pipeline(team, atc.PipelineRef{Name: pipeline})
	if p == nil || p.Archived {
		return nil, fmt.Errorf("no such pipeline in team %s", team)
	}
	if _, exists := p.Config.Jobs.Lookup(job); !exists {
		return nil, errors.New("no such job")
	}
	return p, nil
}

// Trigger creates a build of a job.
func (s *Engine) Trigger(p *Pipeline, job, user string) *Build {
	config, _ := p.Config.Jobs.Lookup(job)
	b := s.newBuild(&Build{Team: p.Team, Pipeline: p, job: job, user: user, interruptible: config.Interruptible, waits: true})
	s.Record(b.event(KindTrigger))
	s.Schedule()
	return b
}

// Rerun numbers the new build as job.RerunBuild of atc/db does.
func (s *Engine) Rerun(of *Build, user string) *Build {
	if of.rerunOf != nil {
		of = of.rerunOf
	}
	of.reruns++
	b := s.newBuild(&Build{
		Team: of.Team, Pipeline: of.Pipeline, job: of.job, user: user, interruptible: of.interruptible, waits: true,
		rerunOf: of, reruns: of.reruns, name: fmt.Sprintf("%s.%d", of.name, of.reruns),
	})
	s.Record(b.event(KindTrigger))
	s.Schedule()
	return b
}

// Schedule starts the pending builds that may start. A real web does that at the
// next tick of its scheduler, within 10 s.
func (s *Engine) Schedule() {
	if !s.schedules() {
		return
	}
	for _, b := range s.Builds {
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
func (s *Engine) startable(b *Build) bool {
	config, exists := b.Pipeline.Config.Jobs.Lookup(b.job)
	if !exists || b.Pipeline.Archived || b.Pipeline.Paused || b.Pipeline.Job(b.job).Paused {
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
	for _, other := range s.Builds {
		if other.status == atc.StatusStarted && other.Pipeline == b.Pipeline && (other.job == b.job || inGroup(other, groups)) {
			limit--
		}
	}
	return limit > 0
}

func inGroup(b *Build, groups map[string]bool) bool {
	config, _ := b.Pipeline.Config.Jobs.Lookup(b.job)
	for _, g := range config.SerialGroups {
		if groups[g] {
			return true
		}
	}
	return false
}
