package concourse_test

import (
	"testing"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/configvalidate"

	"github.com/perpetual-ci/perpetual/pipelines"
)

// TestBundledPipeline_passesStrictValidation does what fly validate-pipeline
// --strict does: Concourse's own validation, and no warning either.
func TestBundledPipeline_passesStrictValidation(t *testing.T) {
	var config atc.Config
	if err := atc.UnmarshalConfig(pipelines.SelfUpgrade(), &config); err != nil {
		t.Fatal(err)
	}
	warnings, problems := configvalidate.Validate(config)
	for _, w := range warnings {
		t.Errorf("warning: %s", w.Message)
	}
	for _, p := range problems {
		t.Errorf("error: %s", p)
	}
}

// TestBundledPipeline_isBuiltForItsOwnUpgrade holds what a self-upgrade dies of
// when it is otherwise.
func TestBundledPipeline_isBuiltForItsOwnUpgrade(t *testing.T) {
	var config atc.Config
	if err := atc.UnmarshalConfig(pipelines.SelfUpgrade(), &config); err != nil {
		t.Fatal(err)
	}
	upgrade, ok := config.Jobs.Lookup("upgrade")
	if !ok {
		t.Fatal("there is no job upgrade")
	}
	if upgrade.Interruptible || !upgrade.Serial {
		t.Error("the job upgrade must be serial and not interruptible: a worker does not wait for an interruptible build")
	}
	last := upgrade.PlanSequence[len(upgrade.PlanSequence)-1]
	put, ok := last.Config.(*atc.PutStep)
	if !ok || !put.NoGet {
		t.Fatal("its last step must be a put without the implicit get, which finds no worker once the drain has begun")
	}
	verify, ok := config.Jobs.Lookup("verify")
	if !ok {
		t.Fatal("there is no job verify")
	}
	get, ok := verify.PlanSequence[0].Config.(*atc.GetStep)
	if !ok || !get.Trigger || get.ResourceName() == put.ResourceName() {
		t.Error("the job verify must be triggered by another resource than the put's, whose version comes before the deploy has ended")
	}
	if resource, _ := config.Resources.Lookup(put.ResourceName()); resource.CheckEvery == nil || !resource.CheckEvery.Never {
		t.Error("the put's resource must never be checked")
	}
}
