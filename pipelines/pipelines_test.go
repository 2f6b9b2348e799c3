package pipelines_test

import (
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
)

// A container that never gets its input hangs its step, the job, and the drain of
// its worker for ever, so no step may be without a timeout.
func TestPipelines_giveEveryStepATimeout(t *testing.T) {
	steps := 0
	for name, text := range map[string][]byte{
		"self-upgrade.yml": pipelines.SelfUpgrade(), "aws.yml": pipelines.AWS(),
		"aws-idtoken.yml": pipelines.AWSIDToken(), "aws-ssm.yml": pipelines.AWSSSM(),
	} {
		var root any
		if err := yaml.Unmarshal(text, &root); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		eachStep(root, func(kind string, step map[string]any) {
			steps++
			d, err := time.ParseDuration(asText(step["timeout"]))
			if err != nil || d <= 0 {
				t.Errorf("%s: %s %v has the timeout %v", name, kind, step[kind], step["timeout"])
			}
		})
	}
	if steps < 6 {
		t.Errorf("%d steps were looked at, there are more", steps)
	}
}

// A task finds its own build by its job, of which there must be one at a time.
func TestSelfUpgrade_upgradesOneAtATime(t *testing.T) {
	var pipeline struct {
		Jobs []struct {
			Name   string
			Serial bool
		}
	}
	if err := yaml.Unmarshal(pipelines.SelfUpgrade(), &pipeline); err != nil {
		t.Fatal(err)
	}
	for _, job := range pipeline.Jobs {
		if job.Name == pipelines.UpgradeJob && job.Serial {
			return
		}
	}
	t.Errorf("no serial job %s in %v", pipelines.UpgradeJob, pipeline.Jobs)
}

// eachStep finds the steps in a pipeline, or in the ops on one.
func eachStep(value any, visit func(kind string, step map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			eachStep(item, visit)
		}
	case map[string]any:
		for _, kind := range []string{"get", "put", "task", "load_var"} {
			if _, ok := v[kind].(string); ok {
				visit(kind, v)
			}
		}
		for _, item := range v {
			eachStep(item, visit)
		}
	}
}

func asText(value any) string {
	text, _ := value.(string)
	return text
}

func TestConstraint_isTheMajor(t *testing.T) {
	for version, want := range map[string]string{
		"8.2.5": "8.x", "v7.14.1": "7.x", "10.0.0-rc.1+build": "10.x", "8": "8.x",
		"0.0.0-dev": "", "": "", "latest": "", "x.1": "", "-8.1": "",
	} {
		if got := pipelines.Constraint(version); got != want {
			t.Errorf("Constraint(%q) is %q, want %q", version, got, want)
		}
	}
}

func TestSelfUpgradeDefaults_neverTakeAnyConcourse(t *testing.T) {
	for version, want := range map[string]any{"7.14.1": "7.x", "8.2.5": "8.x", "": nil} {
		if got := pipelines.SelfUpgradeDefaults(version, "")["concourse_constraint"]; got != want {
			t.Errorf("with Concourse %q deployed the constraint is %v, want %v", version, got, want)
		}
	}
}
