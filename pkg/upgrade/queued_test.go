package upgrade_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// jobless puts a task into the queue that no worker takes, and gives its id.
func (d *fakeDirector) jobless(contextID string) int {
	task := foreign("create deployment", 0, "")
	task.State, task.ContextID = bosh.StateQueued, contextID
	id := d.add(task)
	d.find(id).StartedAt = time.Time{}
	return id
}

// worked is a later task that a worker has had for so long.
func (d *fakeDirector) worked(description, deployment string, took time.Duration) {
	task := foreign(description, took, bosh.StateDone)
	task.Deployment = deployment
	task = *d.find(d.add(task))
	task.FinishedAt, task.State = task.StartedAt.Add(took), bosh.StateDone
	*d.find(task.ID) = task
}

// A director that dies in the wrong moment leaves a queued task that has no job. It
// must neither be joined nor waited for when later tasks have shown that.
func TestOut_goesOnWithoutATaskThatNoWorkerTakes(t *testing.T) {
	for _, c := range []struct {
		name         string
		own          bool // whether it is of the same content
		later        func(d *fakeDirector)
		left         bool
		joined, held bool
	}{
		{"of the same content, and an upload has ended since", true, func(d *fakeDirector) { d.worked("create release", "", time.Minute) }, true, false, false},
		{"of other content, and another deployment was deployed since", false, func(d *fakeDirector) { d.worked("create deployment", "vault", time.Minute) }, true, false, false},
		{"and the deployment was deployed since", false, func(d *fakeDirector) { d.worked("create deployment", "concourse", time.Minute) }, true, false, false},
		{"of the same content, and nothing has ended since", true, func(*fakeDirector) {}, false, true, false},
		{"of the same content, and what has ended since took a moment", true, func(d *fakeDirector) { d.worked("create release", "", time.Second) }, false, true, false},
		{"of other content, and nothing has ended since", false, func(*fakeDirector) {}, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID = "12"
				contextID := "perpetual-c0ffee"
				if c.own {
					if _, err := f.out(t.Context(), nil); err != nil { // to learn the context id
						t.Fatal(err)
					}
					contextID = f.contextID(t)
					f.director.tasks = f.director.tasks[:1]
				}
				before := f.count("deploy")
				jobless := f.director.jobless(contextID)
				c.later(f.director)
				result, err := f.out(t.Context(), nil)
				task, _ := result.Version.Task()
				switch deploys := f.count("deploy") - before; {
				case c.held:
					wantError(t, err, "still holds deployment concourse")
				case c.joined:
					if err != nil || task != jobless || deploys != 0 {
						t.Errorf("%+v, %v, %d deploys, want task %d joined", result, err, deploys, jobless)
					}
					wantText(t, "log", f.log.String(), "is queued: if the director has free workers and none takes it, cancel it with `bosh cancel-task")
				case err != nil || task <= jobless || deploys != 1:
					t.Errorf("%+v, %v, %d deploys, want another one than task %d", result, err, deploys, jobless)
				}
				if said := strings.Count(f.log.String(), "no worker will take it"); c.left != (said == 1) {
					t.Errorf("it says %d times that no worker will take it:\n%s", said, f.log.String())
				}
			})
		})
	}
}

// The task of a lost answer is not the jobless one of the same attempt.
func TestOut_findsItsTaskBehindOneThatNoWorkerTakes(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.ID = "12"
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		contextID := f.contextID(t)
		f.director.tasks = f.director.tasks[:1]
		jobless := f.director.jobless(contextID)
		f.director.worked("create release", "", time.Minute)
		f.director.lost = "accepted"
		result, err := f.out(t.Context(), nil)
		if task, _ := result.Version.Task(); err != nil || task <= jobless {
			t.Errorf("%+v, %v, want the task after %d", result, err, jobless)
		}
		time.Sleep(long)
		f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
		if _, err := f.in(t.Context(), result.Version["task"], t.TempDir(), judged); err != nil {
			t.Errorf("verify: %v", err)
		}
	})
}

// Nor is the jobless one waited for where the other one of its attempt has failed.
func TestIn_judgesATaskBesideATwinThatNoWorkerTakes(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.jobless("perpetual-c0ffee-1-12")
		failed := foreign("create deployment", time.Minute, bosh.StateError)
		failed.ContextID = "perpetual-c0ffee-1-12"
		id := strconv.Itoa(f.director.add(failed))
		time.Sleep(long)
		began := time.Now()
		_, err := f.in(t.Context(), id, t.TempDir(), judged)
		wantError(t, err, "director task "+id+" ended as error")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// A queued deploy changes nothing yet: it is no reason not to judge.
func TestIn_judgesWhileANewerDeployIsQueued(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateDone)
		f.atc.looks = []look{{version: "8.2.0", workerVersion: "2.5"}}
		f.director.jobless("")
		_, err := f.in(t.Context(), task, t.TempDir(), judged)
		wantError(t, err, "Concourse version", "8.2.0")
	})
}

func TestIn_saysWhatToDoAboutATaskThatStaysQueued(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.finished(t, bosh.StateDone)
		f.director.jobless("")
		_, err := f.in(t.Context(), "43", t.TempDir(), resource.InParams{Verify: true, Timeout: resource.Duration{Duration: time.Minute}})
		wantError(t, err, "director task 43", "no worker has taken it", "bosh cancel-task 43", "params.timeout of 1m0s is over")
	})
}
