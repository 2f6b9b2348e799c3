package upgrade_test

import (
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// long is after the end of every deploy of the fixture.
const long = 2 * time.Minute

func TestOut_answersWithWhatItsBuildHasStartedAlready(t *testing.T) {
	for _, state := range []string{bosh.StateDone, bosh.StateError, bosh.StateTimeout, bosh.StateCancelled} {
		t.Run(state, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID, f.director.deploy.end = "12", state
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(long)
				again, err := f.out(t.Context(), nil)
				if err != nil || again.Version["task"] != "10" || f.count("deploy") != 1 {
					t.Errorf("version %v, %v, %d deploys, want the first one", again.Version, err, f.count("deploy"))
				}
			})
		})
	}
}

func TestOut_makesANewAttemptInAnotherBuild(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.end, f.director.deploy.Result = bosh.StateError, "Instance group 'web' references an unknown vm type 'web'"
		seen := map[string]bool{}
		for i, build := range []string{"12", "13", "14"} {
			f.build.ID = build
			result, err := f.out(t.Context(), nil)
			if err != nil || f.count("deploy") != i+1 {
				t.Fatalf("build %s: version %v, %v, %d deploys", build, result.Version, err, f.count("deploy"))
			}
			seen[f.contextID(t)] = true
			time.Sleep(long)
		}
		if len(seen) != 3 {
			t.Errorf("context ids %v, want three", seen)
		}
		f.build.ID = "15"
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "it has failed 3 times", "director task 10, 11, 12", "the last one because: Instance group 'web' references an unknown vm type 'web'", "repair the cause", "cloud or runtime config", "params.attempts: 4")
		if n := f.count("deploy"); n != 3 {
			t.Errorf("%d deploys, want no more than 3", n)
		}
		more, err := f.out(t.Context(), func(p *resource.OutParams) { p.Attempts = 4 })
		if err != nil || more.Version["task"] != "13" {
			t.Errorf("version %v, %v, want a fourth attempt", more.Version, err)
		}
	})
}

// Errands are tasks of the deployment too, and some run one every few minutes.
func TestOut_knowsTheLastDeployBehindManyErrands(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.ID, f.director.deploy.end = "12", bosh.StateError
		first, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.director.errands(250)
		again, err := f.out(t.Context(), nil) // Concourse has run the build again
		if err != nil || again.Version["task"] != first.Version["task"] || f.count("deploy") != 1 {
			t.Errorf("version %v, %v, %d deploys, want task %s and no other deploy", again.Version, err, f.count("deploy"), first.Version["task"])
		}
	})
}

// What failed for a cloud config is another deploy once that is another one.
func TestOut_countsAttemptsWithTheSameConfigs(t *testing.T) {
	for name, change := range map[string]func(f *fixture, p *resource.OutParams){
		"which the put sets":     func(_ *fixture, p *resource.OutParams) { p.CloudConfig = "cloud.yml" },
		"which somebody has set": func(f *fixture, _ *resource.OutParams) { f.director.configs++ },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.write(t, "cloud.yml", "azs: []")
				f.director.deploy.end = bosh.StateError
				for range 3 {
					if _, err := f.out(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					time.Sleep(long)
				}
				if _, err := f.out(t.Context(), nil); err == nil {
					t.Fatal("a fourth attempt was made")
				}
				again := func(p *resource.OutParams) { change(f, p) }
				for i := range 3 {
					if i > 0 {
						again = func(*resource.OutParams) {}
					}
					if _, err := f.out(t.Context(), again); err != nil {
						t.Fatalf("attempt %d with another config: %v", i+1, err)
					}
					time.Sleep(long)
				}
				_, err := f.out(t.Context(), nil)
				wantError(t, err, "it has failed 3 times", "director task 13, 14, 15")
			})
		})
	}
}

func TestOut_countsAttemptsOfOneContentUntilADeployIsDone(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		for i, step := range []struct{ version, end string }{
			{"8.2.1", bosh.StateError}, {"8.2.1", bosh.StateError}, {"8.2.2", bosh.StateError}, {"8.2.3", bosh.StateDone},
			{"8.2.1", bosh.StateError}, {"8.2.1", bosh.StateError}, {"8.2.1", bosh.StateDone},
		} {
			f.set(t, step.version, "1.1364")
			f.director.deploy.end = step.end
			allow := func(p *resource.OutParams) { p.AllowDowngrade = true }
			if _, err := f.out(t.Context(), allow); err != nil {
				t.Fatalf("deploy %d of %s: %v", i, step.version, err)
			}
			time.Sleep(long)
		}
		if n := f.count("deploy"); n != 7 {
			t.Errorf("%d deploys, want 7", n)
		}
	})
}

func TestOut_recreatesOnceInABuildAndAgainInTheNext(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		recreate := func(p *resource.OutParams) { p.Recreate = true }
		for _, c := range []struct {
			build, task string
			deploys     int
		}{{"12", "8", 1}, {"12", "8", 1}, {"13", "9", 2}} {
			f.build.ID = c.build
			result, err := f.out(t.Context(), recreate)
			if err != nil || result.Version["task"] != c.task || f.count("deploy") != c.deploys {
				t.Errorf("build %s: version %v, %v, %d deploys", c.build, result.Version, err, f.count("deploy"))
			}
			time.Sleep(long)
		}
	})
}

func TestOut_deploysAgainWhatDidNotGetTheLock(t *testing.T) {
	attached := false
	edit := func(p *resource.OutParams) { p.Detach = &attached }
	t.Run("the other deploy ends", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.deploy.end, f.director.deploy.Result = bosh.StateError, lockLost
			f.director.onDeploy = func() { // the second one gets it
				f.director.onDeploy = func() { f.director.deploy.end = bosh.StateDone }
			}
			result, err := f.out(t.Context(), edit)
			if err != nil || result.Version["task"] != "11" || f.count("deploy") != 2 {
				t.Errorf("version %v, %v, %d deploys", result.Version, err, f.count("deploy"))
			}
			wantText(t, "log", f.log.String(), "director task 10 did not get the lock of the deployment: deploying again")
		})
	})
	t.Run("nobody lets it go", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.deploy.end, f.director.deploy.Result = bosh.StateError, lockLost
			_, err := f.out(t.Context(), edit)
			wantError(t, err, "Failed to acquire lock")
			if n := f.count("deploy"); n < 2 || n > 7 {
				t.Errorf("%d deploys in 5 minutes, each of which waits a minute", n)
			}
		})
	})
	t.Run("any other error", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.deploy.end, f.director.deploy.Result = bosh.StateError, "Unable to render instance groups"
			_, err := f.out(t.Context(), edit)
			wantError(t, err, "Unable to render instance groups")
			if n := f.count("deploy"); n != 1 {
				t.Errorf("%d deploys, want no other one", n)
			}
		})
	})
}

func TestIn_judgesTheTwinsOfAnAttemptTogether(t *testing.T) {
	for _, c := range []struct {
		name, first, second string // how the twins ended
		asked               string // task to verify
		good                bool
	}{
		{"the second lost the lock", bosh.StateDone, lockLost, "11", true},
		{"the first lost the lock", lockLost, bosh.StateDone, "10", true},
		{"the first one's worker died", bosh.StateTimeout, bosh.StateDone, "10", true},
		{"the one that is asked for is done", bosh.StateDone, lockLost, "10", true},
		{"the first one's worker died, the second lost the lock", bosh.StateTimeout, lockLost, "11", false},
		{"both lost the lock to somebody else", lockLost, lockLost, "11", false},
		{"both failed", bosh.StateError, bosh.StateError, "10", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": "8.2.1"}))
				f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
				f.director.lastID = 9
				for _, end := range []string{c.first, c.second} {
					twin := fakeTask{takes: time.Minute, end: end}
					twin.Task = bosh.Task{Description: "create deployment", Deployment: "concourse", ContextID: "perpetual-c0ffee-1-12"}
					if end == lockLost {
						twin.end, twin.Result = bosh.StateError, lockLost
					}
					f.director.add(twin)
				}
				_, err := f.in(t.Context(), c.asked, t.TempDir(), resource.InParams{Verify: true})
				if (err == nil) != c.good {
					t.Errorf("%v", err)
				}
				if !c.good && c.first == bosh.StateTimeout {
					wantError(t, err, "director task 10 ended as timeout")
				}
			})
		})
	}
}

// A detached put is green when the director has accepted its deploy. One that
// then does not get the deployment's lock is a version of its own, whose get is
// red, and the next put deploys.
func TestOut_mayLoseTheLockAfterItHasAnswered(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy = fakeTask{Task: bosh.Task{Result: lockLost}, takes: 10 * time.Second, end: bosh.StateError}
		first, err := f.out(t.Context(), nil)
		if err != nil || first.Version["task"] != "10" {
			t.Fatalf("version %v, %v, want task 10, accepted", first.Version, err)
		}
		wantText(t, "metadata", metadata(first)["result"], "may still fail, or not get the deployment's lock", "verify: true")
		time.Sleep(long)
		versions, err := check(t.Context(), f.director, &f.log, resource.Version{"task": "7"})
		if err != nil || len(versions) != 2 || versions[1]["task"] != "10" {
			t.Errorf("versions %v, %v, want task 10 as the newest", versions, err)
		}
		_, err = f.in(t.Context(), "10", t.TempDir(), resource.InParams{Verify: true})
		wantError(t, err, "director task 10 ended as error", "Failed to acquire lock", "it has changed nothing: put again")
		f.director.deploy = fakeTask{takes: time.Minute, end: bosh.StateDone}
		second, err := f.out(t.Context(), nil)
		if err != nil || second.Version["task"] != "11" || f.count("deploy") != 2 {
			t.Errorf("version %v after %d deploys, %v, want the second one's", second.Version, f.count("deploy"), err)
		}
	})
}

func TestIn_saysWhenTheTwinsCannotBeListed(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.deploy.end = bosh.StateError
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.director.faults["Tasks"] = []error{errUnreachable}
		_, err := f.in(t.Context(), "10", t.TempDir(), resource.InParams{Verify: true})
		wantError(t, err, "list the tasks of director task 10's attempt", "connection refused")
	})
}
