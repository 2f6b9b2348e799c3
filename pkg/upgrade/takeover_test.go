package upgrade_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// adopted makes the list that of another run, which has gone on from it after a while.
func (f *fixture) adopted(after time.Duration, edit func(*pause.List)) {
	time.AfterFunc(after, func() {
		f.kept.mu.Lock()
		defer f.kept.mu.Unlock()
		edit(&f.kept.list)
		f.kept.revision++
	})
}

// What another run has gone on from is that one's to unpause: its deploy may be running.
func TestOut_leavesPipelinesPausedThatAnotherRunHasTakenOver(t *testing.T) {
	for name, edit := range map[string]func(*pause.List){
		"and waits":           func(l *pause.List) { l.Build = "main/self-upgrade/upgrade #4" },
		"and has deployed":    func(l *pause.List) { l.Build, l.Task = "main/self-upgrade/upgrade #4", 10 },
		"and was killed then": func(l *pause.List) { l.Task = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.busy(t)
				f.adopted(time.Minute, edit)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				_, err := f.out(ctx, nil)
				wantError(t, err, "wait for builds to end", "deadline exceeded")
				if got := f.atc.paused(); !slices.Equal(got, silent) {
					t.Errorf("paused are %q, want %q: the other run has them", got, silent)
				}
				wantText(t, "log", f.log.String(), "pipelines stay paused")
			})
		})
	}
	t.Run("with the lease", func(t *testing.T) {
		withStore(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			f.robbed(t, time.Minute, true)
			_, err := f.out(t.Context(), nil)
			if !errors.Is(err, lease.ErrLost) {
				t.Errorf("%v, want one that says that the lease was lost", err)
			}
			if got := f.atc.paused(); !slices.Equal(got, silent) {
				t.Errorf("paused are %q, want %q: who has the lease may deploy", got, silent)
			}
			wantText(t, "log", f.log.String(), "pipelines stay paused")
			time.Sleep(2 * time.Hour)
		})
	})
}

// perpetual resume, or another run that has given up, lets pipelines run while a put
// waits: what it then deployed would error their builds.
func TestOut_deploysNothingWhenPipelinesWereLetRunMeanwhile(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		time.AfterFunc(time.Minute, func() {
			if _, err := (pause.Pause{ATC: f.atc, Keeper: f.kept, Deployment: f.name}).End(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "were unpaused meanwhile", "nothing was deployed", "put again")
		if got := f.atc.paused(); !slices.Equal(got, untouched) || f.count("deploy") != 0 {
			t.Errorf("paused are %q, %d deploys", got, f.count("deploy"))
		}
	})
}

// Somebody's own deploy ends while a put waits: the build that verifies it does not
// unpause what the put has paused.
func TestIn_leavesPipelinesPausedAfterADeployByOthers(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		failed := make(chan error)
		time.AfterFunc(time.Minute, func() {
			f.director.mu.Lock()
			f.director.past(9, bosh.StateDone)
			f.director.mu.Unlock()
			_, err := f.in(t.Context(), "9", t.TempDir(), judged)
			failed <- errors.Join(err, pausedAs(f, silent))
		})
		ended := make(chan error)
		go func() {
			_, err := f.out(t.Context(), nil)
			ended <- err
		}()
		if err := <-failed; err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil || f.count("deploy") != 1 {
			t.Errorf("%v, %d deploys", err, f.count("deploy"))
		}
		if err := pausedAs(f, silent); err != nil {
			t.Error(err)
		}
	})
}

// A build that verifies a quiet upgrade while a newer deploy runs judges nothing that
// this one changes, and leaves the pipelines to that one's verification.
func TestIn_leavesPipelinesPausedWhileANewerDeployRuns(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0", workers: workers("running 3.0", "running 3.0")}}
		f.director.add(fakeTask{Task: bosh.Task{Description: "create deployment", Deployment: "concourse", User: "ada"}, takes: time.Hour, end: bosh.StateDone})
		if _, err := f.in(t.Context(), "9", t.TempDir(), judged); err != nil {
			t.Fatal(err)
		}
		if err := pausedAs(f, silent); err != nil {
			t.Error(err)
		}
		wantText(t, "log", f.log.String(), "pipelines stay paused", "director task 10")
		time.Sleep(time.Hour)
		if _, err := f.in(t.Context(), "10", t.TempDir(), judged); err != nil {
			t.Fatal(err)
		}
		if err := pausedAs(f, untouched); err != nil {
			t.Error(err)
		}
	})
}

// The time of a verification may be over before its answer is good.
func TestIn_unpausesThoughItsTimeIsOver(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		// One of the two workers does not come.
		f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0", workers: workers("running 3.0")}}
		_, err := f.in(t.Context(), "9", t.TempDir(), resource.InParams{Verify: true, Timeout: resource.Duration{Duration: time.Minute}})
		wantError(t, err, "workers", "1 of 2", "params.timeout of 1m0s is over")
		if err := pausedAs(f, untouched); err != nil {
			t.Error(err)
		}
	})
}

func TestIn_saysInOneLineWhatItCouldNotUnpause(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		f.director.deploy.end = bosh.StateError
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.atc.failures = map[string]error{"unpause other/app": errUnreachable}
		_, err := f.in(t.Context(), "9", t.TempDir(), judged)
		wantError(t, err, "director task 9 ended as error", "; ", "other/app", "perpetual resume")
	})
}

func pausedAs(f *fixture, want []string) error {
	if got := f.atc.paused(); !slices.Equal(got, want) {
		return errors.New("paused are " + join(got) + ", want " + join(want))
	}
	return nil
}

func join(list []string) string {
	text := ""
	for _, s := range list {
		text += " " + s
	}
	return text
}

// Somebody deploys while a put waits for builds.
func TestOut_looksAgainAtWhatIsDeployedWhenItHasWaited(t *testing.T) {
	meanwhile := func(f *fixture, text []byte) {
		time.AfterFunc(time.Minute, func() {
			f.director.mu.Lock()
			defer f.director.mu.Unlock()
			f.director.past(9, bosh.StateDone)
			f.director.record("concourse", text)
		})
	}
	t.Run("with other values, which are kept", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			meanwhile(f, f.manifest(t, map[string]any{"concourse_version": "8.2.5", "worker_instances": 5}))
			if _, err := f.out(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			wantText(t, "the manifest", f.submitted(t), "instances: 5")
		})
	})
	t.Run("the same", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			meanwhile(f, f.manifest(t, map[string]any{"concourse_version": "8.3.0"}))
			result, err := f.out(t.Context(), nil)
			if err != nil || metadata(result)["deploy"] != "nothing to deploy" {
				t.Fatalf("%v, %v", result, err)
			}
			if err := pausedAs(f, untouched); err != nil {
				t.Error(err)
			}
			if log := f.log.String(); strings.Contains(log, "stay paused") {
				t.Errorf("the log says that pipelines stay paused:\n%s", log)
			}
		})
	})
}
