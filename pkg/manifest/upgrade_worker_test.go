package manifest_test

import (
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const withUpgradeWorker = plain + "upgrade: {worker_tag: up}\n"

// group is an instance group of Concourse's manifest, nil if there is none.
func group(t *testing.T, in manifest.Input, name string) object {
	t.Helper()
	for _, item := range decoded(t, render(t, "concourse", in))["instance_groups"].([]any) {
		if g := item.(object); g["name"] == name {
			return g
		}
	}
	return nil
}

// teamOf is the team that the pipeline is set in.
func teamOf(t *testing.T, in manifest.Input) any {
	t.Helper()
	deployment, _ := pipelineOf(t, in).Resources.Lookup("finished-deployment")
	return deployment.Source["concourse"].(map[string]any)["team"]
}

// What is changed for all workers must not be forgotten for this one.
func TestUpgradeWorker_isLikeTheOtherWorkers(t *testing.T) {
	for name, in := range map[string]manifest.Input{
		"by default": input(t, withUpgradeWorker, nil), "with everything": inputs(t)["everything"],
	} {
		own, other := group(t, in, "upgrade-worker"), group(t, in, "worker")
		if own == nil {
			t.Fatalf("%s: there is none", name)
		}
		for _, g := range []object{own, other} {
			for _, key := range []string{"name", "instances", "vm_type", "vm_extensions"} {
				delete(g, key)
			}
			for _, key := range []string{"tags", "team"} {
				delete(g["jobs"].([]any)[1].(object)["properties"].(object), key)
			}
		}
		if diff := cmp.Diff(other, own); diff != "" {
			t.Errorf("%s: (-worker +upgrade-worker)\n%s", name, diff)
		}
	}
}

func TestUpgradeWorker_isOfThePipelinesTeamAndHasItsOwnGroup(t *testing.T) {
	in := input(t, withUpgradeWorker, nil)
	own := group(t, in, "upgrade-worker")
	properties := own["jobs"].([]any)[1].(object)["properties"].(object)
	if !cmp.Equal(properties["tags"], any([]any{"up"})) || properties["team"] != teamOf(t, in) || own["instances"] != 1 {
		t.Errorf("its tags are %v, its team is %v, and there are %v", properties["tags"], properties["team"], own["instances"])
	}
	cloud := decoded(t, render(t, "cloud-config", in))
	find := func(section string, name any) object {
		for _, item := range cloud[section].([]any) {
			if o := item.(object); o["name"] == name {
				return o["cloud_properties"].(object)
			}
		}
		t.Fatalf("the cloud config has no %v in %s", name, section)
		return nil
	}
	extension := find("vm_extensions", own["vm_extensions"].([]any)[0])
	want := object{"security_groups": []any{"sg-vms", "sg-upgrade-worker"}, "iam_instance_profile": "ci-worker"}
	if diff := cmp.Diff(want, extension); diff != "" {
		t.Error(diff)
	}
	if _, spot := find("vm_types", own["vm_type"])["spot_bid_price"]; spot {
		t.Error("it is a spot instance")
	}
	// No other VM gets the group.
	if n := strings.Count(string(render(t, "cloud-config", in)), "sg-upgrade-worker"); n != 1 {
		t.Errorf("its security group is named %d times in the cloud config", n)
	}
}

func TestUpgradeWorker_runsEveryStepAndCheckOfThePipeline(t *testing.T) {
	tagged := func(in manifest.Input) map[string]atc.Tags {
		found := map[string]atc.Tags{}
		config := pipelineOf(t, in)
		for _, r := range config.ResourceTypes {
			found["resource type "+r.Name] = r.Tags
		}
		for _, r := range config.Resources {
			found["resource "+r.Name] = r.Tags
		}
		for _, job := range config.Jobs {
			_ = job.StepConfig().Visit(atc.StepRecursor{
				OnGet:  func(s *atc.GetStep) error { found["get "+s.Name] = s.Tags; return nil },
				OnPut:  func(s *atc.PutStep) error { found["put "+s.Name] = s.Tags; return nil },
				OnTask: func(s *atc.TaskStep) error { found["task "+s.Name] = s.Tags; return nil },
			})
		}
		return found
	}
	public := func(in *manifest.Input) {
		in.Infrastructure.PipelineRole = "arn:aws:iam::123456789012:role/perpetual-ci-pipeline"
	}
	with, without := withUpgradeWorker, plain
	for _, tls := range []string{"", "access: {domain: ci.example.com}\ntls: {mode: lets_encrypt}\n"} {
		found := tagged(input(t, with+tls, public))
		if len(found) < 6 {
			t.Errorf("only %v was looked at", found)
		}
		for what, tags := range found {
			if !cmp.Equal(tags, atc.Tags{"up"}) {
				t.Errorf("%s has the tags %v", what, tags)
			}
		}
		for what, tags := range tagged(input(t, without+tls, public)) {
			if len(tags) > 0 {
				t.Errorf("%s has the tags %v, and there is no such worker", what, tags)
			}
		}
	}
}

func TestUpgradeWorker_needsItsSecurityGroup(t *testing.T) {
	in := input(t, withUpgradeWorker, func(in *manifest.Input) { in.Infrastructure.SecurityGroups.UpgradeWorker = "" })
	const want = "the stack has no security group for the worker of upgrade.worker_tag; perpetual deploy by hand creates it"
	if _, err := manifest.CloudConfig(in); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// Without aws there are neither security groups nor a pipeline.
func TestUpgradeWorker_isNoneOnADirectorOfOnesOwn(t *testing.T) {
	in := input(t, elsewhere+"upgrade: {worker_tag: up}\n", func(in *manifest.Input) {
		in.Infrastructure, in.PostgresMajor = manifest.Infrastructure{}, 16
	})
	tmpl, err := manifest.Concourse(in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := template.Render(tmpl)
	if err != nil || strings.Contains(string(text), "upgrade-worker") {
		t.Errorf("%v\n%s", err, text)
	}
}
