package engine

import (
	"fmt"

	"github.com/concourse/concourse/atc"
)

// Shown is the build as the API shows it.
func (b *Build) Shown() atc.Build {
	shown := atc.Build{
		ID: b.id, TeamName: b.Team, Name: b.name, Status: b.status, APIURL: fmt.Sprintf("/api/v1/builds/%d", b.id), JobName: b.job,
	}
	if b.Pipeline != nil {
		shown.PipelineID, shown.PipelineName, shown.PipelineInstanceVars = b.Pipeline.id, b.Pipeline.ref.Name, b.Pipeline.ref.InstanceVars
	}
	if b.user != "" {
		shown.CreatedBy = &b.user
	}
	if b.rerunOf != nil {
		shown.RerunOf, shown.RerunNumber = &atc.RerunOfBuild{ID: b.rerunOf.id, Name: b.rerunOf.name}, b.reruns
	}
	if !b.Started.IsZero() {
		shown.StartTime = b.Started.Unix()
	}
	if !b.ended.IsZero() {
		shown.EndTime = b.ended.Unix()
	}
	return shown
}

// Order is where a build stands in lists: a rerun beside its first run.
func (b *Build) Order() int {
	if b.rerunOf != nil {
		return b.rerunOf.id
	}
	return b.id
}

// summary is the build as it stands in lists of jobs.
func (b *Build) summary() *atc.BuildSummary {
	if b == nil {
		return nil
	}
	shown := b.Shown()
	return &atc.BuildSummary{
		ID: b.id, Name: b.name, Status: b.status, StartTime: shown.StartTime, EndTime: shown.EndTime, TeamName: b.Team,
		PipelineID: shown.PipelineID, PipelineName: shown.PipelineName, PipelineInstanceVars: shown.PipelineInstanceVars, JobName: b.job,
	}
}

// JobsOf are the jobs that the config of a pipeline has now, with the oldest
// build that has not ended and the newest that has. A rerun counts for neither
// unless it is one of the newest run that has ended (updateNextBuildForJob of
// atc/db): /api/v1/jobs does not tell of all builds that run.
func (s *Engine) JobsOf(p *Pipeline) (list []atc.JobSummary) {
	if p.Archived {
		return nil
	}
	for _, j := range p.jobs {
		if _, exists := p.Config.Jobs.Lookup(j.name); !exists {
			continue
		}
		latest := s.latest(p, j.name)
		list = append(list, atc.JobSummary{
			ID: j.id, Name: j.name, TeamName: p.Team, PipelineID: p.id, PipelineName: p.ref.Name, PipelineInstanceVars: p.ref.InstanceVars,
			Paused: j.Paused, PausedBy: j.By, PausedAt: j.unix(), FinishedBuild: latest.summary(), NextBuild: s.next(p, j.name, latest).summary(),
		})
	}
	return list
}

// latest is the newest first run of a job that has ended.
func (s *Engine) latest(p *Pipeline, job string) (found *Build) {
	for _, b := range s.Builds {
		if b.Pipeline == p && b.job == job && b.rerunOf == nil && !b.ended.IsZero() {
			found = b
		}
	}
	return found
}

// next is the oldest build of a job that has not ended.
func (s *Engine) next(p *Pipeline, job string, latest *Build) *Build {
	for _, b := range s.Builds {
		if b.Pipeline == p && b.job == job && b.ended.IsZero() && (b.rerunOf == nil || b.rerunOf == latest) {
			return b
		}
	}
	return nil
}

// ContainersOf lists those of a team's builds that run, and of failed ones as long as
// they are their job's newest, for people who look into them.
func (s *Engine) ContainersOf(team string) []atc.Container {
	list := []atc.Container{}
	for _, b := range s.Builds {
		kept := b.status == atc.StatusFailed && b.Pipeline != nil && b == s.latest(b.Pipeline, b.job)
		if b.Team != team || b.status != atc.StatusStarted && !kept {
			continue
		}
		shown := b.Shown()
		for i, worker := range b.workers {
			list = append(list, atc.Container{
				ID: fmt.Sprintf("%08d-%d", b.id, i), WorkerName: worker, State: atc.ContainerStateCreated, Type: "task", StepName: "step",
				PipelineID: shown.PipelineID, BuildID: b.id, PipelineName: shown.PipelineName, PipelineInstanceVars: shown.PipelineInstanceVars,
				JobName: b.job, BuildName: b.name, WorkingDirectory: "/tmp/build/step",
			})
		}
	}
	return list
}
