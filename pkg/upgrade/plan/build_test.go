package plan_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// The names are those of "Metadata" in Concourse's documentation of resources.
func TestNewBuild_isWhatConcourseSaysOfTheBuild(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"BUILD_TEAM_NAME": "perpetual", "BUILD_PIPELINE_NAME": "self-upgrade", "BUILD_PIPELINE_INSTANCE_VARS": `{"site":"a"}`,
		"BUILD_JOB_NAME": "roll-out", "BUILD_NAME": "12", "BUILD_ID": "4711", "BUILD_URL": "https://ci.example.com",
	}
	want := plan.Build{Team: "perpetual", Pipeline: "self-upgrade", InstanceVars: `{"site":"a"}`, Job: "roll-out", Name: "12", ID: "4711"}
	if got := plan.NewBuild(func(name string) string { return env[name] }); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := plan.NewBuild(func(string) string { return "" }); got != (plan.Build{}) {
		t.Errorf("outside of a build: %+v", got)
	}
}
