package upgrade_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func TestOut_setsThePipelineThenBringsArtifactsThenDeploys(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "cloud.yml", "azs: []\n")
		began := time.Now()
		result, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" })
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"set pipeline self-upgrade",
			"set cloud config",
			"upload concourse/8.2.1 from https://bosh.io/d/concourse?v=8.2.1",
			"upload " + stemcellName + "/1.1364 from https://bosh.io/d/stemcell?v=1.1364",
			"deploy concourse",
		}
		if diff := cmp.Diff(want, f.all()); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
		wantText(t, "log", f.log.String(), "  + azs: []\n") // before it is set
		if took := time.Since(began); took >= time.Minute {
			t.Errorf("it answered after %s: the deploy takes a minute, and nobody may wait for it", took)
		}
		wantResult := resource.Result{
			Version: resource.Version{"task": "10"},
			Metadata: []resource.Field{
				{Name: "concourse", Value: "8.2.0 → 8.2.1"},
				{Name: "stemcell", Value: "1.1340 → 1.1364"},
				{Name: "perpetual", Value: "1.2.0 → 1.3.0"},
				{Name: "way", Value: "web-first: worker version 2.5 stays: old workers serve builds under the new web node"},
				{Name: "deploy", Value: "started"},
				{Name: "director task", Value: "10"},
				{Name: "follow it", Value: "bosh -e https://10.0.0.6:25555 task 10"},
				{Name: "result", Value: "open: the deploy may still fail, or not get the deployment's lock; a get with verify: true judges it"},
				{Name: "pipeline", Value: "self-upgrade: updated"},
			},
		}
		if diff := cmp.Diff(wantResult, result); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	})
}

func TestOut_leavesAloneWhatIsThereAlready(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.releases = append(f.director.releases, bosh.Release{Name: "concourse", Version: "8.2.1"})
		f.director.cloudConfig = "azs: []\n"
		f.write(t, "cloud.yml", "azs: []\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" }); err != nil {
			t.Fatal(err)
		}
		if n := f.count("upload concourse"); n != 0 {
			t.Errorf("the release was uploaded %d times", n)
		}
		if n := f.count("upload " + stemcellName); n != 1 {
			t.Errorf("the stemcell was uploaded %d times", n)
		}
		if n := f.count("set cloud config"); n != 0 {
			t.Errorf("the cloud config was set %d times", n)
		}
	})
}

func TestOut_uploadsAtTheSameTime(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.uploads["concourse"], f.director.uploads[stemcellName] = outcome{takes: time.Minute}, outcome{takes: time.Minute}
		began := time.Now()
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took >= 2*time.Minute {
			t.Errorf("two uploads of a minute took %s", took)
		}
	})
}

func TestOut_uploadsDownloadedFiles(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "components/components.json", `[
			{"name": "concourse", "kind": "release", "version": "8.2.1", "url": "https://bosh.io/d/c", "file": "concourse/release.tgz"},
			{"name": "stemcell", "kind": "stemcell", "upstream": "`+stemcellName+`", "version": "1.1340"}]`)
		f.write(t, "components/concourse/release.tgz", "a release")
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if want := "upload concourse/8.2.1 from " + f.dir + "/components/concourse/release.tgz"; f.count(want) != 1 {
			t.Errorf("effects = %q, want %q", f.all(), want)
		}
		wantText(t, "log", f.log.String(), "uploading concourse/8.2.1 from release.tgz: director task 8")
	})
}

func TestOut_bringsNothingWithoutAComponentSet(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Components, p.Recreate = "", true }); err != nil {
			t.Fatal(err)
		}
		if f.count("upload") != 0 || f.count("deploy") != 1 {
			t.Errorf("effects %q, want a deploy alone", f.all())
		}
	})
}

func TestOut_stopsAtTheFirstStepThatFails(t *testing.T) {
	failed := []bosh.Event{{Stage: "Downloading remote release", Task: "Downloading remote release", State: "failed", Error: "No space left"}}
	for _, c := range []struct {
		name string
		edit func(f *fixture)
		last string // the last thing that was done
		want []string
	}{
		{"the pipeline is refused", func(f *fixture) { f.atc.setErr = errors.New("invalid jobs") }, "", []string{"set pipeline: invalid jobs"}},
		{"the cloud config is refused", func(f *fixture) { f.director.faults["UpdateConfig"] = []error{errors.New("unknown az")} }, "set pipeline", []string{"set cloud config: unknown az"}},
		{"a release cannot be looked at", func(f *fixture) { f.director.faults["Packages"] = []error{errUnreachable} }, "", []string{"look at the packages of concourse/8.2.1"}},
		{"stemcells cannot be listed", func(f *fixture) { f.director.faults["Stemcells"] = []error{errUnreachable} }, "", []string{"list stemcells"}},
		{"releases cannot be listed after the upload", func(f *fixture) { f.director.faults["Releases"] = []error{nil, errUnreachable} }, "upload " + stemcellName, []string{"bring stemcell and releases: list releases"}},
		{"an upload is refused", func(f *fixture) { f.director.faults["Upload"] = []error{errors.New("403")} }, "set cloud config", []string{"upload concourse/8.2.1: 403"}},
		{"an upload task fails", func(f *fixture) { f.director.uploads["concourse"] = outcome{end: bosh.StateError, events: failed} }, "upload " + stemcellName,
			[]string{"upload concourse/8.2.1: director task 8 ended as error", "Downloading remote release", "No space left"}},
		{"an upload task is cancelled and leaves no reason", func(f *fixture) { f.director.uploads[stemcellName] = outcome{end: bosh.StateCancelled} }, "upload " + stemcellName,
			[]string{"director task 9 ended as cancelled: the director gives no reason"}},
		{"a release is called otherwise inside", func(f *fixture) { f.director.uploads["concourse"] = outcome{as: "concourse-ce"} }, "upload " + stemcellName,
			[]string{"took concourse/8.2.1, but under another name"}},
		{"tasks cannot be listed", func(f *fixture) { f.director.faults["Tasks"] = []error{errUnreachable} }, "upload " + stemcellName, []string{"deploy: list tasks of concourse"}},
		{"locks cannot be listed", func(f *fixture) { f.director.faults["Locks"] = []error{errUnreachable} }, "upload " + stemcellName, []string{"deploy: list locks"}},
		{"the manifest cannot be compared", func(f *fixture) { f.director.faults["Diff"] = []error{errors.New("no such stemcell")} }, "upload " + stemcellName, []string{"deploy: compare manifest: no such stemcell"}},
		{"the deploy is refused", func(f *fixture) { f.director.faults["Deploy"] = []error{errors.New("401")} }, "upload " + stemcellName, []string{"deploy: 401"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.write(t, "cloud.yml", "azs: []\n")
				c.edit(f)
				_, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" })
				wantError(t, err, c.want...)
				done := f.all()
				last := ""
				if len(done) > 0 {
					last = done[len(done)-1]
				}
				if !strings.HasPrefix(last, c.last) || (c.last == "" && last != "") {
					t.Errorf("the last thing done is %q, want %q", last, c.last)
				}
				if n := f.count("deploy"); n != 0 {
					t.Errorf("%d deploys were started", n)
				}
			})
		})
	}
}

func TestOut_waitsForTheDeployWhenNotDetached(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.events = []bosh.Event{
			{Stage: "Updating instance", Task: "web/6f1c (0) (canary)", State: "started"},
			{Type: "warning", Message: "deprecated key"},
		}
		began := time.Now()
		result, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Minute {
			t.Errorf("it answered after %s, and the deploy takes a minute", took)
		}
		if result.Version["task"] != "10" {
			t.Errorf("version = %v", result.Version)
		}
		wantText(t, "log", f.log.String(), "Updating instance: web/6f1c (0) (canary) started", "warning: deprecated key", "director task 10 is done")
	})
}

func TestOut_namesStageAndInstanceOfADeployThatFails(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.end = bosh.StateError
		f.director.deploy.events = []bosh.Event{
			{Stage: "Updating instance", Task: "worker/6f1c (0) (canary)", State: "failed", Error: "'worker/6f1c (0)' is not running after update."},
			{Type: bosh.EventError, Code: 400007, Message: "not running after update"},
		}
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
		wantError(t, err, "wait for the deploy: director task 10 ended as error", "Updating instance", "worker/6f1c (0) (canary)", "is not running after update")
		wantText(t, "log", f.log.String(), "error 400007: not running after update")
	})
}

func TestOut_saysBothWhenTheEventsOfAFailureCannotBeRead(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.end = bosh.StateTimeout
		f.director.faults["Events"] = []error{nil, nil, nil, errUnreachable} // two uploads, the wait, then ours
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
		wantError(t, err, "director task 10 ended as timeout", "connection refused")
	})
}

func TestOut_waitsForNothingWhenNothingIsDeployed(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		result, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
		if err != nil || result.Version["task"] != "7" {
			t.Errorf("result = %v, %v", result, err)
		}
		wantText(t, "log", f.log.String(), "wait for the deploy: nothing to wait for")
	})
}

func TestOut_endsWithItsTimeoutAndLeavesTheTaskAlone(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach, p.Timeout.Duration = &attached, 20*time.Second })
		wantError(t, err, "wait for the deploy", "params.timeout of 20s is over")
		time.Sleep(time.Minute)
		task, err := f.director.Task(t.Context(), 10)
		if err != nil || task.State != bosh.StateDone {
			t.Errorf("task = %+v, %v", task, err)
		}
	})
}
