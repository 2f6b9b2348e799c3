package concourse

import "time"

// PipelineState is a pipeline of any team, as GET /api/v1/pipelines lists it.
type PipelineState struct {
	Pipeline
	ID       int       // 12; a pipeline that is deleted and set again has another
	Team     string    // main
	Paused   bool      // no new build starts
	PausedBy string    // ada; empty where Concourse does not say
	PausedAt time.Time // to the second; zero where Concourse does not say
	Archived bool      // it has no builds any more
}

// Build is a build of any team.
type Build struct {
	ID           int            // 4711, in the whole installation
	Team         string         // main
	Pipeline     string         // self-upgrade; empty for a one-off build
	InstanceVars map[string]any // of the pipeline
	Job          string         // upgrade; empty for a one-off build
	Name         string         // 3: the number within the job
	Status       string         // pending, started, succeeded, failed, errored or aborted
	CreatedBy    string         // who triggered it by hand: ada; empty: nobody did
	StartTime    time.Time      // to the second; zero while it is pending
}

// User is who the client is logged in as.
type User struct {
	Name  string              // perpetual
	Admin bool                // owner of the team main: may do everything in every team
	Teams map[string][]string // roles by team: {main: [owner]}
}
