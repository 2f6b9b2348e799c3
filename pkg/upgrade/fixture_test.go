package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/template"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

const (
	stemcellName = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	keptKey      = "kept-worker-key"
)

// fixture is a Concourse 8.2.0 that BOSH has deployed with task 7, and a build
// that has fetched a set with Concourse 8.2.1.
type fixture struct {
	*effects
	director *fakeDirector
	atc      *fakeATC
	build    plan.Build
	noATC    bool
	state    state.Store // nil: none
	kept     *fakeKeeper // the list of paused pipelines
	sets     *fakeSets
	program  string // the version of this program
	// submitting is called before each deploy is submitted; nil: nothing is.
	submitting func(context.Context, []byte) error
	name       string // of the deployment
	team       string // of the source
	dir        string
	log        logBuffer
	debug      logBuffer
	mu         sync.Mutex
	masked     []string
}

// play runs a test in a world of its own, whose clock stands still while
// anything happens and jumps when everybody waits.
func play(t *testing.T, do func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, newFixture(t)) })
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	done := &effects{}
	f := &fixture{
		effects: done, name: "concourse", dir: t.TempDir(), build: plan.Build{Team: "main", Pipeline: "self-upgrade", Name: "3"},
		director: &fakeDirector{
			effects: done, deployed: map[string]bosh.Deployment{}, faults: map[string][]error{}, uploads: map[string]outcome{},
			releases: []bosh.Release{
				{Name: "concourse", Version: "8.2.0"}, {Name: boshrelease.Name, Version: boshrelease.Version()},
			},
			packages:  map[bosh.Release][]bosh.Package{},
			stemcells: []bosh.Stemcell{{Name: stemcellName, Version: "1.1340", OS: "ubuntu-jammy"}},
			instances: [][]bosh.Instance{all()},
			deploy:    fakeTask{takes: time.Minute, end: bosh.StateDone},
		},
		atc:  &fakeATC{effects: done, pipelines: map[string][]byte{}, looks: []look{{version: "8.2.0", workerVersion: "2.5"}}},
		kept: &fakeKeeper{},
		sets: &fakeSets{},
	}
	f.director.past(7, bosh.StateDone)
	f.director.record("concourse", f.manifest(t, map[string]any{}))
	var err error
	if f.atc.pipelines["self-upgrade"], err = runningPipeline(); err != nil {
		t.Fatal(err)
	}
	f.write(t, "manifest.yml", string(manifestTemplate(t)))
	f.set(t, "8.2.1", "1.1364")
	return f
}

// runningPipeline is the bundled pipeline as it was set before.
var runningPipeline = sync.OnceValues(func() ([]byte, error) {
	return template.Render(template.Template{
		File: template.File{Name: "pipeline", Text: pipelines.SelfUpgrade()}, Partial: true,
		Vars: []map[string]any{pipelines.SelfUpgradeDefaults("8.2.4", "1.2.0"), {
			"perpetual_image_tag": "1.2.0", "director_url": "https://10.0.0.6:25555",
			"atc_username": "ci", "github_token": "((vault:github.token))",
		}},
	})
})

// manifest is testdata's manifest with the deployed values and others.
func (f *fixture) manifest(t *testing.T, vars map[string]any) []byte {
	t.Helper()
	return render(t, template.Template{
		File: template.File{Name: "manifest", Text: manifestTemplate(t)},
		Vars: []map[string]any{{
			"deployment_name": "concourse", "concourse_version": "8.2.0", "stemcell_name": stemcellName, "stemcell_version": "1.1340",
			"external_url": "https://ci.example.com", "worker_instances": 2, "worker_key": keptKey,
		}, vars},
	})
}

func manifestTemplate(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "manifest.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func render(t *testing.T, m template.Template) []byte {
	t.Helper()
	text, err := template.Render(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write makes a file in the build's directory.
func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// set makes the component set that the build has fetched.
func (f *fixture) set(t *testing.T, concourse, stemcell string) {
	t.Helper()
	text, err := json.Marshal([]component.Component{
		{Name: "concourse", Kind: component.KindRelease, Version: concourse, URL: "https://bosh.io/d/concourse?v=" + concourse, SHA1: "c0"},
		{Name: "stemcell", Kind: component.KindStemcell, Upstream: stemcellName, Version: stemcell, URL: "https://bosh.io/d/stemcell?v=" + stemcell, SHA1: "5c"},
		{Name: "perpetual", Kind: component.KindGitHub, Upstream: "perpetual-ci/perpetual", Version: "1.3.0", URL: "https://github.com/perpetual-ci/perpetual/releases/tag/v1.3.0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "components/components.json", string(text))
}

// has puts releases on the director.
func (f *fixture) has(releases ...string) {
	for _, r := range releases {
		name, version, _ := strings.Cut(r, "/")
		f.director.releases = append(f.director.releases, bosh.Release{Name: name, Version: version})
	}
}

// current makes the fetched set the one that is deployed, on the director and in
// the pipeline.
func (f *fixture) current(t *testing.T) {
	t.Helper()
	f.set(t, "8.2.0", "1.1340")
	if _, err := f.out(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	f.effects.mu.Lock()
	defer f.effects.mu.Unlock()
	f.effects.list = nil
}

// out runs a put with the fetched set and testdata's manifest.
func (f *fixture) out(ctx context.Context, edit func(*resource.OutParams)) (resource.Result, error) {
	req := f.put(edit)
	did, err := f.run(ctx, req)
	if err != nil {
		return resource.Result{}, err
	}
	return step.PutResult(req, did), nil
}

// put is the request of out.
func (f *fixture) put(edit func(*resource.OutParams)) resource.OutRequest {
	params := resource.OutParams{Components: "components", Manifest: "manifest.yml"}
	if edit != nil {
		edit(&params) // of the fixture, too
	}
	return resource.OutRequest{
		Source: resource.Source{Deployment: f.name, Director: resource.Director{URL: "https://10.0.0.6:25555"}, Concourse: resource.Concourse{Team: f.team}},
		Params: params,
	}
}

// run upgrades as a put asks for.
func (f *fixture) run(ctx context.Context, req resource.OutRequest) (upgrade.Result, error) {
	asked, err := step.Put(req, f.dir)
	if err != nil {
		return upgrade.Result{}, err
	}
	o := upgrade.Out{
		Director: f.director, ATC: f.atc, Concourse: f.atc, Keeper: f.kept, Sets: f.sets, Build: f.build, Program: f.program,
		Log: &f.log, Debug: f.logger(), Mask: f.mask, State: f.state, Submitting: f.submitting,
	}
	if f.noATC {
		o.ATC, o.Concourse = nil, nil
	}
	return o.Run(ctx, asked)
}

// in runs a get of a task into a directory.
func (f *fixture) in(ctx context.Context, task, dir string, params resource.InParams) (resource.Result, error) {
	v := verify.Verification{
		Director: f.director, ATC: f.atc, Concourse: f.atc, Keepers: []pause.Keeper{f.kept}, Sets: f.sets, Log: &f.log, Debug: f.logger(),
	}
	if f.noATC {
		v.ATC, v.Concourse = nil, nil
	}
	return step.Get(ctx, v, resource.InRequest{
		Source: resource.Source{Deployment: f.name}, Version: resource.Version{"task": task}, Params: params,
	}, dir)
}

// check is a check from a version on.
func check(ctx context.Context, director task.Director, log io.Writer, given resource.Version) ([]resource.Version, error) {
	return step.Check(ctx, task.Check{Director: director, Log: log}, resource.CheckRequest{
		Source: resource.Source{Deployment: "concourse"}, Version: given,
	})
}

// logger writes what only debug shows.
func (f *fixture) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&f.debug, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (f *fixture) mask(values ...secret.Value) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range values {
		f.masked = append(f.masked, v.Reveal())
	}
}

// submitted is the manifest of the last deploy.
func (f *fixture) submitted(t *testing.T) string {
	t.Helper()
	f.director.mu.Lock()
	defer f.director.mu.Unlock()
	if len(f.director.submitted) == 0 {
		t.Fatal("no deploy was started")
	}
	return string(f.director.submitted[len(f.director.submitted)-1])
}

// contextID is the context id of the last deploy.
func (f *fixture) contextID(t *testing.T) string {
	t.Helper()
	f.submitted(t)
	return f.director.options[len(f.director.options)-1].ContextID
}

// running are instances of the web that run.
func running() []bosh.Instance {
	return []bosh.Instance{{Group: "web", ID: "6f1c", AgentID: "vm-web", State: "running"}}
}

// all are the instances of the deployment: a web and two workers, which run.
func all() []bosh.Instance { return append(running(), group("worker", "w0", "w1")...) }

// logBuffer is a log that several goroutines may write.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var _ io.Writer = (*logBuffer)(nil)

// wantError wants an error of one line that has all the parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is not one line", err)
	}
}

// wantText wants all the parts in a text.
func wantText(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}
