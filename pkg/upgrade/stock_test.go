package upgrade_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// replaced is testdata's manifest with texts replaced, pairwise.
func (f *fixture) replaced(t *testing.T, pairs ...string) {
	t.Helper()
	f.write(t, "manifest.yml", strings.NewReplacer(pairs...).Replace(string(manifestTemplate(t))))
}

func (f *fixture) text(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const literalStemcell = "name: ((stemcell_name)), version: ((stemcell_version))"

// The fixture's set is Concourse 8.2.1 and stemcell 1.1364.
func TestOut_refusesASetThatTheManifestDoesNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(t *testing.T, f *fixture, p *resource.OutParams)
		want    []string // in the error; with params.ignore_set, in the log
		ignores []string
		shows   map[string]string // metadata, with params.ignore_set
	}{
		"a literal release, which is deployed": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) { f.replaced(t, "((concourse_version))", "8.2.0") },
			[]string{"concourse: the set has 8.2.1, the manifest 8.2.0"}, []string{"concourse"},
			map[string]string{"concourse": "8.2.0 (unchanged; the component set has 8.2.1, which params.ignore_set ignores)", "stemcell": "1.1340 → 1.1364"},
		},
		"a newer literal release": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, "((concourse_version))", "8.2.2")
				f.has("concourse/8.2.2")
			},
			[]string{"concourse: the set has 8.2.1, the manifest 8.2.2"}, []string{"concourse"},
			map[string]string{"concourse": "8.2.0 → 8.2.2 (the component set has 8.2.1, which params.ignore_set ignores)"},
		},
		"a vars file that wins": {
			func(t *testing.T, f *fixture, p *resource.OutParams) {
				f.write(t, "pin.yml", "concourse_version: 8.2.0\n")
				p.VarsFiles = []string{"pin.yml"}
			},
			[]string{"concourse: the set has 8.2.1, the manifest 8.2.0"}, []string{"concourse"}, nil,
		},
		"latest, of which the director has a newer one": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, "((concourse_version))", "latest")
				f.has("concourse/8.2.3")
			},
			[]string{"concourse: the set has 8.2.1, the manifest 8.2.3 (latest)"}, []string{"concourse"},
			map[string]string{"concourse": "8.2.0 → 8.2.3 (the component set has 8.2.1, which params.ignore_set ignores)"},
		},
		"latest of a line": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, "((concourse_version))", "8.1.latest")
				f.has("concourse/8.1.9", "concourse/8.1.10")
			},
			[]string{"concourse: the set has 8.2.1, the manifest 8.1.10 (8.1.latest)"}, nil, nil,
		},
		"a literal stemcell by its OS": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, literalStemcell, `os: ubuntu-jammy, version: "1.1340"`)
			},
			[]string{"stemcell: the set has 1.1364, the manifest 1.1340"}, []string{"stemcell"},
			map[string]string{"concourse": "8.2.0 → 8.2.1", "stemcell": "1.1340 (unchanged; the component set has 1.1364, which params.ignore_set ignores)"},
		},
		"a stemcell of another line": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, literalStemcell, `os: ubuntu-noble, version: "1.2"`)
				f.director.stemcells = append(f.director.stemcells, bosh.Stemcell{Name: "bosh-aws-xen-hvm-ubuntu-noble", Version: "1.2", OS: "ubuntu-noble"})
			},
			[]string{"stemcell: the set has " + stemcellName + " 1.1364, the manifest ubuntu-noble 1.2"}, []string{"stemcell"},
			map[string]string{"ubuntu-noble": "1.2"},
		},
		"a literal stemcell that YAML takes for a number": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.set(t, "8.2.1", "1.1340")
				f.replaced(t, "((stemcell_version))", "1.1340")
			},
			[]string{"stemcell: the set has 1.1340, the manifest 1.134, which needs quotes to stay 1.1340"}, nil, nil,
		},
		"both at once": {
			func(t *testing.T, f *fixture, _ *resource.OutParams) {
				f.replaced(t, "((concourse_version))", "8.2.0", "((stemcell_version))", `"1.1340"`)
			},
			[]string{"concourse: the set has 8.2.1, the manifest 8.2.0; stemcell: the set has 1.1364, the manifest 1.1340", "params.ignore_set: [concourse, stemcell]", "nothing was changed"},
			[]string{"stemcell", "concourse"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				edit := func(p *resource.OutParams) { c.edit(t, f, p) }
				for _, dry := range []bool{false, true} {
					_, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.DryRun = dry })
					wantError(t, err, append(c.want, "refuse to deploy: the manifest does not take the component set")...)
				}
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
				if c.ignores == nil {
					return
				}
				result, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.IgnoreSet = c.ignores })
				if err != nil {
					t.Fatal(err)
				}
				for name, want := range c.shows {
					if got := metadata(result)[name]; got != want {
						t.Errorf("metadata %s: %q, want %q", name, got, want)
					}
				}
				for _, key := range c.ignores {
					wantText(t, "log", f.log.String(), "component set: "+key+": the set has", ", as params.ignore_set says")
					for _, effect := range f.all() {
						if strings.HasPrefix(effect, "upload "+strings.Replace(key, "stemcell", stemcellName, 1)+"/") {
							t.Errorf("it did: %s", effect)
						}
					}
				}
			})
		})
	}
}

// What takes the set is not refused, however its versions look to YAML, and however the
// manifest names its stemcells.
func TestOut_takesTheSetHoweverTheManifestNamesIt(t *testing.T) {
	for name, pairs := range map[string][]string{
		"by name":     nil,
		"by OS":       {"name: ((stemcell_name))", "os: ubuntu-jammy"},
		"two aliases": {"stemcells:\n", "stemcells:\n- {alias: more, os: ubuntu-jammy, version: ((stemcell_version))}\n"},
		"in quotes":   {"((stemcell_version))", "\"((stemcell_version))\"", "((concourse_version))", "'((concourse_version))'"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.set(t, "8.10", "1.1370") // numbers that would lose their 0
				f.replaced(t, pairs...)
				if _, err := f.out(t.Context(), nil); err != nil || f.count("upload concourse/8.10") != 1 || f.count("upload "+stemcellName+"/1.1370") != 1 {
					t.Errorf("effects %q, %v", f.all(), err)
				}
			})
		})
	}
}

// Two stemcells of one OS, of which the manifest pins one: the set is not taken by all, but
// where it is taken it still comes from the set.
func TestOut_bringsWhatIsTakenOfAnIgnoredComponent(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.replaced(t, "stemcells:\n", "stemcells:\n- {alias: old, os: ubuntu-jammy, version: \"1.1340\"}\n")
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "stemcell: the set has 1.1364, the manifest 1.1340")
		d := f.director.deployed["concourse"]
		d.Stemcells = append(d.Stemcells, bosh.Stemcell{Name: stemcellName, Version: "1.1350"})
		f.director.deployed["concourse"] = d
		result, err := f.out(t.Context(), func(p *resource.OutParams) { p.IgnoreSet = []string{"stemcell"} })
		if err != nil || f.count("upload "+stemcellName+"/1.1364") != 1 {
			t.Errorf("effects %q, %v", f.all(), err)
		}
		var said []string
		for _, field := range result.Metadata {
			if field.Name == "stemcell" {
				said = append(said, field.Value)
			}
		}
		if diff := cmp.Diff([]string{"1.1340 (unchanged; the component set has 1.1364, which params.ignore_set ignores)", "1.1350 → 1.1364"}, said); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
	})
}

// What the manifest does not name may be for others: the program itself, a release of
// another deployment that has the same set.
func TestOut_takesASetWithMoreThanTheManifestNames(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "components/components.json", `[
			{"name": "concourse", "kind": "release", "version": "8.2.1", "url": "https://bosh.io/d/c"},
			{"name": "bpm", "kind": "release", "version": "1.4.38", "url": "https://bosh.io/d/b"},
			{"name": "stemcell", "kind": "stemcell", "upstream": "`+stemcellName+`", "version": "1.1340"},
			{"name": "noble", "kind": "stemcell", "upstream": "bosh-aws-xen-hvm-ubuntu-noble", "version": "1.2", "url": "https://bosh.io/d/n"},
			{"name": "perpetual", "kind": "github", "version": "1.3.0"}]`)
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"concourse": "8.2.0 → 8.2.1", "stemcell": "1.1340 (unchanged)", "perpetual": "1.2.0 → 1.3.0"}
		for name, text := range want {
			if got := metadata(result)[name]; got != text {
				t.Errorf("metadata %s: %q, want %q", name, got, text)
			}
		}
		for _, other := range []string{"bpm", "noble"} {
			if got, there := metadata(result)[other]; there {
				t.Errorf("metadata %s: %q, and the manifest does not take it", other, got)
			}
		}
		if f.count("upload bpm/1.4.38") != 1 || f.count("upload bosh-aws-xen-hvm-ubuntu-noble/1.2") != 1 {
			t.Errorf("effects %q, want what the set has on the director", f.all())
		}
	})
}

func TestOut_refusesAnIgnoredKeyThatTheSetDoesNotHave(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		_, err := f.out(t.Context(), func(p *resource.OutParams) { p.IgnoreSet = []string{"stemcel"} })
		wantError(t, err, `params.ignore_set: the component set has no "stemcel"; it has concourse, stemcell, perpetual`)
		_, err = f.out(t.Context(), func(p *resource.OutParams) { p.Components, p.IgnoreSet = "", []string{"stemcell"} })
		wantError(t, err, `has no "stemcell"; it has nothing, as params.components is not given`)
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
	})
}

// more adds releases to the manifest.
func (f *fixture) more(t *testing.T, releases string) {
	t.Helper()
	f.replaced(t, "releases:\n", "releases:\n"+releases)
}

// onNoble adds version 79 of a release to the manifest, for a group of another stemcell.
func (f *fixture) onNoble(t *testing.T, release string) {
	t.Helper()
	f.director.stemcells = append(f.director.stemcells, bosh.Stemcell{Name: "bosh-aws-xen-hvm-ubuntu-noble", Version: "1.2", OS: "ubuntu-noble"})
	f.replaced(t,
		"releases:\n", "releases:\n- {name: "+release+", version: 79}\n",
		"stemcells:\n", "stemcells:\n- {alias: new, os: ubuntu-noble, version: \"1.2\"}\n",
		"instance_groups:\n", "instance_groups:\n- {name: more, stemcell: new, instances: 1, jobs: [{name: more, release: "+release+"}]}\n")
}

// uses makes a release with these packages one that the deployment uses.
func (f *fixture) uses(release bosh.Release, packages []bosh.Package) {
	d := f.director.deployed["concourse"]
	d.Releases = append(d.Releases, release)
	f.director.deployed["concourse"] = d
	f.director.packages[release] = packages
}

func TestOut_refusesWhatTheDirectorDoesNotHaveBeforeAnythingIsSet(t *testing.T) {
	jammy := []bosh.Package{{Name: "golang", Compiled: []string{"ubuntu-jammy/1.1340"}}, {Name: "tiny", Compiled: []string{"ubuntu-jammy/1.1340"}}}
	for name, c := range map[string]struct {
		edit func(t *testing.T, f *fixture)
		want []string
	}{
		"a release": {func(t *testing.T, f *fixture) { f.more(t, "- {name: telegraf, version: 9.9.9}\n") }, []string{"telegraf/9.9.9"}},
		"two of them, and a stemcell": {func(t *testing.T, f *fixture) {
			f.more(t, "- {name: telegraf, version: 9.9.9}\n- {name: uaa, version: latest}\n")
			f.write(t, "manifest.yml", strings.Replace(f.text(t, f.dir, "manifest.yml"), "stemcells:\n", "stemcells:\n- {alias: old, os: ubuntu-trusty, version: \"3586\"}\n", 1))
		}, []string{"telegraf/9.9.9, uaa/latest, ubuntu-trusty/3586"}},
		"another version":  {func(t *testing.T, f *fixture) { f.has("uaa/78"); f.more(t, "- {name: uaa, version: 79}\n") }, []string{"uaa/79"}},
		"without a digest": {func(t *testing.T, f *fixture) { f.more(t, "- {name: uaa, version: 79, url: https://h/u.tgz}\n") }, []string{"uaa/79 (the manifest has its url, but no sha1)"}},
		"from a file": {func(t *testing.T, f *fixture) {
			f.more(t, "- {name: uaa, version: 79, url: \"file:///u.tgz\", sha1: a1}\n")
		}, []string{"uaa/79 (its url in the manifest is not one that the director can fetch)"}},
		"compiled for another stemcell": {func(t *testing.T, f *fixture) {
			f.has("uaa/79")
			f.director.packages[bosh.Release{Name: "uaa", Version: "79"}] = jammy
			f.onNoble(t, "uaa")
		}, []string{"uaa/79 (it is there without its source, compiled for ubuntu-jammy/1.1340)"}},
		"compiled for another than it was exported from": {func(t *testing.T, f *fixture) {
			f.has("uaa/79")
			f.director.packages[bosh.Release{Name: "uaa", Version: "79"}] = append(jammy, bosh.Package{Name: "more", Source: true})
			f.more(t, "- {name: uaa, version: 79, exported_from: [{os: ubuntu-jammy, version: \"1.1340\"}]}\n")
		}, []string{"uaa/79 (it is there without its source, compiled for no stemcell)"}},
		"of the deployment, and compiled for another than it is exported from now": {func(t *testing.T, f *fixture) {
			f.has("uaa/79")
			f.uses(bosh.Release{Name: "uaa", Version: "79"}, jammy)
			f.more(t, "- {name: uaa, version: 79, exported_from: [{os: ubuntu-jammy, version: \"1.1\"}]}\n")
		}, []string{"uaa/79 (it is there without its source, compiled for ubuntu-jammy/1.1340)"}},
		"of the deployment, and compiled for another than it runs on now": {func(t *testing.T, f *fixture) {
			f.has("uaa/79")
			f.uses(bosh.Release{Name: "uaa", Version: "79"}, jammy)
			f.onNoble(t, "uaa")
		}, []string{"uaa/79 (it is there without its source, compiled for ubuntu-jammy/1.1340)"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				c.edit(t, f)
				for _, dry := range []bool{false, true} {
					_, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun = dry })
					wantError(t, err, append(c.want, "refuse to deploy: the director does not have ", "nothing was changed")...)
				}
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
			})
		})
	}
}

// A release that is compiled for the stemcell of its instance groups is there, also for
// another version of the stemcell's major: so the director takes it.
func TestOut_takesACompiledReleaseForItsStemcell(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.has("concourse/8.2.1")
		f.replaced(t, "  jobs:\n", "  stemcell: default\n  jobs:\n")
		f.director.packages[bosh.Release{Name: "concourse", Version: "8.2.1"}] = []bosh.Package{{Name: "concourse", Compiled: []string{"ubuntu-jammy/1.100"}}}
		if _, err := f.out(t.Context(), nil); err != nil || f.count("upload concourse") != 0 || f.count("deploy") != 1 {
			t.Errorf("effects %q, %v", f.all(), err)
		}
	})
}

func TestOut_uploadsWhatTheManifestNamesWithURLAndDigest(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.has("uaa/79.0.0", "old/1")
		f.director.packages[bosh.Release{Name: "uaa", Version: "79.0.0"}] = []bosh.Package{{Name: "jdk", Compiled: []string{"ubuntu-bionic/1.5"}}}
		f.replaced(t, "releases:\n", `releases:
- {name: uaa, version: 79.0.0, url: "https://h/uaa.tgz", sha1: "sha256:9f86"}
- {name: credhub, version: latest, url: "https://h/credhub.tgz", sha1: c1}
- {name: old, version: "1", url: "https://h/old.tgz", sha1: c2}
`, "stemcells:\n", `stemcells:
- {alias: noble, os: ubuntu-noble, version: "1.2", url: "https://h/noble.tgz", sha1: c3}
`, "  jobs:\n  - name: web\n", "  stemcell: default\n  jobs:\n  - {name: uaa, release: uaa}\n  - name: web\n")
		dry, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun = true })
		if err != nil || metadata(dry)["deploy"] != "dry run: it would be deployed; nothing was changed" {
			t.Fatal(dry, err)
		}
		wantText(t, "dry run", f.log.String(), "would be uploaded: uaa/79.0.0, credhub/latest, concourse/8.2.1, ubuntu-noble/1.2, "+stemcellName+"/1.1364")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Fix = true }); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"upload uaa/79.0.0 from https://h/uaa.tgz to fix it", "upload credhub/latest from https://h/credhub.tgz to fix it",
			"upload concourse/8.2.1 from https://bosh.io/d/concourse?v=8.2.1 to fix it",
			"upload ubuntu-noble/1.2 from https://h/noble.tgz to fix it", "upload " + stemcellName + "/1.1364 from https://bosh.io/d/stemcell?v=1.1364 to fix it",
		}
		var got []string
		for _, effect := range f.all() {
			if strings.HasPrefix(effect, "upload") {
				got = append(got, effect)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("uploads (-want +got):\n%s", diff)
		}
	})
}

// The director keeps the manifest with "latest" in it.
func TestIn_comparesWithWhatTheDirectorHasTakenForLatest(t *testing.T) {
	for version, want := range map[string]string{"8.2.1": "", "8.2.0": "the ATC reports 8.2.0, wanted is 8.2.1"} {
		t.Run(version, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": "latest"}))
				d := f.director.deployed["concourse"]
				d.Releases[0].Version = "8.2.1"
				f.atc.looks = []look{{version: version, workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
				dir := t.TempDir()
				_, err := f.in(t.Context(), "7", dir, resource.InParams{Verify: true})
				if want == "" && err != nil {
					t.Error(err)
				}
				if want != "" {
					wantError(t, err, want)
				}
				wantText(t, "report", f.text(t, dir, "report.md"), "| concourse | 8.2.1 |")
			})
		})
	}
}
