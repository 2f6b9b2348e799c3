package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// ATC is what this package asks of the Concourse API.
type ATC interface {
	Info(ctx context.Context) (ATCInfo, error)
	Workers(ctx context.Context) ([]Worker, error)
	// Pipeline gives the config that is set; Exists is false where there is none.
	Pipeline(ctx context.Context, p PipelineRef) (PipelineConfig, error)
	// DiffPipeline says what SetPipeline would change.
	DiffPipeline(ctx context.Context, p PipelineRef, config []byte) (PipelineChange, error)
	// SetPipeline sets the config only when it differs, and keeps the pause state.
	SetPipeline(ctx context.Context, p PipelineRef, config []byte) (PipelineChange, error)
}

// ATCInfo is what an ATC says of itself.
type ATCInfo struct {
	Version       string // "8.2.5"
	WorkerVersion string // "2.5": the version of the worker API that it wants
}

// Worker is a registered Concourse worker.
type Worker struct {
	Name      string
	State     string // "running", "landing", "landed", "retiring", "stalled"
	Version   string // "2.5"
	StartTime time.Time
}

// PipelineRef names a pipeline in the team of the source.
type PipelineRef struct {
	Name         string
	InstanceVars map[string]any
}

// String names the pipeline as fly does: self-upgrade/environment:production.
func (p PipelineRef) String() string { return concourse.Pipeline(p).String() }

// PipelineConfig is a pipeline's config as it is set.
type PipelineConfig struct {
	YAML   []byte
	Exists bool
}

// PipelineChange is what setting a pipeline changed; the zero value is nothing.
type PipelineChange struct {
	Created, Updated bool
	Diff             []DiffLine // Op "+" or "-"; credentials hidden
}

// parts are the headings of the difference: "jobs/upgrade".
func (c PipelineChange) parts() []string {
	var list []string
	for _, line := range c.Diff {
		if line.Op == " " && !strings.HasPrefix(line.Text, " ") {
			list = append(list, line.Text)
		}
	}
	return list
}

// String describes the change in one word.
func (c PipelineChange) String() string {
	switch {
	case c.Created:
		return "created (paused, as Concourse creates pipelines)"
	case c.Updated:
		return "updated"
	}
	return "unchanged"
}

// Build is what Concourse tells a step of the build that it runs in; see
// https://concourse-ci.org/implementing-resource-types.html#resource-metadata.
type Build struct {
	Team         string // BUILD_TEAM_NAME
	Pipeline     string // BUILD_PIPELINE_NAME
	InstanceVars string // BUILD_PIPELINE_INSTANCE_VARS, JSON
	Job          string // BUILD_JOB_NAME
	Name         string // BUILD_NAME
	ID           string // BUILD_ID, "" outside of a build
}

// number is the id as the API has it; 0 outside of a build.
func (b Build) number() int {
	id, _ := strconv.Atoi(b.ID) // Concourse gives numbers
	return id
}

// vars are the instance vars of the build's pipeline, nil where it has none.
func (b Build) vars() (vars map[string]any, err error) {
	if b.InstanceVars == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(b.InstanceVars))
	decoder.UseNumber() // as fly has them: one may stand inside a text
	if err := decoder.Decode(&vars); err != nil {
		return nil, fmt.Errorf("parse BUILD_PIPELINE_INSTANCE_VARS: %w", err)
	}
	return vars, nil
}
