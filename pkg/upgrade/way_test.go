package upgrade_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// arranged is what a submitted manifest says of the order of an upgrade.
type arranged struct {
	groups  []string       // in their order
	workers map[string]any // update of the group of workers
	web     map[string]any // update of the group of webs
	gate    bool           // beside the web
	release string         // version of the release perpetual
}

func arrangement(t *testing.T, text string) arranged {
	t.Helper()
	var m struct {
		Releases       []struct{ Name, Version string }
		InstanceGroups []struct {
			Name   string
			Update map[string]any
			Jobs   []struct{ Name, Release string }
		} `yaml:"instance_groups"`
	}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	var a arranged
	for _, g := range m.InstanceGroups {
		a.groups = append(a.groups, g.Name)
		for _, j := range g.Jobs {
			switch {
			case j.Name == "web":
				a.web = g.Update
			case j.Name == "worker":
				a.workers = g.Update
			case j.Name == boshrelease.GateJob && j.Release == boshrelease.Name && g.Name == "web":
				a.gate = true
			}
		}
	}
	for _, r := range m.Releases {
		if r.Name == boshrelease.Name {
			a.release = r.Version
		}
	}
	return a
}

// concourse makes a version what runs, with its worker version, and another one what
// the build has fetched.
func (f *fixture) concourse(t *testing.T, from, worker, to string) {
	t.Helper()
	f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": from}))
	f.atc.looks = []look{{version: from, workerVersion: worker, workers: workers("running "+worker, "running "+worker)}}
	f.set(t, to, "1.1340")
}

func TestOut_choosesTheWayByTheVersions(t *testing.T) {
	for _, c := range []struct {
		from, worker, to string
		wish             string
		order            []string
		atOnce           bool
		way              string // in the metadata
		log              []string
	}{
		{"8.2.0", "2.5", "8.2.1", "", []string{"web", "worker"}, false, "web-first: ", nil},
		{"8.2.0", "2.5", "8.2.9", "", []string{"web", "worker"}, false, "web-first: ", nil}, // a patch that the table lacks
		{"7.6.0", "2.3", "7.8.3", "", []string{"worker", "web"}, false, "workers-first: worker version 2.3 → 2.4", nil},
		{"7.6.0", "2.3", "7.9.1", "auto", []string{"worker", "web"}, false, "workers-first: worker version 2.3 → 2.4", nil},
		{"7.9.1", "2.4", "8.2.5", "", []string{"web", "worker"}, true, "quiet: worker version 2.4 → 2.5", nil},
		{"7.9.1", "2.4", "7.14.0", "workers-first", []string{"worker", "web"}, false, "workers-first: ", []string{"have no network"}},
		{"8.2.5", "2.5", "8.3.0", "", []string{"web", "worker"}, true, "quiet: worker version 2.5 → 3.0", nil},
		{"8.2.5", "2.5", "9.0.0", "", []string{"web", "worker"}, true, "quiet: ", []string{"9.0.0"}},
		{"8.2.0", "2.5", "8.2.1", "quiet", []string{"web", "worker"}, true, "quiet: ", nil},
		{"8.2.5", "2.5", "8.3.0", "web-first", []string{"web", "worker"}, false, "web-first: ", []string{"way: note: "}},
		{"8.9.0", "2.7", "8.9.1", "", []string{"web", "worker"}, true, "quiet: ", []string{"8.9.1"}}, // the table lacks what is deployed, too
	} {
		t.Run(c.from+" to "+c.to+" "+c.wish, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.concourse(t, c.from, c.worker, c.to)
				result, err := f.out(t.Context(), func(p *resource.OutParams) { p.Upgrade.Way = c.wish })
				if err != nil {
					t.Fatal(err)
				}
				a := arrangement(t, f.submitted(t))
				if !slices.Equal(a.groups, c.order) {
					t.Errorf("order %v, want %v", a.groups, c.order)
				}
				if atOnce := a.workers["max_in_flight"] == "100%" && a.workers["canaries"] == 0; atOnce != c.atOnce {
					t.Errorf("update of the workers %v, want all at once: %t", a.workers, c.atOnce)
				}
				if !a.gate || a.release != boshrelease.Version() {
					t.Errorf("gate %t, release %q: nothing holds BOSH until the web answers", a.gate, a.release)
				}
				if way := metadata(result)["way"]; !strings.HasPrefix(way, c.way) {
					t.Errorf("metadata says way %q, want %q…", way, c.way)
				}
				wantText(t, "log", f.log.String(), append(c.log, "way: "+c.way)...)
			})
		})
	}
}

func TestOut_showsTheWayInADryRun(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "8.2.5", "2.5", "8.3.0")
		result, err := f.out(t.Context(), dryRun)
		if err != nil {
			t.Fatal(err)
		}
		if done := f.all(); len(done) > 0 || len(f.atc.called()) > 0 {
			t.Errorf("it changed %q %q", done, f.atc.called())
		}
		wantText(t, "log", f.log.String(), "way: quiet: worker version 2.5 → 3.0")
		wantText(t, "metadata", metadata(result)["way"], "quiet: worker version 2.5 → 3.0")
	})
}

func TestOut_laysTheGateInOnlyWhereTheWebRestarts(t *testing.T) {
	more := func(p *resource.OutParams) { p.Vars = map[string]any{"worker_instances": 3} }
	play(t, func(t *testing.T, f *fixture) {
		f.set(t, "8.2.0", "1.1340")
		if _, err := f.out(t.Context(), more); err != nil {
			t.Fatal(err)
		}
		if a := arrangement(t, f.submitted(t)); a.gate || a.release != "" {
			t.Errorf("more workers brought the gate to the web, which restarts it: %+v", a)
		}
		time.Sleep(long)
		f.set(t, "8.2.1", "1.1340")
		if _, err := f.out(t.Context(), more); err != nil {
			t.Fatal(err)
		}
		if a := arrangement(t, f.submitted(t)); !a.gate {
			t.Errorf("the upgrade did not bring the gate: %+v", a)
		}
		f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5"}}
		time.Sleep(long)
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Vars = map[string]any{"worker_instances": 4} }); err != nil {
			t.Fatal(err)
		}
		if a := arrangement(t, f.submitted(t)); !a.gate {
			t.Errorf("more workers took the gate away, which restarts the web: %+v", a)
		}
		if f.count("upload "+boshrelease.Name) != 0 {
			t.Errorf("a release was uploaded that the director has: %q", f.all())
		}
	})
}

func TestOut_uploadsItsReleaseWhereTheDirectorLacksIt(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.releases = f.director.releases[:1]
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if f.count("upload "+boshrelease.Name) != 1 {
			t.Errorf("uploads: %q", f.all())
		}
	})
}

func TestOut_goesWithoutTheGate(t *testing.T) {
	no := false
	for name, edit := range map[string]func(f *fixture, p *resource.OutParams){
		"when params say so": func(_ *fixture, p *resource.OutParams) { p.Upgrade.Colocate = &no },
		"when the director takes no release": func(f *fixture, _ *resource.OutParams) {
			f.director.releases = f.director.releases[:1]
			f.director.faults["Upload"] = []error{bosh.ErrForbidden}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.concourse(t, "7.14.0", "2.5", "8.2.5")
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { edit(f, p) }); err != nil {
					t.Fatal(err)
				}
				a := arrangement(t, f.submitted(t))
				if watch, _ := a.web["canary_watch_time"].(string); a.gate || a.release != "" || !strings.HasPrefix(watch, "300000-") {
					t.Errorf("%+v, want no gate and a longer watch time", a)
				}
				wantText(t, "log", f.log.String(), "BOSH goes on after five minutes")
			})
		})
	}
}

func TestOut_startsNothingForTheArrangementAlone(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "8.2.5", "2.5", "8.3.0")
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0"}}
		result, err := f.out(t.Context(), nil)
		if err != nil || f.count("deploy") != 1 {
			t.Errorf("%v, %d deploys: after a quiet upgrade the same set is deployed again", err, f.count("deploy"))
		}
		wantText(t, "metadata", metadata(result)["deploy"], "nothing to deploy")
	})
}

func TestOut_refusesLowerVersions(t *testing.T) {
	allow := func(p *resource.OutParams) { p.AllowDowngrade = true }
	for _, c := range []struct {
		name, from, worker, to string
		edit                   func(*resource.OutParams)
		want                   []string // nil: it is deployed
	}{
		{"that are not meant", "8.2.5", "2.5", "8.2.1", nil, []string{"8.2.5", "8.2.1", "allow_downgrade"}},
		{"that are meant", "8.2.5", "2.5", "8.2.1", allow, nil},
		{"across a migration", "8.2.5", "2.5", "7.14.0", allow, []string{"8.2.5", "7.14.0", "nothing was changed"}},
		{"across a worker major", "8.3.0", "3.0", "8.2.5", allow, []string{"8.3.0", "8.2.5", "nothing was changed"}},
		{"of a release that is unknown", "9.1.0", "3.1", "9.0.0", allow, []string{"9.1.0", "9.0.0", "nothing was changed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.concourse(t, c.from, c.worker, c.to)
				_, err := f.out(t.Context(), c.edit)
				if c.want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wantError(t, err, append(c.want, "refuse to deploy Concourse")...)
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
			})
		})
	}
}

// A deploy that failed after the web was upgraded leaves the old manifest on the
// director: what the web reports is what runs.
func TestOut_refusesToGoBackBelowWhatTheATCReports(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "8.2.5", "2.5", "8.2.5")
		f.atc.looks = []look{{version: "8.3.0", workerVersion: "3.0"}}
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "8.3.0", "8.2.5", "nothing was changed")
	})
}

// A web that has migrated the database, and does not answer any more, has left nothing
// but the release that its deploy was begun with.
func TestOut_refusesToGoBackBelowADeployThatWasBegun(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "8.2.5", "2.5", "8.2.5")
		deployed := f.director.deployed["concourse"]
		deployed.Releases = append(deployed.Releases, bosh.Release{Name: "concourse", Version: "8.3.0"})
		f.director.deployed["concourse"] = deployed
		f.atc.looks = []look{{err: errUnreachable}}
		_, err := f.out(t.Context(), skipPipeline)
		wantError(t, err, "8.3.0", "8.2.5", "nothing was changed")
		f.atc.looks = []look{{version: "8.2.5", workerVersion: "2.5"}} // it never came to that
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestOut_goesOnWithoutAnATCThatAnswers(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.concourse(t, "8.2.5", "2.5", "8.3.0")
		f.atc.looks = []look{{err: errUnreachable}}
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "ask the ATC what runs", "params.pipeline.skip: true")
		_, err = f.out(t.Context(), skipPipeline)
		wantError(t, err, "the ATC does not answer", "nothing was changed", "on_quiet_timeout: go")
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { skipPipeline(p); p.Upgrade.OnQuietTimeout = resource.QuietGo }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "log", f.log.String(), "the ATC does not answer", "way: quiet", "builds that run there all the same are lost")
		if calls := f.atc.called(); len(calls) > 0 {
			t.Errorf("it did %q", calls)
		}
	})
}

func TestOut_doesNotAskAgainWhatTheATCRefuses(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.atc.looks = []look{{err: errLogin}}
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "wrong password")
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
	})
}

func TestOut_looksAtThePaceThatParamsAskFor(t *testing.T) {
	at := func(p *resource.OutParams) { p.Canaries, p.MaxInFlight = 0, "100%" }
	play(t, func(t *testing.T, f *fixture) {
		_, err := f.out(t.Context(), at)
		wantError(t, err, "all 2 workers at once", "nothing was changed", "upgrade.way: quiet")
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
	})
	play(t, func(t *testing.T, f *fixture) {
		f.busy(t)
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Canaries, p.MaxInFlight = 2, 1 }); err != nil {
			t.Fatal(err)
		}
		if o := f.director.options[0]; o.Canaries != "" || o.MaxInFlight != "" {
			t.Errorf("canaries %q, max_in_flight %q override the manifest's", o.Canaries, o.MaxInFlight)
		}
		wantText(t, "log", f.log.String(), "do not count in a quiet upgrade")
	})
}

func skipPipeline(p *resource.OutParams) { p.Pipeline = &resource.PipelineParams{Skip: true} }
