package command_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// drill is a request that is killed everywhere.
type drill struct {
	name    string
	verb    string
	servers []string // whose exchanges count
	begin   func(t *testing.T) *scene
}

// scene is a drill in a world of its own.
type scene struct {
	*stage
	verb    string
	request object
	target  string // the argument of in and out
	tmp     string // TMPDIR of the processes
	store   string // the directory of the state store; "" without one
	build   *concourse.Build
}

// env is the environment of a process, with what the crash build is told.
func (s *scene) env(more ...string) []string {
	return append([]string{"PATH=/nonexistent", "TMPDIR=" + s.tmp}, more...)
}

// attack starts the request.
func (s *scene) attack(t *testing.T, more ...string) *victim {
	t.Helper()
	return attack(t, s.env(more...), s.request, s.verb, s.target)
}

// newCloudConfig is world.CloudConfig with a change.
const newCloudConfig = world.CloudConfig + "vm_extensions: [{name: spot, cloud_properties: {}}]\n"

var drills = []drill{
	{"out with everything new", "out", []string{"director", "uaa", "concourse"}, everythingNew},
	{"out with nothing to upload", "out", []string{"director", "uaa", "concourse"}, nothingToUpload},
	{"in with downloads", "in", []string{"github", "boshio", "boshio-tls"}, withDownloads},
	{"out with a state store", "out", []string{"director", "uaa", "concourse"}, withStore},
}

// newFiles are the inputs of an upgrade to newSet, with names in place of addresses.
var (
	newFilesOnce sync.Once
	newFiles     map[string]string
)

// everythingNew uploads releases and a stemcell, and changes pipeline, cloud
// config and manifest.
func everythingNew(t *testing.T) *scene {
	s := installed(t)
	s.Publish(newSet)
	newFilesOnce.Do(func() {
		s.fetch(t, nil)
		fetched := files(t, filepath.Join(s.dir, "components"))
		for name, text := range fetched {
			fetched[name] = s.Nameless(text)
		}
		newFiles = fetched
	})
	input := map[string]string{"cloud-config.yml": newCloudConfig}
	for name, text := range newFiles {
		if !strings.HasSuffix(name, "/") {
			input["components/"+name] = s.Named(text)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "components")); err != nil {
		t.Fatal(err)
	}
	write(t, s.dir, input)
	s.forget()
	return &scene{stage: s, verb: "out", request: s.out(object{"cloud_config": "cloud-config.yml"}), target: s.dir, tmp: t.TempDir()}
}

// nothingToUpload changes pipeline and manifest.
func nothingToUpload(t *testing.T) *scene {
	s := installed(t)
	return &scene{stage: s, verb: "out", request: s.out(nil), target: s.dir, tmp: t.TempDir()}
}

// withStore is nothingToUpload with a lease and a journal in a state store.
func withStore(t *testing.T) *scene {
	s := nothingToUpload(t)
	s.store = t.TempDir()
	s.request["source"].(object)["state"] = object{"dir": s.store}
	return s
}

// withDownloads gets the components with all their files.
func withDownloads(t *testing.T) *scene {
	s := newStage(t)
	source := s.ComponentsSource()
	source["watch"].(object)["perpetual"] = object{"github": world.ProgramRepository, "keys": []string{publisher.Key}, "assets": []string{"perpetual-linux-*"}}
	s.forget()
	return &scene{
		stage: s, verb: "in", target: filepath.Join(s.dir, "in"), tmp: t.TempDir(),
		request: object{"source": source, "version": s.version(), "params": object{"download": "all"}},
	}
}

// busy puts a build on the worker, so that a deploy lasts until free.
func (s *scene) busy(t *testing.T) {
	t.Helper()
	if err := s.Concourse.Unpause(world.Team, pipelineName); err != nil {
		t.Fatal(err)
	}
	build, err := s.Concourse.StartBuild(world.Team, pipelineName, "upgrade", "", false)
	if err != nil {
		t.Fatal(err)
	}
	s.build = build
}

// free lets a deploy end.
func (s *scene) free(t *testing.T) {
	t.Helper()
	if s.build != nil {
		if err := s.build.Finish("succeeded"); err != nil {
			t.Fatal(err)
		}
		s.build = nil
	}
}

// end is what a drill leaves.
type end struct {
	State   world.State
	Deploys int               // deploys that were started
	Tasks   []string          // the deploy tasks' states
	Files   map[string]string // below the build's directory, with names for addresses
	Temp    []string          // below TMPDIR, and the hidden ones in the state store
}

// end looks at everything when the director is idle. The first deploy is that of installed.
func (s *scene) end(t *testing.T) end {
	t.Helper()
	s.idle(t)
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	e := end{State: state, Deploys: len(s.deploys()), Files: s.files(t)}
	for _, task := range s.Director.Tasks() {
		if task.Description == "create deployment" {
			e.Tasks = append(e.Tasks, task.State)
		}
	}
	e.Temp = s.temporary(t)
	return e
}

// temporary lists the files that a run may have for itself while it lasts.
func (s *scene) temporary(t *testing.T) []string {
	t.Helper()
	list := slices.Sorted(maps.Keys(files(t, s.tmp)))
	if s.store == "" {
		return list
	}
	for _, name := range slices.Sorted(maps.Keys(files(t, s.store))) {
		if strings.HasPrefix(filepath.Base(name), ".") {
			list = append(list, "state/"+name)
		}
	}
	return list
}

// files are those of the build's directory.
func (s *scene) files(t *testing.T) map[string]string {
	t.Helper()
	found := files(t, s.dir)
	for name, text := range found {
		found[name] = s.Nameless(text)
	}
	return found
}

// control runs the drill to its end, with nothing in its way, and gives what it
// leaves, the crash points it passed and the exchanges it took.
func (d drill) control(t *testing.T) (e end, points, exchanges []string) {
	t.Helper()
	s := d.begin(t)
	list := filepath.Join(t.TempDir(), "points")
	count := s.exchanges(d.servers, func(int) *fault.Fault { return nil })
	p, _, err := s.attack(t, "PERPETUAL_CRASH=list:"+list).wait(tooLong)
	if err != nil || p.code != 0 {
		t.Fatalf("the control run: %v, exit code %d\n%s", err, p.code, p.stderr)
	}
	s.finished(t, p)
	e = s.end(t)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	return e, strings.Split(strings.TrimSpace(string(text)), "\n"), count()
}

// exchanges has pick called for each exchange of the process under test, which it
// numbers from 1 over all servers, and gives those that were seen.
func (s *scene) exchanges(servers []string, pick func(n int) *fault.Fault) (seen func() []string) {
	var mu sync.Mutex
	var list []string
	for _, name := range servers {
		s.Faults[name].Choose(func(r fault.Request) *fault.Fault {
			mu.Lock()
			list = append(list, name+" "+r.Method+" "+r.URL)
			n := len(list)
			mu.Unlock()
			return pick(n)
		})
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

// finished wants a run that succeeded, and that its version is the one deploy's.
func (s *scene) finished(t *testing.T, p process) {
	t.Helper()
	r := answer[result](t, p)
	if s.verb != "out" {
		return
	}
	deploys := s.deploys()
	if len(deploys) != 2 {
		t.Errorf("%d deploys were started, want one beside the first: %+v", len(deploys)-1, deploys)
		return
	}
	if r.Version["task"] != itoa(deploys[1].Task) {
		t.Errorf("the version is %v, the deploy is task %d", r.Version, deploys[1].Task)
	}
}

// same wants that a drill which was killed and run again ends as the control run.
func (s *scene) same(t *testing.T, control end) {
	t.Helper()
	if diff := cmp.Diff(control, s.end(t)); diff != "" {
		t.Errorf("it ends otherwise than a run that nobody kills (-control +this):\n%s", diff)
	}
}

// onlyWhole wants every file that a killed get has given its name to be whole.
func (s *scene) onlyWhole(t *testing.T, control end) {
	t.Helper()
	for name, text := range s.files(t) {
		base := filepath.Base(name)
		if strings.HasPrefix(base, ".") || strings.HasSuffix(name, "/") {
			continue
		}
		if want, ok := control.Files[name]; !ok || text != want {
			t.Errorf("after the kill, %s is there with %d bytes, want %d or no file", name, len(text), len(want))
		}
	}
}
