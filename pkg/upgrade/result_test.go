package upgrade_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

func attached(p *resource.OutParams) {
	no := false
	p.Detach = &no
}

func TestRun_saysAsDataWhatItHasDone(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		before := f.director.deployed["concourse"].Manifest
		f.write(t, "cloud.yml", "azs: []\n")
		did, err := f.run(t.Context(), f.put(func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" }))
		if err != nil {
			t.Fatal(err)
		}
		taken := []plan.Taken{
			{Name: "concourse", Before: "8.2.0", Now: "8.2.1"}, {Name: "stemcell", Before: "1.1340", Now: "1.1364"}, {Name: "perpetual", Before: "1.2.0", Now: "1.3.0"},
		}
		if diff := cmp.Diff(taken, did.Taken); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		if did.Task != 10 || did.Became != upgrade.Started || did.From != "8.2.0" || did.To != "8.2.1" || !did.Upgrades() {
			t.Errorf("task %d %s, %s → %s", did.Task, did.Became, did.From, did.To)
		}
		if len(did.Uploads) != 2 || did.Uploads[0].Name != "concourse" || !slices.Equal(did.CloudConfig, []string{"+ azs: []"}) || !did.Pipeline.Change.Updated {
			t.Errorf("uploads %v, cloud config %q, pipeline %s", did.Uploads, did.CloudConfig, did.Pipeline.Change)
		}
		if !slices.Contains(did.Diff, bosh.DiffLine{Text: "  version: 8.2.1", Op: "added"}) || string(did.Deployed) != string(before) || did.Refused {
			t.Errorf("diff %v, refused %t, deployed before:\n%s", did.Diff, did.Refused, did.Deployed)
		}
	})
}

// Who is told that a run has failed still learns how far it has come.
func TestRun_saysBesideAnErrorHowFarItHasCome(t *testing.T) {
	for stage, refused := range map[string]bool{"Preparing deployment": true, "Updating instance": false} {
		t.Run(stage, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.deploy.end = bosh.StateError
				f.director.deploy.events = []bosh.Event{{Stage: stage, Task: "it", State: "failed", Error: "no such VM type"}}
				did, err := f.run(t.Context(), f.put(attached))
				wantError(t, err, "no such VM type")
				if did.Task != 10 || did.Became != upgrade.Started || len(did.Uploads) != 2 || !did.Pipeline.Change.Updated || did.Refused != refused {
					t.Errorf("task %d %s, uploads %v, pipeline %s, refused %t", did.Task, did.Became, did.Uploads, did.Pipeline.Change, did.Refused)
				}
			})
		})
	}
	t.Run("an upload", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.faults["Upload"] = []error{nil, errors.New("403")}
			did, err := f.run(t.Context(), f.put(nil))
			wantError(t, err, "403")
			if len(did.Uploads) != 1 || did.Uploads[0].Name != "concourse" || did.Task != 0 || did.Became != "" {
				t.Errorf("uploads %v, task %d %s", did.Uploads, did.Task, did.Became)
			}
		})
	})
}

// Every line of what differs is in the lines of a dry run, whatever it looks like.
func TestRun_leavesOutNoLineOfADryRun(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		text := string(manifestTemplate(t)) + "\ntags:\n  state: unchanged\n  \"cloud config\": \"would change: false\"\n  \"pipeline: a\": b\n"
		f.write(t, "manifest.yml", text)
		f.write(t, "cloud.yml", "tags: {\"pipeline: a\": \"is: unchanged\"}\n")
		would, err := f.run(t.Context(), f.put(func(p *resource.OutParams) { p.DryRun, p.CloudConfig = true, "cloud.yml" }))
		if err != nil {
			t.Fatal(err)
		}
		lines := would.Lines("concourse")
		if would.Became != upgrade.WouldDeploy || len(would.Diff) == 0 || len(would.CloudConfig) == 0 {
			t.Fatalf("%s: %v, %v", would.Became, would.Diff, would.CloudConfig)
		}
		all := strings.Join(lines, "\n") + "\n"
		for _, line := range would.Diff {
			if !strings.Contains(all, " "+line.Text+"\n") {
				t.Errorf("%q is left out", line.Text)
			}
		}
		for _, line := range would.CloudConfig {
			if !strings.Contains(all, "  "+line+"\n") {
				t.Errorf("%q is left out", line)
			}
		}
		wantText(t, "lines", all, "state: unchanged\n", "would be uploaded: concourse/8.2.1", "way: web-first", "manifest of concourse would change:\n")
		// The log of the put has them, too.
		wantText(t, "log", f.log.String(), lines...)
	})
}

func TestRun_tellsBeforeEachDeployIsSubmitted(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		var told [][]byte
		f.submitting = func(_ context.Context, deployed []byte) error {
			if f.count("deploy") != 0 {
				t.Error("it was told after the deploy")
			}
			told = append(told, deployed)
			return nil
		}
		before := f.director.deployed["concourse"].Manifest
		if _, err := f.run(t.Context(), f.put(nil)); err != nil || len(told) != 1 || string(told[0]) != string(before) {
			t.Errorf("told %q, error %v", told, err)
		}
	})
	play(t, func(t *testing.T, f *fixture) {
		f.submitting = func(context.Context, []byte) error { return errors.New("the store is away") }
		_, err := f.run(t.Context(), f.put(nil))
		wantError(t, err, "deploy: the store is away")
		if f.count("deploy") != 0 {
			t.Error("it deployed all the same")
		}
	})
}

// What somebody else sets between the comparison and the update stays.
func TestOut_overwritesNoCloudConfigThatItHasNotSeen(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.cloudConfig = "azs: [{name: z1}]\n"
		f.write(t, "cloud.yml", "azs: []\n")
		f.director.onCloudConfig = func() { f.director.cloudConfig, f.director.configs = "azs: [{name: theirs}]\n", f.director.configs+1 }
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" })
		if !errors.Is(err, bosh.ErrConfigChanged) || f.count("deploy") != 0 {
			t.Errorf("error %v, effects %q", err, f.all())
		}
		if !strings.Contains(f.director.cloudConfig, "theirs") {
			t.Errorf("the cloud config is %q", f.director.cloudConfig)
		}
	})
}

// The director writes YAML in its own way: only the content counts.
func TestOut_leavesACloudConfigThatSaysTheSame(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.cloudConfig = "---\nazs:\n- cloud_properties: {b: 2, a: 1}\n  name: z1\n"
		f.write(t, "cloud.yml", "azs: [{name: z1, cloud_properties: {a: 1, b: 2}}]\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" }); err != nil || f.count("set cloud config") != 0 {
			t.Errorf("error %v, effects %q", err, f.all())
		}
	})
}

// What may be a credential is not shown, and that it has changed is.
func TestOut_hidesTheCredentialsOfACloudConfig(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.cloudConfig = "vm_extensions: [{name: x, cloud_properties: {secret_access_key: canary-old}}]\n"
		f.write(t, "cloud.yml", "vm_extensions: [{name: x, cloud_properties: {secret_access_key: canary-new}}]\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" }); err != nil || f.count("set cloud config") != 1 {
			t.Errorf("error %v, effects %q", err, f.all())
		}
		if strings.Contains(f.log.String(), "canary") {
			t.Errorf("it shows a credential:\n%s", f.log.String())
		}
	})
}
