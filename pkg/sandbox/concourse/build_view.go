package concourse

import (
	"fmt"

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

// jobsOf are the jobs that the config of a pipeline has now, with the oldest
// build that has not ended and the newest that has. A rerun counts for neither
// unless it is one of the newest run that has ended (updateNextBuildForJob of
// atc/db): /api/v1/jobs does not tell of all builds that run.
func (s *engine) jobsOf(p *pipeline) (list []atc.JobSummary) {
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
func (s *engine) latest(p *pipeline, job string) (found *Build) {
	for _, b := range s.builds {
		if b.pipeline == p && b.job == job && b.rerunOf == nil && !b.ended.IsZero() {
			found = b
		}
	}
	return found
}

// next is the oldest build of a job that has not ended.
func (s *engine) next(p *pipeline, job string, latest *Build) *Build {
	for _, b := range s.builds {
		if b.pipeline == p && b.job == job && b.ended.IsZero() && (b.rerunOf == nil || b.rerunOf == latest) {
			return b
		}
	}
	return nil
}

// containersOf lists those of a team's builds that run, and of failed ones as long as
// they are their job's newest, for people who look into them.
func (s *engine) containersOf(team string) []atc.Container {
	list := []atc.Container{}
	for _, b := range s.builds {
		kept := b.status == atc.StatusFailed && b.pipeline != nil && b == s.latest(b.pipeline, b.job)
		if b.team != team || b.status != atc.StatusStarted && !kept {
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
	return list
}
