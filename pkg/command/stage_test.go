package command_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// object is a JSON object.
type object = map[string]any

// The sets before and after an upgrade.
var (
	oldSet = world.Set{Concourse: "8.2.4", BPM: "1.4.33", Postgres: "54.0.5", Stemcell: "1.1340", Perpetual: "1.2.0"}
	newSet = world.Set{Concourse: "8.2.5", Stemcell: "1.1364", Perpetual: "1.3.0"}
)

const pipelineName = "self-upgrade"

// stage is a world for one test, and a build's directory.
type stage struct {
	*world.World
	dir   string
	other *director.Director // that of withoutUAA
}

// newStage starts a world in which a set is published and nothing is deployed.
// The director's durations are a thousandth of real ones, or as scale says.
func newStage(t *testing.T, scale ...float64) *stage {
	t.Helper()
	return newStageOf(t, world.Options{Scale: append(scale, 0.001)[0], DrainTimeout: time.Minute})
}

func newStageOf(t *testing.T, o world.Options) *stage {
	t.Helper()
	o.CA, o.Listen = authority(t), ownLoopback(t)
	w, err := world.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	w.Publish(oldSet)
	return &stage{World: w, dir: t.TempDir()}
}

// loopbacks counts the worlds of this process, from anywhere on.
var loopbacks = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32()) // any will do
	return &n
}()

// ownLoopback is a loopback address that no other world has. The ports of a world that
// is closed are soon another's: what is still on the way to the one would be counted by
// the other if both had one address. Where there is only 127.0.0.1, as on macOS, it is
// that one.
func ownLoopback(t *testing.T) string {
	t.Helper()
	n := loopbacks.Add(1)
	address := netip.AddrFrom4([4]byte{127, 1 + byte(n>>16)%63, byte(n >> 8), byte(n)}).String() // from 127.64 on are those of package site
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// installed starts a world with that set deployed, the pipeline set, and the
// deployed set in the build's directory.
func installed(t *testing.T, scale ...float64) *stage {
	t.Helper()
	s := newStage(t, scale...)
	err := s.Director.Seed(director.Seed{
		CloudConfig: world.CloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: world.StemcellName, OS: "ubuntu-jammy", Version: oldSet.Stemcell}},
		Releases:    []director.SeedRelease{{Name: "concourse", Version: oldSet.Concourse}, {Name: "bpm", Version: oldSet.BPM}, {Name: "postgres", Version: oldSet.Postgres}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, config := s.oldTexts(t)
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if _, err := s.Director.Deploy(ctx, text); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Concourse.SetPipeline(world.Team, pipelineName, nil, config); err != nil {
		t.Fatal(err)
	}
	if err := component.WriteSet(filepath.Join(s.dir, "components"), s.set()); err != nil {
		t.Fatal(err)
	}
	s.forget()
	return s
}

// oldTexts are the manifest and the pipeline of the deployed set. They are
// rendered once for all worlds.
func (s *stage) oldTexts(t *testing.T) (text, config []byte) {
	t.Helper()
	oldTexts.once.Do(func() {
		bundled := template.File{Name: "pipeline", Text: pipelines.SelfUpgrade()}
		text := template.WithoutEmptyVariables(render(t, bundle.Concourse(), bundle.ConcourseDefaults(), s.ManifestVars(), s.setVars(), object{"deployment_name": "concourse"})) // as a put deploys it
		config := render(t, bundled, pipelines.SelfUpgradeDefaults(oldSet.Concourse, oldSet.Perpetual), s.PipelineVars(), s.setVars())
		oldTexts.manifest, oldTexts.pipeline = s.Nameless(string(text)), s.Nameless(string(config))
	})
	return []byte(s.Named(oldTexts.manifest)), []byte(s.Named(oldTexts.pipeline))
}

var oldTexts struct {
	once               sync.Once
	manifest, pipeline string // with names for the servers' addresses
}

func render(t *testing.T, file template.File, vars ...map[string]any) []byte {
	t.Helper()
	text, err := template.Render(template.Template{File: file, Vars: vars, Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// set is the deployed component set.
func (s *stage) set() []component.Component {
	release := func(name, repository, version string) component.Component {
		return component.Component{
			Name: name, Kind: component.KindRelease, Upstream: repository, Version: version,
			URL: s.URLs["boshio"] + "/d/" + repository + "?v=" + version, SHA1: strings.Repeat("0", 40), Network: dial.Loopback,
		}
	}
	stemcell := release("stemcell", world.StemcellName, oldSet.Stemcell)
	stemcell.Kind = component.KindStemcell
	return []component.Component{
		release("concourse", world.ConcourseRepository, oldSet.Concourse), release("bpm", world.BPMRepository, oldSet.BPM),
		release("postgres", world.PostgresRepository, oldSet.Postgres), stemcell,
		{Name: "perpetual", Kind: component.KindGitHub, Upstream: world.ProgramRepository, Version: oldSet.Perpetual, URL: "https://github.com/"},
	}
}

func (s *stage) setVars() object {
	vars := object{}
	for _, c := range s.set() {
		for key, value := range c.Vars() {
			vars[key] = value
		}
		if c.Kind == component.KindGitHub {
			vars["perpetual_image_tag"] = c.ImageTag()
		}
	}
	return vars
}

// out is a request to deploy a change of the bundled manifest, with the given params over it.
func (s *stage) out(params object) object {
	all := object{
		"components": "components", "vars": object{"drain_timeout": "61m"},
		"pipeline": object{"name": pipelineName, "vars": object{"stemcell_constraint": "1.x"}}, "lock_timeout": "20s",
	}
	maps.Copy(all, params)
	return object{"source": s.DeploymentSource(), "params": all}
}

// forget empties the records of requests.
func (s *stage) forget() {
	for _, script := range s.Faults {
		script.Forget()
	}
}

// requests counts what a server was asked.
func (s *stage) requests(server string) int { return len(s.Faults[server].Seen()) }

// asked lists all requests to a server, by method and address.
func (s *stage) asked(server string) []string {
	var list []string
	for _, r := range s.Faults[server].Seen() {
		list = append(list, r.Method+" "+r.URL)
	}
	return list
}

// snapshot is everything on the servers that a request could have changed.
type snapshot struct {
	Effects     []director.Effect
	Tasks       []string
	Deployments []director.Deployment
	Pipelines   []concourse.Event
}

// snapshot looks behind the servers, not through their APIs.
func (s *stage) snapshot() snapshot {
	shot := snapshot{Effects: s.Director.Effects(), Deployments: s.Director.Deployments()}
	for _, task := range s.Director.Tasks() {
		if task.Description != "retrieve vm-stats" { // how the director answers a question
			shot.Tasks = append(shot.Tasks, task.Description+" "+task.State)
		}
	}
	for _, e := range s.Concourse.Events() {
		switch e.Kind {
		case concourse.KindCreate, concourse.KindUpdate, concourse.KindPause, concourse.KindUnpause:
			shot.Pipelines = append(shot.Pipelines, e)
		}
	}
	return shot
}

// unchanged runs something and wants nothing changed by it on any server.
func (s *stage) unchanged(t *testing.T, do func() process) process {
	t.Helper()
	before := s.snapshot()
	p := do()
	if diff := cmp.Diff(before, s.snapshot()); diff != "" {
		t.Errorf("something was changed on a server (-before +after):\n%s", diff)
	}
	return p
}

// deploys are the deploys that the director has accepted.
func (s *stage) deploys() (tasks []director.Effect) {
	for _, e := range s.Director.Effects() {
		if e.Kind == director.EffectDeploy && !e.DryRun {
			tasks = append(tasks, e)
		}
	}
	return tasks
}

// idle waits until the director runs no task.
func (s *stage) idle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if err := s.Idle(ctx); err != nil {
		t.Fatal(err)
	}
}

// credentials are the secrets of the source; none may turn up in any output.
func credentials() []string {
	return []string{world.DirectorSecret, world.ConcoursePass, world.GitHubToken}
}

// hides wants none of the secrets, nor their base64 forms, in a process's output.
func hides(t *testing.T, p process, secrets ...string) {
	t.Helper()
	for name, text := range map[string]string{"stdout": p.stdout, "stderr": p.stderr} {
		for _, form := range forms(secrets) {
			if strings.Contains(text, form) {
				t.Errorf("%s shows a credential (%s):\n%s", name, form, text)
			}
		}
	}
}
