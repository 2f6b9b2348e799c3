package world_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// site is a world with a Concourse whose groups are called neither web nor worker.
type site struct {
	*world.World
	t *testing.T
}

// version is what a deploy deploys.
type version struct {
	concourse, stemcell string
	gate                bool
	workersFirst        bool
	workers             int // default 2
}

func newSite(t *testing.T, v version, o ...world.Options) site {
	t.Helper()
	options := world.Options{Scale: 0.001}
	if len(o) > 0 {
		options = o[0]
	}
	w, err := world.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	seed := director.Seed{CloudConfig: world.CloudConfig, Releases: []director.SeedRelease{{Name: "perpetual", Version: "1"}}}
	for _, version := range []string{"7.9.1", "8.1.0", "8.2.4", "8.2.5", "8.3.0"} {
		seed.Releases = append(seed.Releases, director.SeedRelease{Name: "concourse", Version: version})
	}
	for _, version := range []string{"1.1", "1.2"} {
		seed.Stemcells = append(seed.Stemcells, director.SeedStemcell{Name: "s", OS: "ubuntu-jammy", Version: version})
	}
	if err := w.Director.Seed(seed); err != nil {
		t.Fatal(err)
	}
	s := site{w, t}
	s.deploy(v)
	_, err = w.Concourse.SetPipeline(world.Team, "app", nil, []byte("jobs: [{name: test, plan: [{task: t, file: f}]}, {name: own, plan: [{task: t, file: f}]}]"))
	if err == nil {
		err = w.Concourse.Unpause(world.Team, "app")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (v version) manifest() []byte {
	gate := ""
	if v.gate {
		gate = ", {name: gate, release: perpetual, properties: {}}"
	}
	if v.stemcell == "" {
		v.stemcell = "1.1"
	}
	common := "azs: [z1], networks: [{name: default}], stemcell: default, vm_type: default"
	web := "- {name: ui, instances: 1, " + common + ", jobs: [{name: web, release: concourse, properties: {}}" + gate + "]}\n"
	workers := fmt.Sprintf("- {name: builders, instances: %d, ", cmp.Or(v.workers, 2)) + common + ", jobs: [{name: worker, release: concourse, properties: {}}]}\n"
	if v.workersFirst {
		web, workers = workers, web
	}
	return fmt.Appendf(nil, `name: concourse
releases: [{name: concourse, version: %s}, {name: perpetual, version: "1"}]
stemcells: [{alias: default, os: ubuntu-jammy, version: "%s"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-30000, update_watch_time: 1000-30000}
instance_groups:
%s%s`, v.concourse, v.stemcell, web, workers)
}

func (s site) deploy(v version) {
	s.t.Helper()
	task, err := s.Director.Deploy(s.t.Context(), v.manifest())
	if err != nil || task.State != director.StateDone {
		s.t.Fatalf("deploy: %+v, %v", task, err)
	}
}

// begin starts a deploy, and gives what waits for its end.
func (s site) begin(v version) (end func() director.Task) {
	done := make(chan director.Task, 1)
	go func() {
		task, _ := s.Director.Deploy(s.t.Context(), v.manifest()) // its state says it
		done <- task
	}()
	return func() director.Task { return <-done }
}

// workers are the workers as the API lists them: "1a2b3c4d-bbbb-… running 2.5".
func (s site) workers() []string {
	s.t.Helper()
	token := s.token()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://concourse/api/v1/workers", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	var list []struct{ Name, State, Version string }
	s.ask(r, &list)
	var lines []string
	for _, w := range list {
		lines = append(lines, w.Name+" "+w.State+" "+w.Version)
	}
	return lines
}

func (s site) token() string {
	s.t.Helper()
	body := strings.NewReader("grant_type=password&scope=openid&username=" + world.ConcourseUser + "&password=" + world.ConcoursePass)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "https://concourse/sky/issuer/token", body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth("fly", "Zmx5")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	s.ask(r, &answer)
	return answer.Token
}

func (s site) ask(r *http.Request, into any) {
	s.t.Helper()
	answer := &recorder{header: http.Header{}}
	s.Concourse.ServeHTTP(answer, r)
	if err := json.Unmarshal(answer.body, into); err != nil {
		s.t.Fatalf("%s: %v: %s", r.URL, err, answer.body)
	}
}

type recorder struct {
	header http.Header
	body   []byte
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(p []byte) (int, error) { r.body = append(r.body, p...); return len(p), nil }

// until waits until it is so, or fails the test.
func (s site) until(what string, so func() bool) {
	s.t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("waited in vain: %s", what)
		case <-ticker.C:
		}
	}
}

// await waits until something was seen.
func (s site) await(kind string) (seen concourse.Event) {
	s.t.Helper()
	s.until(kind, func() bool {
		for _, e := range s.Concourse.Events() {
			if e.Kind == kind {
				seen = e
				return true
			}
		}
		return false
	})
	return seen
}

func (s site) count(kind string) (n int) {
	for _, e := range s.Concourse.Events() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func (s site) build(worker string) *concourse.Build {
	s.t.Helper()
	b, err := s.Concourse.StartBuild(world.Team, "app", "test", worker, false)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

var name = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func TestWorkers_areCalledAsBOSHCallsThem(t *testing.T) {
	s := newSite(t, version{concourse: "8.2.4"})
	first := s.workers()
	if len(first) != 2 {
		t.Fatalf("workers %q", first)
	}
	for index, line := range first {
		worker, rest, _ := strings.Cut(line, " ")
		if rest != "running 2.5" || !name.MatchString(worker) || worker != s.WorkerName("builders", index) {
			t.Errorf("worker %q, want %s running 2.5", line, s.WorkerName("builders", index))
		}
		for _, i := range s.Director.Instances("concourse") {
			if i.Group == "builders" && i.Index == index && (worker[:8] != i.ID[:8] || worker[8:] == i.ID[8:]) {
				t.Errorf("worker %s of instance %s: only the first block is the instance's", worker, i.ID)
			}
		}
	}
	s.deploy(version{concourse: "8.2.5"}) // the VMs stay
	if again := s.workers(); !slices.Equal(again, first) || s.count(concourse.KindLanded) != 2 || s.count(concourse.KindRetired) != 0 {
		t.Errorf("workers %q, want %q, landed and back", again, first)
	}
	s.deploy(version{concourse: "8.2.5", stemcell: "1.2"}) // the VMs are replaced
	second := s.workers()
	if len(second) != 2 || s.count(concourse.KindRetired) != 2 {
		t.Errorf("workers %q, want two, after the old ones have retired", second)
	}
	for i := range second {
		if second[i] == first[i] || second[i][:8] != first[i][:8] {
			t.Errorf("worker %q after %q: a new VM is a new worker of the same instance", second[i], first[i])
		}
	}
}

func TestWorkers_haveTheVersionOfTheirOwnRelease(t *testing.T) {
	s := newSite(t, version{concourse: "8.2.5"})
	s.Director.FailInstance("builders", 0, "", 1) // after it has registered
	if task := s.begin(version{concourse: "8.3.0", gate: true})(); task.State != director.StateError {
		t.Fatalf("task %+v", task)
	}
	if got := s.workers(); len(got) != 2 || !strings.HasSuffix(got[0], "running 3.0") || !strings.HasSuffix(got[1], "running 2.5") {
		t.Errorf("workers %q, want the first of the new release, the second of the old one", got)
	}
}

// TestWeb_thatMigratesHasNoGateway: BOSH takes it for running and goes on to the
// workers, which leave at once with their builds.
func TestWeb_thatMigratesHasNoGateway(t *testing.T) {
	s := newSite(t, version{concourse: "8.1.0"})
	build := s.build(s.WorkerName("builders", 0))
	release := s.HoldMigrations()
	end := s.begin(version{concourse: "8.2.5"})
	<-build.Done()
	if build.Status() != "errored" || s.await(concourse.KindLeft).Worker != build.Worker() {
		t.Errorf("the build has %s: %s", build.Status(), build.Output())
	}
	if task := end(); task.State != director.StateDone {
		t.Errorf("task %+v", task)
	}
	registered := s.count(concourse.KindRegister)
	if registered != 2 {
		t.Errorf("%d workers have registered, want the 2 of the install: there is no gateway", registered)
	}
	release()
	s.until("both workers are back", func() bool { return s.count(concourse.KindRegister) == 4 })
	if got := s.workers(); len(got) != 2 || !strings.HasSuffix(got[0], " running 2.5") || !strings.HasSuffix(got[1], " running 2.5") {
		t.Errorf("workers %q, want both back", got)
	}
}

// TestGate_holdsTheWorkersUntilTheWebAnswers is the same deploy with the gate.
func TestGate_holdsTheWorkersUntilTheWebAnswers(t *testing.T) {
	s := newSite(t, version{concourse: "8.1.0"})
	build := s.build(s.WorkerName("builders", 0))
	release := s.HoldMigrations()
	end := s.begin(version{concourse: "8.2.5", gate: true})
	s.await(concourse.KindMigrate)
	s.until("post-start runs", func() bool { return strings.Contains(s.Director.Events(s.newest()), "executing post-start") })
	if n := s.count(concourse.KindLanding) + s.count(concourse.KindLeft); n != 0 || build.Status() != "started" {
		t.Errorf("%d workers leave while the web migrates; the build has %s", n, build.Status())
	}
	release()
	s.await(concourse.KindLanding)
	if build.Status() != "started" {
		t.Errorf("the build has %s before it ended: %s", build.Status(), build.Output())
	}
	if err := build.Finish("succeeded"); err != nil {
		t.Fatal(err)
	}
	if task := end(); task.State != director.StateDone || s.count(concourse.KindLeft) != 0 {
		t.Errorf("task %+v, %d workers left", task, s.count(concourse.KindLeft))
	}
}

func (s site) newest() int {
	id := 0
	for _, t := range s.Director.Tasks() {
		id = max(id, t.ID)
	}
	return id
}

// TestWeb_ofAnOlderReleaseSchedulesNothing: all looks well after going back.
func TestWeb_ofAnOlderReleaseSchedulesNothing(t *testing.T) {
	s := newSite(t, version{concourse: "8.1.0"})
	s.deploy(version{concourse: "8.2.5", gate: true})
	if !s.Concourse.Schedules() {
		t.Error("8.2.5 schedules nothing")
	}
	s.deploy(version{concourse: "8.1.0", gate: true})
	if got := s.workers(); len(got) != 2 || !strings.HasSuffix(got[0], " running 2.5") {
		t.Errorf("workers %q", got)
	}
	if s.Concourse.Schedules() {
		t.Error("8.1.0 schedules on the schema of 8.2.5")
	}
}

// TestWorkers_ofAnotherMajorTakeNothing: the order in which they were always
// replaced errors what runs, and so does the other one.
func TestWorkers_ofAnotherMajorTakeNothing(t *testing.T) {
	for _, workersFirst := range []bool{false, true} {
		s := newSite(t, version{concourse: "8.2.5", workersFirst: workersFirst})
		build := s.build(s.WorkerName("builders", 1))
		end := s.begin(version{concourse: "8.3.0", gate: true, workersFirst: workersFirst})
		if !workersFirst {
			<-build.Done()
			if build.Status() != "errored" || !strings.Contains(build.Output(), "no workers satisfying: platform 'linux', version: '3.0'") {
				t.Errorf("the build has %s: %s", build.Status(), build.Output())
			}
		} else {
			s.await(concourse.KindLanded)
			s.until("a worker is new", func() bool { return strings.Contains(strings.Join(s.workers(), " "), "running 3.0") })
			if err := s.Concourse.RunStep(build, "git"); err != nil {
				t.Errorf("the second worker takes no step of the old web: %v", err)
			}
			s.awaitDraining(build.Worker())
			if err := s.Concourse.RunStep(build, "git"); err == nil || !strings.Contains(err.Error(), "version: '2.5'") {
				t.Errorf("a new worker takes a step of the old web, error %v", err)
			}
		}
		if task := end(); task.State != director.StateDone {
			t.Errorf("task %+v", task)
		}
	}
}

func (s site) awaitDraining(worker string) {
	s.t.Helper()
	if err := s.WaitDraining(s.t.Context(), worker); err != nil {
		s.t.Fatal(err)
	}
}

func TestGate_givesUpAfterItsLimit(t *testing.T) {
	s := newSite(t, version{concourse: "8.1.0"}, world.Options{Scale: 0.001, GateLimit: 10 * time.Second})
	build := s.build("")
	defer s.HoldMigrations()()
	if task := s.begin(version{concourse: "8.2.5", gate: true})(); task.State != director.StateError || !strings.Contains(s.Director.Events(task.ID), "post-start scripts failed. Failed Jobs: ") {
		t.Errorf("task %+v", task)
	}
	if n := s.count(concourse.KindLanding) + s.count(concourse.KindLeft); n != 0 || build.Status() != "started" {
		t.Errorf("%d workers leave; the build has %s", n, build.Status())
	}
}

// TestWorkers_thatAreStoppedWithoutDrainLoseTheirBuilds: the old names stay in the
// list until somebody prunes them.
func TestWorkers_thatAreStoppedWithoutDrainLoseTheirBuilds(t *testing.T) {
	s := newSite(t, version{concourse: "8.2.4"})
	before := s.workers()
	build := s.build("")
	s.put("/deployments?skip_drain=builders", version{concourse: "8.2.4", stemcell: "1.2"}.manifest())
	if err := s.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := s.workers()
	if build.Status() != "errored" || len(after) != 4 || s.count(concourse.KindRetiring)+s.count(concourse.KindLanding) != 0 {
		t.Errorf("the build has %s, workers %q", build.Status(), after)
	}
	for i, line := range before {
		name, _, _ := strings.Cut(line, " ")
		if !slices.Contains(after, name+" stalled 2.5") || !slices.Contains(after, s.WorkerName("builders", i)+" running 2.5") {
			t.Errorf("workers %q, want %s stalled, and a new one", after, name)
		}
	}
}

func TestWorkers_thatAreNoLongerWantedRetire(t *testing.T) {
	s := newSite(t, version{concourse: "8.2.4"})
	stays := s.workers()[0]
	build := s.build(s.WorkerName("builders", 1))
	end := s.begin(version{concourse: "8.2.4", workers: 1})
	s.awaitDraining(build.Worker())
	if build.Status() != "started" {
		t.Errorf("the build has %s: its worker waits for it", build.Status())
	}
	if err := build.Finish("succeeded"); err != nil {
		t.Fatal(err)
	}
	if task := end(); task.State != director.StateDone {
		t.Errorf("task %+v", task)
	}
	if got := s.workers(); !slices.Equal(got, []string{stays}) {
		t.Errorf("workers %q, want %q", got, stays)
	}
}

// put posts a manifest to the director.
func (s site) put(path string, manifest []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "https://uaa/oauth/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(world.DirectorClient, world.DirectorSecret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		Token string `json:"access_token"`
	}
	answer := &recorder{header: http.Header{}}
	s.UAA.ServeHTTP(answer, r)
	if err := json.Unmarshal(answer.body, &token); err != nil {
		s.t.Fatal(err)
	}
	r, err = http.NewRequestWithContext(s.t.Context(), http.MethodPost, "https://director"+path, strings.NewReader(string(manifest)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "bearer "+token.Token)
	r.Header.Set("Content-Type", "text/yaml")
	s.Director.ServeHTTP(&recorder{header: http.Header{}}, r)
}
