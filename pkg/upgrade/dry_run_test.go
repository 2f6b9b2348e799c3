package upgrade_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

func dryRun(p *resource.OutParams) { p.DryRun = true }

func TestOut_showsWhatADryRunWouldChangeAndChangesNothing(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "cloud.yml", "azs: []\n")
		result, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun, p.CloudConfig = true, "cloud.yml" })
		if err != nil {
			t.Fatal(err)
		}
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
		wantText(t, "log", f.log.String(),
			"pipeline self-upgrade would change:\n  - tag: 1.2.0\n  + tag: 1.3.0\n",
			"cloud config: would change: true\n  + azs: []\n",
			"would be uploaded: concourse/8.2.1, "+stemcellName+"/1.1364\n  + concourse/8.2.1: https://bosh.io/d/concourse?v=8.2.1, sha1 ",
			"manifest of concourse would change:\n    releases:\n", "\n  -   version: 8.2.0\n", "\n  +   version: 8.2.1\n",
		)
		want := resource.Result{Version: resource.Version{"task": "7"}, Metadata: []resource.Field{
			{Name: "concourse", Value: "8.2.0 → 8.2.1"}, {Name: "stemcell", Value: "1.1340 → 1.1364"}, {Name: "perpetual", Value: "1.2.0 → 1.3.0"},
			{Name: "way", Value: "web-first: worker version 2.5 stays: old workers serve builds under the new web node"},
			{Name: "deploy", Value: "dry run: it would be deployed; nothing was changed"},
			{Name: "director task", Value: "7"}, {Name: "follow it", Value: "bosh -e https://10.0.0.6:25555 task 7"},
		}}
		if diff := cmp.Diff(want, result); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	})
}

func TestOut_saysThatADryRunWouldChangeNothing(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		f.director.cloudConfig = "azs: []\n"
		f.write(t, "cloud.yml", "azs: []\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun, p.CloudConfig = true, "cloud.yml" }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "pipeline self-upgrade: unchanged", "cloud config: would change: false", "manifest of concourse: unchanged")
	})
}

func TestOut_saysThatADryRunWouldCreateOrSkipThePipeline(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build = plan.Build{Pipeline: "new"}
		if _, err := f.out(t.Context(), dryRun); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "pipeline new would be created")
		f.noATC = true
		if _, err := f.out(t.Context(), dryRun); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "pipeline: skipped, as the source has no concourse section")
	})
}

func TestOut_waitsForNobodyInADryRun(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.add(foreign("create deployment", 0, ""))
		began := time.Now()
		if _, err := f.out(t.Context(), dryRun); err != nil || time.Since(began) > time.Second {
			t.Errorf("it took %s and gave %v", time.Since(began), err)
		}
	})
}

// A put would join it and say so, and not that there is nothing to deploy.
func TestOut_saysWhichTaskAPutWouldJoin(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		result, err := f.out(t.Context(), dryRun)
		if err != nil || f.count("deploy") != 1 {
			t.Fatalf("%v, %d deploys", err, f.count("deploy"))
		}
		if result.Version["task"] != "7" || metadata(result)["deploy"] != "dry run: it would be joined, as it is running already; nothing was changed" {
			t.Errorf("result %+v", result)
		}
		wantText(t, "log", f.log.String(), "director task 10 deploys the same content already: would join it")
		// A put that sets another cloud config waits for the task and deploys again.
		f.write(t, "cloud.yml", "azs: []\n")
		result, err = f.out(t.Context(), func(p *resource.OutParams) { p.DryRun, p.CloudConfig = true, "cloud.yml" })
		if became := metadata(result)["deploy"]; err != nil || strings.Contains(became, "joined") {
			t.Errorf("with another cloud config: %q, %v", became, err)
		}
		time.Sleep(long)
		if result, err = f.out(t.Context(), dryRun); err != nil || metadata(result)["deploy"] != "dry run: nothing was changed" {
			t.Errorf("after it: %+v, %v", result, err)
		}
	})
}

func TestOut_saysThatTheDirectorComparesOnlyWhatItKnows(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		// A director refuses to compare a manifest whose stemcell it does not have.
		f.director.faults["Diff"] = []error{errors.New("no stemcell 1.1364")}
		if _, err := f.out(t.Context(), dryRun); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "would be uploaded: concourse/8.2.1", "the director cannot compare it before that: no stemcell 1.1364")
	})
}

func TestOut_saysWhatADryRunCouldNotCompare(t *testing.T) {
	for method, want := range map[string]string{
		"CloudConfig": "compare cloud config: refused", "Diff": "compare manifest: refused", "Tasks": "list tasks of concourse: refused",
		"Packages": "look at the packages of concourse/8.2.1: refused", "Stemcells": "list stemcells: refused",
	} {
		t.Run(method, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				if method == "Diff" { // without what is missing it may well be refused
					f.set(t, "8.2.0", "1.1340")
				}
				f.write(t, "cloud.yml", "azs: []\n")
				f.director.faults[method] = []error{errors.New("refused")}
				_, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun, p.CloudConfig = true, "cloud.yml" })
				wantError(t, err, want)
			})
		})
	}
	t.Run("pipeline", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.atc.setErr = errors.New("refused")
			_, err := f.out(t.Context(), dryRun)
			wantError(t, err, "compare pipeline: refused")
		})
	})
}
