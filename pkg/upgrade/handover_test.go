package upgrade_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// unknownConcourse makes a Concourse that no table has what the set brings, with
// Perpetual 1.3.0 in it.
func (f *fixture) unknownConcourse(t *testing.T) {
	t.Helper()
	f.busy(t)
	f.set(t, "9.0.0", "1.1340")
	f.program = "1.2.0"
}

func TestOut_handsAnUnknownConcourseOverToTheNewPerpetual(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.unknownConcourse(t)
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.atc.called(); !slices.Equal(got, []string{"trigger self-upgrade/upgrade"}) || f.count("deploy") != 0 || f.count("set pipeline") != 1 {
			t.Errorf("it did %q and %q, want the pipeline set and its job triggered", f.all(), got)
		}
		if result.Version["task"] != "7" {
			t.Errorf("version %v, want the last deploy's", result.Version)
		}
		wantText(t, "log", f.log.String(), "does not know Concourse 9.0.0", "build #4 of upgrade goes on with Perpetual 1.3.0")
		wantText(t, "metadata", metadata(result)["deploy"], "handed over to the new Perpetual")

		// The new one finds its pipeline set, and decides.
		f.program, f.build.ID = "1.3.0", "99"
		f.atc.builds[0].ID = 99
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 1 {
			t.Errorf("%v, %d deploys by the new Perpetual", err, f.count("deploy"))
		}
	})
}

// signedSet makes the set one whose Perpetual is signed.
func (f *fixture) signedSet(t *testing.T, digest string) {
	t.Helper()
	path := filepath.Join(f.dir, "components/components.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "components/components.json", strings.Replace(string(text), `"version":"1.3.0"`, `"version":"1.3.0","images":{"resource":"`+digest+`","installer":"`+digest+`"}`, 1))
}

func TestOut_namesItsImageByTheSignedDigest(t *testing.T) {
	digest, next := "sha256:"+strings.Repeat("0a", 32), "sha256:"+strings.Repeat("0b", 32)
	play(t, func(t *testing.T, f *fixture) {
		f.program = "1.2.0"
		f.signedSet(t, digest)
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantText(t, "pipeline", f.atc.pipeline("self-upgrade"), "tag: "+digest)
		wantText(t, "metadata", metadata(result)["perpetual"], "1.2.0 → 1.3.0")

		// The digest is that of the set: the same version.
		if result, err = f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "metadata", metadata(result)["perpetual"], "1.3.0 (unchanged)")

		// Another one is that of the program that runs from there.
		f.set(t, "8.2.1", "1.1364")
		f.signedSet(t, next)
		if result, err = f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "pipeline", f.atc.pipeline("self-upgrade"), "tag: "+next)
		wantText(t, "metadata", metadata(result)["perpetual"], "1.2.0 → 1.3.0")
	})
}

func TestOut_handsOverByTheSignedDigest(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.unknownConcourse(t)
		f.signedSet(t, "sha256:"+strings.Repeat("0a", 32))
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := f.atc.called(); !slices.Equal(got, []string{"trigger self-upgrade/upgrade"}) || f.count("deploy") != 0 {
			t.Errorf("it did %q and %q, want its job triggered", f.all(), got)
		}
		f.build.ID = "99" // of the same old program, which finds its pipeline set: nothing is handed over twice
		f.atc.builds[0].ID = 99
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 1 {
			t.Errorf("%v, %d deploys", err, f.count("deploy"))
		}
	})
}

func TestOut_decidesItself(t *testing.T) {
	for name, edit := range map[string]func(t *testing.T, f *fixture, p *resource.OutParams){
		"where it knows the version": func(t *testing.T, f *fixture, _ *resource.OutParams) { f.set(t, "8.3.0", "1.1340") },
		"where it is the newest":     func(_ *testing.T, f *fixture, _ *resource.OutParams) { f.program = "1.3.0" },
		"where the pipeline is its user's own": func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "p.yml", ownPipeline)
			p.Pipeline = &resource.PipelineParams{File: "p.yml"}
		},
		"where no pipeline is set": func(_ *testing.T, _ *fixture, p *resource.OutParams) {
			p.Pipeline = &resource.PipelineParams{Skip: true}
		},
		"outside of a build": func(_ *testing.T, f *fixture, _ *resource.OutParams) { f.build, f.atc.builds = plan.Build{}, nil },
		"where another pipeline is set": func(_ *testing.T, _ *fixture, p *resource.OutParams) {
			p.Pipeline = &resource.PipelineParams{Name: "another"}
		},
		"where its version is not known": func(_ *testing.T, f *fixture, _ *resource.OutParams) { f.program = "" },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.unknownConcourse(t)
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { edit(t, f, p) }); err != nil {
					t.Fatal(err)
				}
				if slices.Contains(f.atc.called(), "trigger self-upgrade/upgrade") || f.count("deploy") != 1 {
					t.Errorf("it did %q, %q, want a deploy", f.atc.called(), f.all())
				}
			})
		})
	}
}

const ownPipeline = "jobs: [{name: mine, plan: []}]\n"

func TestOut_saysWhatToDoWhenItCannotHandOver(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.unknownConcourse(t)
		f.atc.trigger = errors.New("trigger job upgrade: Concourse answered 500")
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "hand over", "Perpetual 1.3.0", "trigger job upgrade by hand")
		if f.count("deploy") != 0 || !slices.Equal(f.atc.paused(), untouched) {
			t.Errorf("%d deploys, paused are %q", f.count("deploy"), f.atc.paused())
		}
	})
}

// A new scope of a resource's versions, as after an upgrade to Concourse 8, starts a
// build that nobody has asked for.
func TestOut_triesAgainOnlyForAPerson(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.end = bosh.StateError
		f.atc.builds = []concourse.Build{{ID: 12, Status: "started"}, {ID: 13, Status: "started"}, {ID: 14, Status: "started", CreatedBy: "ada"}}
		f.build.ID = "12"
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.build.ID = "13"
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "it has failed with director task 10", "trigger the job by hand", "something newer")
		if f.count("deploy") != 1 {
			t.Errorf("%d deploys, want no other one", f.count("deploy"))
		}
		f.build.ID = "14"
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 2 {
			t.Errorf("%v, %d deploys for a person", err, f.count("deploy"))
		}
		time.Sleep(long)
		f.build.ID = "13"
		f.set(t, "8.2.2", "1.1364")
		if _, err := f.out(t.Context(), nil); err != nil || f.count("deploy") != 3 {
			t.Errorf("%v, %d deploys of something newer", err, f.count("deploy"))
		}
	})
}

func TestIn_saysWhyTheGateGaveUp(t *testing.T) {
	const gone = "Action Failed get_task: Task 4b2c result: 1 of 2 post-start scripts failed. Failed Jobs: gate. Successful Jobs: web."
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateError, event(t, "Updating instance", "web/6f1c (0) (canary)", "failed", gone))
		f.director.logs = map[string][]byte{
			"./gate/post-start.stdout.log": []byte("waiting for the API\nthe web answers as 8.2.0, wanted is 8.2.1: giving up after 2h\n"),
			"./web/web.stdout.log":         []byte("not ours\n"),
		}
		_, err := f.in(t.Context(), task, t.TempDir(), judged)
		wantError(t, err, "Failed Jobs: gate", "its log ends with: the web answers as 8.2.0, wanted is 8.2.1: giving up after 2h")
		if !slices.Contains(f.director.calls, "Logs of web/6f1c") {
			t.Errorf("calls %q, want the logs of web/6f1c", f.director.calls)
		}
	})
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateError, event(t, "Updating instance", "web/6f1c (0) (canary)", "failed", gone))
		f.director.faults["Logs"] = []error{errUnreachable}
		_, err := f.in(t.Context(), task, t.TempDir(), judged)
		wantError(t, err, "Failed Jobs: gate")
		wantText(t, "log", f.log.String(), "cannot be fetched", "connection refused")
	})
}
