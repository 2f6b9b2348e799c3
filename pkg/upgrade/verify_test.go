package upgrade_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// good is a look at an ATC that is as wanted.
func good() look {
	return look{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}
}

// group are instances of one group that run: the worker on the first one with the id
// a1 is called a1-0.
func group(name string, ids ...string) []bosh.Instance {
	var list []bosh.Instance
	for i, id := range ids {
		list = append(list, bosh.Instance{Group: name, ID: id + "-of-an-instance", AgentID: fmt.Sprintf("vm-%d", i), Index: i, State: "running", Wanted: "started"})
	}
	return list
}

// named gives workers their names.
func named(list []concourse.Worker, names ...string) []concourse.Worker {
	for i, name := range names {
		list[i].Name = name
	}
	return list
}

// withErrand is a deployed manifest that has an errand.
func (f *fixture) withErrand(t *testing.T) []byte {
	t.Helper()
	text := f.manifest(t, map[string]any{"concourse_version": "8.2.1", "stemcell_version": "1.1364"})
	return []byte(replaceOnce(t, string(text), "instance_groups:\n", "instance_groups:\n- {name: smoke, instances: 1, lifecycle: errand, jobs: []}\n"))
}

func TestIn_verifiesWhatSettles(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(f *fixture)
		want string // in the log
	}{
		{"an instance that fails at first", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{{{Group: "web", State: "failing"}}, {{Group: "web", State: "unresponsive agent"}}, all()}
		}, "instances: 3 run"},
		{"an ATC that is still the old one", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.0", workerVersion: "2.5"}, {version: "8.2.0", workerVersion: "2.5"}, good()}
		}, "Concourse version: 8.2.1"},
		{"an ATC that is away for a while", func(f *fixture) {
			f.atc.looks = []look{{err: errUnreachable}, {err: errUnreachable}, good(), {err: errUnreachable}, good()}
		}, "workers: 2 of 2 run"},
		{"a director that is away for a while", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{{{Group: "web", State: "failing"}}, all()}
			f.director.faults["Instances"] = []error{nil, errUnreachable}
		}, "instances: 3 run"},
		{"workers that come one by one", func(f *fixture) {
			one := look{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "landed 2.4")}
			f.atc.looks = []look{good(), {version: "8.2.1", workerVersion: "2.5"}, one, good()}
		}, "workers: 2 of 2 run"},
		{"a worker of an old version that is replaced", func(f *fixture) {
			old := look{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.4", "running 2.5", "running 2.5")}
			f.atc.looks = []look{good(), old, good()}
		}, "workers: 2 of 2 run"},
		{"foreign workers", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5", "running 2.5", "stalled 2.4")}}
		}, "workers: 2 of 2 run\n"},
		{"a foreign worker of an old version", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{group("worker", "a1", "b2")}
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: named(workers("running 2.5", "running 2.6", "running 2.4"), "a1-0", "b2-1", "mac")}}
		}, "workers: 2 of 2 run\n"},
		{"an errand, which has no VM", func(f *fixture) {
			f.director.record("concourse", f.withErrand(t))
			f.director.instances = [][]bosh.Instance{append(all(), bosh.Instance{Group: "smoke", ID: "e", Wanted: "started"})}
		}, "instances: 3 run"},
		{"a worker that an operator has stopped", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{append(group("worker", "a1"), bosh.Instance{Group: "worker", ID: "b2", State: "stopped", Wanted: "stopped"})}
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: named(workers("running 2.5"), "a1-0")}}
		}, "workers: 1 of 1 run"},
		{"build metadata in a version", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1+dev.1", workerVersion: "2.5", workers: good().workers}}
		}, "Concourse version: 8.2.1+dev.1"},
		{"an ATC that names no worker version", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1", workers: workers("running 2.4", "running 2.5")}}
		}, "workers: 2 of 2 run"},
		{"a source without an ATC", func(f *fixture) { f.noATC = true }, "the ATC and its workers are not asked"},
		{"a manifest without Concourse's release", func(f *fixture) {
			f.director.record("concourse", []byte("name: concourse\ninstance_groups: [{name: web}]"))
		}, `(not compared: the manifest has no release "concourse")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				task := f.finished(t, bosh.StateDone)
				c.edit(f)
				began := time.Now()
				if _, err := f.in(t.Context(), task, t.TempDir(), judged); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				wantText(t, "log", f.log.String(), c.want)
			})
		})
	}
}

func TestIn_saysWhatDidNotSettle(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(f *fixture)
		want []string
	}{
		{"an instance", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{{running()[0], {Group: "worker", ID: "6f1c", Index: 1, State: "failing"}}}
		}, []string{"instances: worker/6f1c (1) is failing", "did not settle within 5m0s"}},
		{"the old ATC", func(f *fixture) { f.atc.looks = []look{{version: "8.2.0", workerVersion: "2.5"}} },
			[]string{"Concourse version: the ATC reports 8.2.0, wanted is 8.2.1", "did not settle within 5m0s"}},
		{"the old ATC, which hangs in the end", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.0", workerVersion: "2.5"}, {hangs: true}}
		}, []string{"Concourse version: the ATC reports 8.2.0, wanted is 8.2.1", "did not settle within 5m0s"}},
		{"an ATC that hangs", func(f *fixture) { f.atc.looks = []look{{hangs: true}} }, []string{"Concourse version: ", "did not settle within 5m0s"}},
		{"an ATC that is away", func(f *fixture) { f.atc.looks = []look{{err: errUnreachable}} }, []string{"Concourse version: ask the ATC", "connection refused"}},
		{"an ATC that goes away", func(f *fixture) { f.atc.looks = []look{good(), {err: errUnreachable}} }, []string{"workers: ask the ATC", "connection refused"}},
		{"a list of workers that is refused", func(f *fixture) { f.atc.looks = []look{{version: "8.2.1", workersErr: errUnreachable}} },
			[]string{"workers: list the workers", "connection refused"}},
		{"too few workers", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "landing 2.5", "stalled 2.5")}}
		}, []string{"workers: 1 of 2 workers run", "did not settle"}},
		{"an old worker", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.4")}}
		}, []string{"workers: 1 of 2 workers run; worker w1-1 has version 2.4, the ATC wants 2.5", "did not settle"}},
		{"an old worker of another line", func(f *fixture) {
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 3.0", "running 2.6")}}
		}, []string{"workers: 1 of 2 workers run; worker w0-0 has version 3.0, the ATC wants 2.5"}},
		{"a stalled worker of the deployment, beside a foreign one that runs", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{group("worker", "a1", "b2")}
			f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: named(workers("running 2.5", "stalled 2.5", "running 2.5"), "a1-0", "b2-1", "mac")}}
		}, []string{"workers: 1 of 2 workers run; worker b2-1 is stalled"}},
		{"an instance that has lost its VM", func(f *fixture) {
			f.director.instances = [][]bosh.Instance{{running()[0], {Group: "worker", ID: "6f1c", Index: 1, Wanted: "started"}}}
		}, []string{"instances: worker/6f1c (1) is without a VM"}},
		{"a version that is not a semantic one", func(f *fixture) { f.atc.looks = []look{{version: "8.2.1-rc?"}} }, []string{"the ATC reports 8.2.1-rc?, wanted is 8.2.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				task := f.finished(t, bosh.StateDone)
				c.edit(f)
				began := time.Now()
				_, err := f.in(t.Context(), task, t.TempDir(), judged)
				wantError(t, err, append([]string{"verify deployment concourse: "}, c.want...)...)
				if took := time.Since(began); took != 5*time.Minute {
					t.Errorf("it gave up after %s", took)
				}
			})
		})
	}
}

func TestIn_doesNotWaitForATaskThatEndedBadlyToSettle(t *testing.T) {
	for _, state := range []string{bosh.StateError, bosh.StateTimeout, bosh.StateCancelled} {
		t.Run(state, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				task := f.finished(t, state)
				f.director.find(42).Result = ""
				began := time.Now()
				_, err := f.in(t.Context(), task, t.TempDir(), judged)
				wantError(t, err, "director task 42 ended as "+state+": the director gives no reason")
				if took := time.Since(began); took != 0 {
					t.Errorf("it waited %s", took)
				}
			})
		})
	}
}

func TestIn_refusesToVerifyWithAManifestThatIsBroken(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateDone)
		f.director.deployed["concourse"] = bosh.Deployment{Manifest: []byte("name: [")}
		_, err := f.in(t.Context(), task, t.TempDir(), judged)
		wantError(t, err, "parse the deployed manifest")
	})
}

func TestIn_doesNotAskAgainWhatIsRefused(t *testing.T) {
	for name, edit := range map[string]func(f *fixture){
		"the ATC":     func(f *fixture) { f.atc.looks = []look{{err: errLogin}} },
		"its workers": func(f *fixture) { f.atc.looks = []look{{version: "8.2.1", workersErr: errLogin}} },
		"the director": func(f *fixture) {
			f.director.instances = [][]bosh.Instance{{{Group: "web", State: "failing"}}}
			f.director.faults["Instances"] = []error{nil, &bosh.ResponseError{Status: 401, Description: "wrong password"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				task := f.finished(t, bosh.StateDone)
				edit(f)
				began := time.Now()
				_, err := f.in(t.Context(), task, t.TempDir(), judged)
				wantError(t, err, "wrong password")
				if took := time.Since(began); took != 0 {
					t.Errorf("it asked for %s", took)
				}
			})
		})
	}
}

var errLogin = fmt.Errorf("%w: wrong password", session.ErrLogin)

func TestIn_leavesWhatANewerDeployChangesToThatOne(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateDone)
		f.director.add(foreign("create deployment", time.Hour, bosh.StateDone))
		f.director.instances = [][]bosh.Instance{{{Group: "web", ID: "6f1c", State: "stopped", Wanted: "started"}}}
		f.atc.looks = []look{{err: errUnreachable}}
		if _, err := f.in(t.Context(), task, t.TempDir(), judged); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "instances: not judged: director task 43 (create deployment by admin, processing", "workers: not judged")
	})
}

func TestIn_saysWhyADeployFailedThoughTheInstancesCannotBeRead(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateError, event(t, "Updating instance", "worker/6f1c (0)", "failed", "not running"))
		f.director.faults["Instances"] = []error{errUnreachable}
		_, err := f.in(t.Context(), task, t.TempDir(), judged)
		wantError(t, err, `stage "Updating instance": instance worker/6f1c (0): not running`)
		wantText(t, "log", f.log.String(), "the instances cannot be read", "connection refused")
	})
}
