package upgrade_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// busy makes the fixture a Concourse 8.2.5 that is to become 8.3.0, with pipelines of
// three teams: one was paused by ada before, and our own is among them.
func (f *fixture) busy(t *testing.T) {
	t.Helper()
	f.concourse(t, "8.2.5", "2.5", "8.3.0")
	f.build.ID, f.build.Job = "12", "upgrade"
	named := func(id int, team, name string) concourse.PipelineState {
		return concourse.PipelineState{Pipeline: concourse.Pipeline{Name: name}, ID: id, Team: team}
	}
	idle := named(3, "other", "idle")
	idle.Paused, idle.PausedBy, idle.PausedAt = true, "ada", time.Unix(1, 0)
	f.atc.states = []concourse.PipelineState{named(1, "main", "self-upgrade"), named(2, "other", "app"), idle, named(4, "third", "app")}
	f.atc.pausedAt = 10
	f.atc.builds = []concourse.Build{
		{ID: 12, Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "3", Status: "started"},
		{ID: 13, Team: "other", Pipeline: "app", Job: "unit", Name: "41", Status: "started"},
	}
	f.atc.until = map[int]time.Time{13: time.Now().Add(5 * time.Minute)}
}

var (
	untouched = []string{"other/idle"}
	silent    = []string{"other/app", "other/idle", "third/app"}
)

func TestOut_upgradesQuietly(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		began := time.Now()
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("it deployed after %s, want the end of the other team's build and some seconds", took)
		}
		if f.count("deploy") != 1 || !slices.Equal(f.atc.paused(), silent) {
			t.Errorf("%d deploys, paused are %q, want %q", f.count("deploy"), f.atc.paused(), silent)
		}
		if list := f.kept.list; list.Task != 9 || list.From != "8.2.5" || list.To != "8.3.0" || len(list.Pipelines) != 2 {
			t.Errorf("the list that is kept: %+v", list)
		}
		wantText(t, "log", f.log.String(), "way: quiet", "other/app", "unit #41")
		wantText(t, "metadata", metadata(result)["deploy"], "started")
	})
}

func TestIn_unpausesExactlyWhatWasPaused(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0", workers: workers("running 3.0", "running 3.0")}}
		if _, err := f.in(t.Context(), "9", t.TempDir(), judged); err != nil {
			t.Fatal(err)
		}
		if got := f.atc.paused(); !slices.Equal(got, untouched) {
			t.Errorf("paused are %q, want %q", got, untouched)
		}
		if len(f.kept.list.Pipelines) != 0 {
			t.Errorf("the list is not empty: %+v", f.kept.list)
		}
	})
}

func TestIn_leavesPipelinesToTheTaskTheyArePausedFor(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.atc.looks = []look{{version: "8.2.5", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
		if _, err := f.in(t.Context(), "7", t.TempDir(), judged); err != nil { // the deploy before
			t.Log(err)
		}
		if got := f.atc.paused(); !slices.Equal(got, silent) {
			t.Errorf("paused are %q, want %q: the deploy runs still", got, silent)
		}
	})
}

func TestIn_unpausesAfterAFailedDeployWhereBuildsCanRun(t *testing.T) {
	for _, c := range []struct {
		name string
		look look
		want []string
	}{
		{"the old web and workers serve", look{version: "8.2.5", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}, untouched},
		{"the web is new, the workers are old", look{version: "8.3.0", workerVersion: "3.0", workers: workers("running 2.5", "running 2.5")}, silent},
		{"one worker is new", look{version: "8.3.0", workerVersion: "3.0", workers: workers("running 2.5", "running 3.0")}, untouched},
		{"the web does not answer", look{err: errUnreachable}, silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.busy(t)
				f.director.deploy.end = bosh.StateError
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(long)
				f.atc.looks = []look{c.look}
				_, err := f.in(t.Context(), "9", t.TempDir(), judged)
				wantError(t, err, "director task 9 ended as error")
				if got := f.atc.paused(); !slices.Equal(got, c.want) {
					t.Errorf("paused are %q, want %q", got, c.want)
				}
				if len(c.want) > 1 {
					wantText(t, "log", f.log.String(), "pipelines stay paused", "perpetual resume")
				}
			})
		})
	}
}

func TestOut_needsTheRightToPauseBeforeItChangesAnything(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		f.atc.noAdmin = true
		for _, edit := range []func(*resource.OutParams){nil, dryRun} {
			_, err := f.out(t.Context(), edit)
			wantError(t, err, "upgrade quietly", "owner", "main", "upgrade.way")
		}
		f.noATC = true
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "upgrade quietly", "source.concourse", "params.upgrade.way")
		if done := f.all(); len(done) > 0 || !slices.Equal(f.atc.paused(), untouched) {
			t.Errorf("it changed %q; paused are %q", done, f.atc.paused())
		}
	})
}

func TestOut_givesUpWhenBuildsGoOn(t *testing.T) {
	for _, c := range []struct {
		action string
		want   []string
		paused []string
	}{
		{"", []string{"other/app/unit #41", "quiet_timeout"}, untouched},
		{resource.QuietGiveUp, []string{"other/app/unit #41", "quiet_timeout"}, untouched},
		{resource.QuietGo, nil, silent},
	} {
		t.Run(c.action, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.busy(t)
				f.atc.until = nil // it never ends
				began := time.Now()
				_, err := f.out(t.Context(), func(p *resource.OutParams) {
					p.Upgrade = resource.UpgradeParams{OnQuietTimeout: c.action, QuietTimeout: resource.Duration{Duration: 10 * time.Minute}}
				})
				if c.want != nil {
					wantError(t, err, c.want...)
				} else if err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took < 10*time.Minute || took > 11*time.Minute {
					t.Errorf("it waited %s", took)
				}
				if deploys := f.count("deploy"); (deploys == 1) != (c.want == nil) || !slices.Equal(f.atc.paused(), c.paused) {
					t.Errorf("%d deploys, paused are %q, want %q", deploys, f.atc.paused(), c.paused)
				}
			})
		})
	}
}

func TestOut_unpausesWhenItEndsBeforeTheDeploy(t *testing.T) {
	t.Run("by a signal", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, cancel)
			if _, err := f.out(ctx, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if got := f.atc.paused(); !slices.Equal(got, untouched) || f.count("deploy") != 0 {
				t.Errorf("paused are %q, %d deploys", got, f.count("deploy"))
			}
		})
	})
	t.Run("by the director's refusal", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			f.director.faults["Deploy"] = []error{errors.New("the manifest should not be empty")}
			_, err := f.out(t.Context(), nil)
			wantError(t, err, "should not be empty")
			if got := f.atc.paused(); !slices.Equal(got, untouched) {
				t.Errorf("paused are %q, want %q", got, untouched)
			}
		})
	})
}

// Hundreds of pipelines, or a busy web, take longer than a run has that is told to end.
func TestOut_takesItsTimeToUnpauseWhereNobodyEndsIt(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		f.atc.slow = 10 * time.Second
		f.director.faults["Deploy"] = []error{errors.New("the manifest should not be empty")}
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "should not be empty")
		if got := f.atc.paused(); !slices.Equal(got, untouched) {
			t.Errorf("paused are %q, want %q", got, untouched)
		}
	})
}

func TestOut_leavesPipelinesPausedWhileADeployMayRun(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		f.director.lost = "late"
		ctx, cancel := context.WithCancel(t.Context())
		f.director.onDeploy = func() { time.AfterFunc(late/2, cancel) } // while it looks for the task
		if _, err := f.out(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if got := f.atc.paused(); !slices.Equal(got, silent) {
			t.Errorf("paused are %q, want %q: the deploy may have been accepted", got, silent)
		}
	})
}

// A run that was killed after it had paused leaves the list behind; the next one goes
// on from it.
func TestOut_goesOnWithAListThatAKilledRunHasLeft(t *testing.T) {
	left := func(f *fixture, phase pause.Phase) {
		f.kept.revision = 3
		f.kept.list = pause.List{Deployment: "concourse", From: "8.2.5", To: "8.3.0", Phase: phase, Pipelines: []pause.Entry{{ID: 2, Team: "other", Name: "app", Step: pause.Held, By: "ci", At: 11}, {ID: 4, Team: "third", Name: "app", Step: pause.Held, By: "ci", At: 12}}}
		for i, at := range map[int]int64{1: 11, 3: 12} {
			f.atc.states[i].Paused, f.atc.states[i].PausedBy, f.atc.states[i].PausedAt = true, "ci", time.Unix(at, 0)
		}
		f.atc.pausedAt = 12
	}
	t.Run("and deploys", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			left(f, pause.Paused)
			if _, err := f.out(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(long)
			f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0", workers: workers("running 3.0", "running 3.0")}}
			if _, err := f.in(t.Context(), "9", t.TempDir(), judged); err != nil {
				t.Fatal(err)
			}
			if got := f.atc.paused(); !slices.Equal(got, untouched) {
				t.Errorf("paused are %q, want %q", got, untouched)
			}
		})
	})
	t.Run("though there is nothing to deploy", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.busy(t)
			f.set(t, "8.2.5", "1.1340")
			left(f, pause.Paused)
			result, err := f.out(t.Context(), nil)
			if err != nil || metadata(result)["deploy"] != "nothing to deploy" {
				t.Fatalf("%v, %v", result, err)
			}
			if got := f.atc.paused(); !slices.Equal(got, untouched) {
				t.Errorf("paused are %q, want %q", got, untouched)
			}
		})
	})
}

func TestOut_refusesAListThatItCannotTrust(t *testing.T) {
	for name, edit := range map[string]func(f *fixture){
		"damaged": func(f *fixture) { f.kept.err = errDamaged },
		"of another deployment": func(f *fixture) {
			f.kept.revision, f.kept.list = 1, pause.List{Deployment: "other", Pipelines: []pause.Entry{{ID: 2, Team: "other", Name: "app"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.busy(t)
				edit(f)
				_, err := f.out(t.Context(), nil)
				wantError(t, err, "pause the pipelines")
				if got := f.atc.paused(); !slices.Equal(got, untouched) || f.count("deploy") != 0 {
					t.Errorf("paused are %q, %d deploys", got, f.count("deploy"))
				}
			})
		})
	}
}
