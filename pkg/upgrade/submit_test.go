package upgrade_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// lockLost is how a real director's task says that it did not get the lock.
const lockLost = "Failed to acquire lock for lock:deployment:concourse uid: 8c1f0d60-7a35-4d0e-9b0e-0a1b2c3d4e5f. Locking task id is 19, description:..."

func TestOut_findsItsTaskAfterALostReply(t *testing.T) {
	for _, lost := range []string{"accepted", "late"} {
		t.Run(lost, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.lost = lost
				began := time.Now()
				result, err := f.out(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if result.Version["task"] != "10" || f.count("deploy") != 1 {
					t.Errorf("version %v with %d deploys", result.Version, f.count("deploy"))
				}
				if took := time.Since(began); lost == "late" && took < late {
					t.Errorf("it found the task after %s, and it was there after %s", took, late)
				}
				wantText(t, "log", f.log.String(), "the director's answer was lost", "connection reset")
			})
		})
	}
}

func TestOut_searchesOnWhileTheDirectorIsAway(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lost = "accepted"
		f.director.onDeploy = func() {
			for range 60 { // two minutes: longer than a task is looked for where the director answers
				f.director.faults["Tasks"] = append(f.director.faults["Tasks"], errUnreachable)
			}
		}
		result, err := f.out(t.Context(), nil)
		if err != nil || result.Version["task"] != "10" || f.count("deploy") != 1 {
			t.Errorf("version %v with %d deploys, %v", result.Version, f.count("deploy"), err)
		}
	})
}

func TestOut_saysThatNothingRunsWhenADeployWasLostOnItsWay(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lost = "dropped"
		began := time.Now()
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "deploy: the director's answer was lost: connection reset", "shows no task for it", "nothing is known to run", "put again")
		if !errors.Is(err, bosh.ErrUncertain) {
			t.Errorf("error %v does not wrap ErrUncertain", err)
		}
		if took := time.Since(began); took < 90*time.Second || took > 2*time.Minute {
			t.Errorf("it looked for the task for %s", took)
		}
	})
}

func TestOut_submitsAgainWhatWasCertainlyNotAccepted(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lost = "dropped"
		f.director.onDeploy = func() { f.director.onDeploy = func() { f.director.lost = "" } }
		result, err := f.out(t.Context(), nil)
		if err != nil || result.Version["task"] != "10" || f.count("deploy") != 1 {
			t.Errorf("version %v with %d deploys, %v", result.Version, f.count("deploy"), err)
		}
		wantText(t, "log", f.log.String(), "the director shows no task for it: submitting it again")
	})
}

// Of several first deploys of a new deployment the director answers all but one with a
// 500. What another build has submitted meanwhile is joined, or is done.
func TestOut_joinsWhatOthersHaveSubmittedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		note  string
	}{"and runs": {time.Hour / 2, "joined: it was running already"}, "and is done": {20 * time.Second, "nothing to deploy"}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID = "12"
				if _, err := f.out(t.Context(), nil); err != nil { // to learn the context id
					t.Fatal(err)
				}
				id, wanted := f.contextID(t), []byte(f.submitted(t))
				time.Sleep(long)
				if _, err := f.director.Task(t.Context(), 10); err != nil { // so that it has ended
					t.Fatal(err)
				}
				f.director.record("concourse", f.manifest(t, nil))
				f.director.lost = "dropped"
				f.director.onDeploy = func() {
					f.director.onDeploy = nil
					other := foreign("create deployment", c.takes, bosh.StateDone)
					other.ContextID = strings.Replace(id, "-1-12", "-1-11", 1)
					other.then = func() { f.director.record("concourse", wanted) }
					f.director.add(other)
				}
				f.build.ID = "13"
				result, err := f.out(t.Context(), nil)
				if err != nil || result.Version["task"] != "11" || f.count("deploy") != 1 || metadata(result)["deploy"] != c.note {
					t.Errorf("%+v, %v, %d deploys, want task 11 (%s)", result, err, f.count("deploy"), c.note)
				}
			})
		})
	}
}

// A proxy may give up on a deploy and deliver it later, when it was submitted again: the
// director has it twice then. Its tasks are judged as twins, whichever is asked for.
func TestOut_judgesADeployThatWasDeliveredLateAsATwin(t *testing.T) {
	for name, late := range map[string]fakeTask{
		"it lost the lock":     {Task: bosh.Task{Result: lockLost}, takes: 10 * time.Second, end: bosh.StateError},
		"it had nothing to do": {takes: 10 * time.Second, end: bosh.StateDone},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID, f.director.lost = "12", "dropped"
				f.director.onDeploy = func() { f.director.onDeploy = func() { f.director.lost = "" } }
				first, err := f.out(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				late.Task = bosh.Task{Description: "create deployment", Deployment: "concourse", User: "ci", Result: late.Result, ContextID: f.contextID(t)}
				f.director.add(late)
				time.Sleep(long)
				f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
				for _, task := range []string{first.Version["task"], "11"} {
					if _, err := f.in(t.Context(), task, t.TempDir(), judged); err != nil {
						t.Errorf("verify of task %s: %v", task, err)
					}
				}
				again, err := f.out(t.Context(), nil)
				if err != nil || f.count("deploy") != 1 {
					t.Errorf("%+v, %v, %d deploys, want nothing more", again, err, f.count("deploy"))
				}
			})
		})
	}
}

// A task that did not get the lock leaves its context id to the next one.
func TestOut_doesNotTakeAnEarlierTaskOfTheSameAttemptForTheLostOne(t *testing.T) {
	for _, c := range []struct{ lost, task string }{{"accepted", "11"}, {"dropped", ""}} {
		t.Run(c.lost, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.deploy.end, f.director.deploy.Result = bosh.StateError, lockLost
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute) // task 10 ends
				earlier := f.contextID(t)
				f.director.lost = c.lost
				result, err := f.out(t.Context(), nil)
				if f.contextID(t) != earlier {
					t.Fatal("the second deploy has another context id: this tests nothing")
				}
				if c.task == "" {
					wantError(t, err, "nothing is known to run")
				} else if err != nil || result.Version["task"] != c.task {
					t.Errorf("version %v, %v, want task %s", result.Version, err, c.task)
				}
			})
		})
	}
}

func TestOut_saysHowToFindADeployThatNobodyKnowsOf(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lost = "accepted"
		ctx, cancel := context.WithCancel(t.Context())
		f.director.onDeploy = func() {
			for range 100 {
				f.director.faults["Tasks"] = append(f.director.faults["Tasks"], errUnreachable)
			}
			time.AfterFunc(9*time.Second, cancel)
		}
		_, err := f.out(ctx, nil)
		wantError(t, err, "whether it was accepted is not known", "connection refused", f.contextID(t))
		if n := f.count("deploy"); n != 1 {
			t.Errorf("%d deploys", n)
		}
	})
}

func TestOut_endsLikeOneRunWhenItIsRunAgain(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		f.director.lost, f.director.onDeploy = "accepted", cancel // terminated when the director has it
		f.director.faults["Tasks"] = []error{nil, context.Canceled}
		if _, err := f.out(ctx, nil); err == nil {
			t.Fatal("the terminated run did not fail")
		}
		f.director.lost, f.director.onDeploy = "", nil
		running, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		over, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := f.count("deploy"); n != 1 || running.Version["task"] != "10" || over.Version["task"] != "10" {
			t.Errorf("%d deploys, versions %v while it ran and %v after, want one and task 10", n, running.Version, over.Version)
		}
		if n := f.count("set pipeline"); n != 1 {
			t.Errorf("the pipeline was set %d times", n)
		}
	})
}
