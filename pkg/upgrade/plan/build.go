package plan

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

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

// NewBuild reads it from the environment of a step.
func NewBuild(env func(name string) string) Build {
	return Build{
		Team: env("BUILD_TEAM_NAME"), Pipeline: env("BUILD_PIPELINE_NAME"), InstanceVars: env("BUILD_PIPELINE_INSTANCE_VARS"),
		Job: env("BUILD_JOB_NAME"), Name: env("BUILD_NAME"), ID: env("BUILD_ID"),
	}
}

// Number is the id as the API has it; 0 outside of a build.
func (b Build) Number() int {
	id, _ := strconv.Atoi(b.ID) // Concourse gives numbers
	return id
}

// Vars are the instance vars of the build's pipeline, nil where it has none.
func (b Build) Vars() (vars map[string]any, err error) {
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
