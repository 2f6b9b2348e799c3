package command_test

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// repositoryOf publishes a repository with so many releases, v1.0.0 upwards; the
// one at place first (0 is the newest) has the highest version.
func (s *stage) repositoryOf(name string, releases, first int) {
	list := make([]github.Release, releases)
	for i := range list {
		list[i] = github.Release{Tag: fmt.Sprintf("v1.%d.0", i), CreatedAt: time.Now().Add(time.Duration(i-releases) * time.Hour)}
		if i == releases-1-first {
			list[i].Tag = "v9.0.0"
		}
	}
	s.GitHub.Publish(name, list...)
}

// anonymous is a key of these cases alone: without a token.
const anonymous = "anonymous"

// What the table of requests in pkg/docs/costs.md says of the upstreams.
func TestCost_ofComponents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repositoryOf("cost/small", 20, 0)
	s.repositoryOf("cost/large", 300, 3)
	s.repositoryOf("cost/old-line", 300, 150)
	s.repositoryOf("cost/tags", 1000, 0)
	s.GitHub.AddTags("cost/tags", "v10.0.0", "v10.0.1", "v10.0.2", "v10.0.3")
	s.repositoryOf("cost/both", 1000, 500)
	s.GitHub.AddTags("cost/both", "v10.0.0", "v10.0.1", "v10.0.2", "v10.0.3")
	for name, c := range map[string]struct {
		verb, server string
		keys         object
		version      string
		want         int
	}{
		"check, release":                                            {"check", "boshio", object{"release": world.ConcourseRepository}, "", 1},
		"check, stemcell":                                           {"check", "boshio", object{"stemcell": world.StemcellName}, "", 1},
		"check, release with min_age":                               {"check", "boshio", object{"release": world.ConcourseRepository, "min_age": "1ns"}, "", 3}, // bosh.io redirects to the file
		"check, stemcell with min_age":                              {"check", "boshio", object{"stemcell": world.StemcellName, "min_age": "1ns"}, "", 2},
		"check, 20 releases of GitHub":                              {"check", "github", object{"github": "cost/small"}, "", 1},
		"check, 300 with the highest at the front":                  {"check", "github", object{"github": "cost/large"}, "", 2},
		"check, 300 with the highest further back":                  {"check", "github", object{"github": "cost/old-line"}, "", 3},
		"check, 1000 with 4 higher tags without a release":          {"check", "github", object{"github": "cost/tags"}, "", 3},
		"check, 1000 with 4 such tags and the highest further back": {"check", "github", object{"github": "cost/both"}, "", 3},
		"check, 1000 with 4 such tags, without a token":             {"check", "github", object{"github": "cost/tags", anonymous: true}, "", 6},
		"check, 300 with drafts":                                    {"check", "github", object{"github": "cost/large", "drafts": true}, "", 4},
		"in, release":                                               {"in", "boshio", object{"release": world.ConcourseRepository}, oldSet.Concourse, 1},
		"in, stemcell":                                              {"in", "boshio", object{"stemcell": world.StemcellName}, oldSet.Stemcell, 1},
		"in, GitHub":                                                {"in", "github", object{"github": "cost/old-line"}, "9.0.0", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s.forget()
			keys := maps.Clone(c.keys)
			delete(keys, anonymous)
			source, _ := watch(keys)(s)
			if c.keys[anonymous] != nil {
				delete(source["github"].(object), "token")
			}
			request, dir := object{"source": source}, ""
			if c.verb == "in" {
				request["version"], dir = object{"concourse": c.version}, t.TempDir()
			}
			if p := ask(t, c.verb, request, dir); p.code != 0 {
				t.Fatal(p.stderr)
			}
			if n := s.requests(c.server); n != c.want {
				t.Errorf("%d requests, want %d: %v", n, c.want, s.asked(c.server))
			}
		})
	}
}

// What it says of images, of a registry that wants a login.
func TestCost_ofAnImage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.images(t, toolRegistry()) // two pages of tags
	source := imageSource(s, s.URLs["registry"])
	version := answer[[]object](t, ask(t, "check", object{"source": source}, ""))[0]
	for verb, want := range map[string]int{"check": 2 + 2 + 1, "in": 2 + 2 + 1} {
		s.Faults["registry"].Forget()
		if p := ask(t, verb, object{"source": source, "version": version}, t.TempDir()); p.code != 0 {
			t.Fatal(p.stderr)
		}
		if n := s.requests("registry"); n != want {
			t.Errorf("%s: %d requests, want %d: %v", verb, n, want, s.asked("registry"))
		}
	}
}

// What it says of the director and the ATC; and with a director that knows its
// users itself, fewer than ten.
func TestCost_ofADeployment(t *testing.T) {
	t.Parallel()
	s := installed(t)
	source, script := s.withoutUAA(t)
	for name, c := range map[string]struct {
		server *fault.Script
		uaa    int
		source object
		check  int
		out    int
	}{
		"UAA":        {s.Faults["director"], 1, s.DeploymentSource(), 4, 10},
		"basic auth": {script, 0, source, 3, 9},
	} {
		t.Run(name, func(t *testing.T) {
			count := func() int { return len(c.server.Seen()) + s.requests("uaa") }
			s.forget()
			c.server.Forget()
			if p := ask(t, "check", object{"source": c.source}, ""); p.code != 0 {
				t.Fatal(p.stderr)
			}
			if n := count(); n != c.check || s.requests("uaa") != c.uaa {
				t.Errorf("check costs %d requests, want %d: %v", n, c.check, asked(c.server))
			}
			s.forget()
			c.server.Forget()
			request := s.out(object{"vars": object{"drain_timeout": "99m"}})
			request["source"] = c.source
			if r := answer[result](t, ask(t, "out", request, s.dir)); r.field("deploy") != "started" {
				t.Errorf("out gives %+v", r)
			}
			if n := count(); n != c.out {
				t.Errorf("out costs %d requests, want %d: %v", n, c.out, asked(c.server))
			}
			if n := len(asked(c.server)); n >= 10 {
				t.Errorf("the director was asked %d times, want fewer than 10", n)
			}
		})
	}
	s.idle(t)
}

func asked(script *fault.Script) []string {
	var list []string
	for _, r := range script.Seen() {
		list = append(list, r.Method+" "+r.URL)
	}
	return list
}

// withoutUAA starts a second director, in the same state, that knows its users
// itself. It lives as long as the test.
func (s *stage) withoutUAA(t *testing.T, edits ...func(*director.Options)) (source object, script *fault.Script) {
	t.Helper()
	options := director.Options{Scale: 0.001}
	for _, edit := range edits {
		edit(&options)
	}
	d := director.New(t.Context(), options)
	s.other = d
	t.Cleanup(d.Close)
	err := d.Seed(director.Seed{
		CloudConfig: world.CloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: world.StemcellName, OS: "ubuntu-jammy", Version: oldSet.Stemcell}},
		Releases:    []director.SeedRelease{{Name: "concourse", Version: oldSet.Concourse}, {Name: "bpm", Version: oldSet.BPM}, {Name: "postgres", Version: oldSet.Postgres}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deploy(t.Context(), []byte(s.Director.Deployments()[0].Manifest)); err != nil {
		t.Fatal(err)
	}
	script = &fault.Script{}
	server := httptest.NewTLSServer(script.Wrap(d))
	t.Cleanup(server.Close)
	source = s.DeploymentSource()
	source["director"] = object{
		"url": server.URL, "username": "admin", "password": "admin",
		"ca_cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
	return source, script
}

// A new release that somebody has uploaded already is looked for, and found.
func TestCost_ofAReleaseThatIsThere(t *testing.T) {
	t.Parallel()
	s := installed(t)
	s.Publish(world.Set{Concourse: newSet.Concourse})
	if err := s.Director.Seed(director.Seed{Releases: []director.SeedRelease{
		{Name: "concourse", Version: newSet.Concourse}, {Name: boshrelease.Name, Version: boshrelease.Version()},
	}}); err != nil {
		t.Fatal(err)
	}
	s.fetch(t, nil)
	s.forget()
	r := answer[result](t, ask(t, "out", s.out(nil), s.dir))
	if r.field("concourse") != "8.2.4 → 8.2.5" || r.field("deploy") != "started" {
		t.Errorf("out gives %+v", r)
	}
	// One for its packages; and as the gate is added, one for the release with it. The
	// set is kept when the director has accepted.
	if n := s.requests("director"); n != 11 {
		t.Errorf("the director was asked %d times, want 11: %v", n, s.asked("director"))
	}
	if n := s.requests("boshio"); n != 0 {
		t.Errorf("bosh.io was asked for what is there: %v", s.asked("boshio"))
	}
	s.idle(t)
}

// Nothing to do costs what looking costs, and starts nothing.
func TestCost_ofNothingToDo(t *testing.T) {
	t.Parallel()
	s := installed(t)
	request := object{"source": s.DeploymentSource(), "params": object{"components": "components", "pipeline": object{"name": pipelineName}}}
	p := s.unchanged(t, func() process { return ask(t, "out", request, s.dir) })
	if r := answer[result](t, p); r.field("deploy") != "nothing to deploy" || r.Version["task"] != "1" {
		t.Errorf("out gives %+v", r)
	}
	if n := s.requests("director"); n > 11 {
		t.Errorf("the director was asked %d times: %v", n, s.asked("director"))
	}
	if n := s.requests("concourse"); n > 6 {
		t.Errorf("the ATC was asked %d times: %v", n, s.asked("concourse"))
	}
	if found := files(t, filepath.Join(s.dir, "components")); len(found) == 0 {
		t.Error("out emptied its input")
	}
}

// What it says of a put, by how the manifest names its stemcell: the director tells the
// versions of one that is given by its OS in a list of its own.
func TestCost_ofAPut(t *testing.T) {
	t.Parallel()
	const started, nothing, dry = "started", "nothing to deploy", "dry run: nothing was changed"
	byOS := "- {type: replace, path: /stemcells/0, value: {alias: default, os: ubuntu-jammy, version: ((stemcell_version))}}\n"
	for name, c := range map[string]struct {
		ops  string
		more int // requests than by name
	}{"by name": {"[]\n", 0}, "by os": {byOS, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			write(t, s.dir, map[string]string{
				"stemcell.yml": c.ops, "cloud-config.yml": world.CloudConfig, "other-config.yml": world.CloudConfig + "\nvm_extensions: []\n",
			})
			source, script := s.withoutUAA(t)
			for _, put := range []struct {
				what   string
				params object
				deploy string
				want   int // requests to the director, with the one for how to log in, and the last one, which keeps its set
			}{
				{"the first, which is waited for", object{"vars": object{"drain_timeout": "97m"}, "detach": false}, started, 0},
				{"nothing has changed", nil, nothing, 11},
				{"nothing has changed, in a dry run", object{"dry_run": true}, dry, 5},
				{"nothing has changed, with a cloud config", object{"cloud_config": "cloud-config.yml"}, nothing, 12},
				{"a value has changed", object{"vars": object{"drain_timeout": "98m"}}, started, 9},
				{"it runs already", object{"vars": object{"drain_timeout": "98m"}, "detach": false}, "", 0},
				{"a value and the cloud config have changed", object{"vars": object{"drain_timeout": "99m"}, "cloud_config": "other-config.yml"}, started, 11},
			} {
				script.Forget()
				all := object{"components": "components", "ops_files": []string{"stemcell.yml"}, "pipeline": object{"skip": true}}
				maps.Copy(all, put.params)
				r := answer[result](t, ask(t, "out", object{"source": source, "params": all}, s.dir))
				if put.deploy != "" && r.field("deploy") != put.deploy {
					t.Errorf("%s: out gives %+v, want %s", put.what, r, put.deploy)
				}
				if n := len(script.Seen()); put.want > 0 && n != put.want+c.more {
					t.Errorf("%s: %d requests, want %d:\n%s", put.what, n, put.want+c.more, strings.Join(asked(script), "\n"))
				}
			}
		})
	}
}
