package upgrade_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// A task keeps to the configs of its request: one that runs does not take what was set
// since, so that to join it would leave that undeployed.
func TestOut_waitsForADeployOfTheSameManifestWithOtherConfigs(t *testing.T) {
	for name, change := range map[string]func(f *fixture, p *resource.OutParams){
		"a cloud config that the put sets": func(_ *fixture, p *resource.OutParams) { p.CloudConfig = "cloud.yml" },
		"a config that somebody has set":   func(f *fixture, _ *resource.OutParams) { f.director.configs++ },
	} {
		for _, detach := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, detached %t", name, detach), func(t *testing.T) {
				play(t, func(t *testing.T, f *fixture) {
					f.write(t, "cloud.yml", "azs: []")
					f.build.ID = "12"
					if _, err := f.out(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					f.build.ID = "13"
					second, err := f.out(t.Context(), func(p *resource.OutParams) {
						change(f, p)
						p.Detach = &detach
					})
					if err != nil || second.Version["task"] != "11" || f.count("deploy") != 2 || metadata(second)["deploy"] != "started" {
						t.Errorf("%+v, %v, %d deploys, want another deploy, task 11", second, err, f.count("deploy"))
					}
					if got := string(f.director.options[1].DiffContext); got != `{"cloud_config_ids":[2]}` {
						t.Errorf("the second deploy is made with %s", got)
					}
					wantText(t, "log", f.log.String(), "waiting up to 5m0s for director task 10", "deploys the same manifest with other cloud or runtime configs")
				})
			})
		}
	}
}

// The other way round: a put that was made before a config was changed finds the deploy
// with the new one, and has nothing left to do.
func TestOut_startsNothingAfterADeployWithNewerConfigs(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.ID = "12"
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.director.configs++
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f.build.ID = "13"
		joined, err := f.out(t.Context(), nil)
		if err != nil || joined.Version["task"] != "11" || f.count("deploy") != 2 {
			t.Errorf("%+v, %v, %d deploys, want task 11 joined", joined, err, f.count("deploy"))
		}
	})
}

func TestOut_comparesAgainWhenADeployThatItHasJoinedIsDone(t *testing.T) {
	attached := false
	edit := func(p *resource.OutParams) { p.Detach = &attached }
	for _, c := range []struct {
		name, task, note string
		meanwhile        func(f *fixture)
		deploys          int
	}{
		{"nothing has changed", "10", "joined: it was running already", func(*fixture) {}, 1},
		{"a config was set", "11", "started", func(f *fixture) { f.director.configs++ }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID = "12"
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				f.build.ID = "13"
				time.AfterFunc(30*time.Second, func() {
					f.director.mu.Lock()
					defer f.director.mu.Unlock()
					c.meanwhile(f)
				})
				result, err := f.out(t.Context(), edit)
				if err != nil || result.Version["task"] != c.task || f.count("deploy") != c.deploys || metadata(result)["deploy"] != c.note {
					t.Errorf("%+v, %v, %d deploys, want task %s (%s)", result, err, f.count("deploy"), c.task, c.note)
				}
				if task := f.director.find(9 + c.deploys); task.State != bosh.StateDone {
					t.Errorf("it did not wait for task %d, which is %s", task.ID, task.State)
				}
			})
		})
	}
}

// A running deploy of "latest" has taken what was the latest when it began, whether the
// newer one came with a set or not.
func TestOut_doesNotJoinADeployOfAnOlderLatest(t *testing.T) {
	for name, newer := range map[string]func(t *testing.T, f *fixture){
		"from the set":       func(t *testing.T, f *fixture) { f.set(t, "8.2.2", "1.1364") },
		"from somebody else": func(_ *testing.T, f *fixture) { f.has("uaa/80") },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.has("uaa/79")
				f.replaced(t, "((concourse_version))", "latest", "releases:\n", "releases:\n- {name: uaa, version: latest}\n")
				f.build.ID = "12"
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				newer(t, f)
				f.build.ID = "13"
				result, err := f.out(t.Context(), nil)
				if err != nil || metadata(result)["deploy"] == "joined: it was running already" {
					t.Errorf("%+v, %v", result, err)
				}
				wantText(t, "log", f.log.String(), "waiting up to 5m0s for director task 10")
			})
		})
	}
}

// What the put has uploaded is the latest from then on: run again, it knows its task.
func TestOut_joinsItsOwnDeployOfALatestThatItHasUploaded(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.uploads["uaa"] = outcome{version: "79.1"}
		f.replaced(t, "releases:\n", "releases:\n- {name: uaa, version: latest, url: \"https://h/uaa.tgz\", sha1: c1}\n")
		f.build.ID = "12"
		first, err := f.out(t.Context(), nil)
		if err != nil || metadata(first)["uaa"] != "79.1" {
			t.Fatal(first, err)
		}
		again, err := f.out(t.Context(), nil)
		if err != nil || again.Version["task"] != first.Version["task"] || f.count("deploy") != 1 {
			t.Errorf("%+v, %v, %d deploys, want %v joined", again, err, f.count("deploy"), first.Version)
		}
	})
}

func TestOut_saysWhichOptionsDoNotCountWhereItJoins(t *testing.T) {
	options := func(p *resource.OutParams) { p.SkipDrain, p.Canaries = []string{"worker"}, "2" }
	for _, c := range []struct {
		name, build string
		edit        func(*resource.OutParams)
		want        string
	}{
		{"another build's", "13", options, "skip_drain, canaries"},
		{"another build's, all", "13", func(p *resource.OutParams) { options(p); p.MaxInFlight = "2" }, "skip_drain, canaries, max_in_flight"},
		{"another build's, without any", "13", nil, ""},
		{"this build's own", "12", options, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.ID = "12"
				if _, err := f.out(t.Context(), c.edit); err != nil {
					t.Fatal(err)
				}
				f.build.ID = c.build
				result, err := f.out(t.Context(), c.edit)
				if err != nil || result.Version["task"] != "10" || f.count("deploy") != 1 {
					t.Fatalf("%+v, %v, want task 10 joined", result, err)
				}
				if got := metadata(result)["does not count"]; got != c.want {
					t.Errorf("metadata says that %q does not count, want %q", got, c.want)
				}
				if said := strings.Contains(f.log.String(), "params."); said != (c.want != "") {
					t.Errorf("the log says:\n%s", f.log.String())
				}
				if c.want != "" {
					wantText(t, "log", f.log.String(), "director task 10", "params."+c.want+" of this put do not count")
				}
			})
		})
	}
}
