package upgrade_test

import (
	"context"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// foreign is a task of another user on the deployment.
func foreign(description string, takes time.Duration, end string) fakeTask {
	return fakeTask{
		Task:  bosh.Task{Description: description, Deployment: "concourse", User: "admin"},
		takes: takes, end: end,
	}
}

func TestOut_joinsTheRunningDeployOfTheSameContent(t *testing.T) {
	for _, state := range []string{bosh.StateQueued, bosh.StateProcessing} {
		t.Run(state, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				first, err := f.out(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				f.director.tasks[len(f.director.tasks)-1].State = state
				second, err := f.out(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if !second.Version.Equal(first.Version) || f.count("deploy") != 1 {
					t.Errorf("versions %v and %v with %d deploys, want one task and one deploy", first.Version, second.Version, f.count("deploy"))
				}
				wantText(t, "log", f.log.String(), "director task 10 deploys the same content already")
			})
		})
	}
}

func TestOut_waitsForTheJoinedDeployWhenNotDetached(t *testing.T) {
	attached := false
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.director.tasks[len(f.director.tasks)-1].end = bosh.StateError
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.Detach = &attached })
		wantError(t, err, "wait for the deploy: director task 10 ended as error")
		if n := f.count("deploy"); n != 1 {
			t.Errorf("%d deploys, want the joined one", n)
		}
	})
}

func TestOut_doesNotJoinADeployThatIsBeingCancelled(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		task := f.director.tasks[len(f.director.tasks)-1]
		task.State, task.end, task.takes = bosh.StateCancelling, bosh.StateCancelled, 20*time.Second
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if result.Version["task"] != "11" || f.count("deploy") != 2 || task.State != bosh.StateCancelled {
			t.Errorf("version %v, %d deploys, the first one is %s", result.Version, f.count("deploy"), task.State)
		}
		wantText(t, "log", f.log.String(), "waiting up to 5m0s for director task 10 (create deployment by ci, cancelling, since 2000-01-01 00:00:00 UTC) to end")
	})
}

func TestOut_readsTheDeployedManifestAgainAfterAnotherDeploy(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		other := foreign("create deployment", 30*time.Second, bosh.StateDone)
		other.then = func() { f.director.record("concourse", f.manifest(t, map[string]any{"worker_instances": 5})) }
		f.director.add(other)
		began := time.Now()
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 30*time.Second || f.count("deploy") != 1 {
			t.Errorf("%d deploys after %s; the other one ran for 30s", f.count("deploy"), took)
		}
		wantText(t, "manifest", f.submitted(t), "instances: 5", "8.2.1", keptKey)
	})
}

func TestOut_startsNothingWhenAnotherDeployHasDoneIt(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		other := foreign("create deployment", 30*time.Second, bosh.StateDone)
		other.then = func() {
			f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": "8.2.1", "stemcell_version": "1.1364"}))
		}
		id := f.director.add(other)
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if task, _ := result.Version.Task(); task != id || f.count("deploy") != 0 {
			t.Errorf("version %v with %d deploys, want that of task %d with none", result.Version, f.count("deploy"), id)
		}
	})
}

func TestOut_startsNothingWhenTheDeploymentIsDeletedMeanwhile(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		deletion := foreign("delete deployment concourse", 30*time.Second, bosh.StateDone)
		deletion.then = func() { delete(f.director.deployed, "concourse") }
		f.director.add(deletion)
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "no value for", "external_url", "worker_key")
		if n := f.count("deploy"); n != 0 {
			t.Errorf("%d deploys were started", n)
		}
	})
}

func TestOut_givesUpOnAHeldDeployment(t *testing.T) {
	for _, c := range []struct {
		name  string
		hold  func(f *fixture)
		limit time.Duration // 0: the default
		want  []string
	}{
		{"a deploy", func(f *fixture) { f.director.add(foreign("create deployment", 0, "")) }, 0,
			[]string{"director task 10 (create deployment by admin, processing, since 2000-01-01 00:00:00 UTC)", "concourse after 5m0s", "it keeps running", "params.lock_timeout"}},
		{"a deploy, with another limit", func(f *fixture) { f.director.add(foreign("create deployment", 0, "")) }, 10 * time.Second,
			[]string{"director task 10", "after 10s", "it keeps running"}},
		{"a dry run", func(f *fixture) { f.director.add(foreign("create deployment (dry run)", 0, "")) }, 0, []string{"director task 10 (create deployment (dry run)"}},
		{"a deletion", func(f *fixture) { f.director.add(foreign("delete deployment concourse", 0, "")) }, 0, []string{"director task 10 (delete deployment"}},
		{"a lock whose task is not listed", func(f *fixture) {
			f.director.locks = []bosh.Lock{{Type: "deployment", Resource: []string{"concourse"}, TaskID: 99}}
		}, 0, []string{"director task 99 (lock of the deployment) still holds deployment concourse", "it keeps running"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.lastID = 9
				c.hold(f)
				began, limit := time.Now(), max(c.limit, 0)
				if limit == 0 {
					limit = 5 * time.Minute
				}
				_, err := f.out(t.Context(), func(p *resource.OutParams) { p.LockTimeout.Duration = c.limit })
				wantError(t, err, c.want...)
				if took := time.Since(began); took < limit || took > limit+10*time.Second {
					t.Errorf("it gave up after %s, want %s", took, limit)
				}
				if n := f.count("deploy"); n != 0 {
					t.Errorf("%d deploys were started", n)
				}
			})
		})
	}
}

func TestOut_doesNotCareForWhatHoldsSomethingElse(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		other := foreign("create deployment", 0, "")
		other.Deployment = "vault"
		f.director.add(other)
		f.director.locks = []bosh.Lock{
			{Type: "deployment", Resource: []string{"vault"}, TaskID: 8}, {Type: "release", Resource: []string{"concourse"}, TaskID: 9},
			{Type: "deployment", Resource: []string{"concourse"}, TaskID: 7, ExpiresAt: time.Now().Add(-time.Second)}, // nobody's any more
		}
		began := time.Now()
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}

func TestOut_saysThatTheOtherDeployKeepsRunningWhenItIsTerminated(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		id := f.director.add(foreign("create deployment", 0, ""))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		began := time.Now()
		_, err := f.out(ctx, nil)
		wantError(t, err, "director task 8 (create deployment by admin, processing, since 2000-01-01 00:00:00 UTC), which keeps running", "context canceled")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it ended %s after it began, and was terminated after 10s", took)
		}
		if task, _ := f.director.Task(t.Context(), id); task.State != bosh.StateProcessing || f.count("deploy") != 0 {
			t.Errorf("the task is %s, %d deploys were started", task.State, f.count("deploy"))
		}
	})
}
