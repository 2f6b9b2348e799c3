package command_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// barrier lets nobody through before all have come, or nobody comes any more: a
// lease may keep the others out.
type barrier struct {
	mu      sync.Mutex
	missing int
	open    chan struct{}
}

func newBarrier(n int) *barrier { return &barrier{missing: n, open: make(chan struct{})} }

func (b *barrier) wait() {
	b.mu.Lock()
	if b.missing--; b.missing == 0 {
		close(b.open)
	}
	b.mu.Unlock()
	select {
	case <-b.open:
	case <-time.After(time.Second):
	}
}

// Eight puts of the same content at once, each of which has looked at the
// director's tasks before any of them submits: the worst moment. What is wanted
// of each: exit code 0 with a task of the operation, or exit code 1 and one line
// that names who holds the deployment. What is wanted of all: one task did work,
// and the deployment is as wanted. With a state store, in which they hold a
// lease, exactly one deploy is started and all answers name it; without one,
// twins are accepted and the director's lock lets one of them work.
func TestConcurrency_eightPutsAtOnceDeployOnce(t *testing.T) {
	t.Parallel()
	t.Run("without a state store", func(t *testing.T) {
		t.Parallel()
		s := nothingToUpload(t)
		s.twins(t, s.putsAtOnce(t))
	})
	t.Run("with a state store", func(t *testing.T) {
		t.Parallel()
		s := nothingToUpload(t)
		s.request["source"].(object)["state"] = object{"dir": t.TempDir()}
		versions := s.putsAtOnce(t)
		if n := len(s.deploys()) - 1; n != 1 || len(versions) != 1 || versions["1"] > 0 {
			t.Errorf("%d deploys were accepted and the puts answer %v, want one deploy, and all to answer its task", n, versions)
		}
	})
}

// The first deploys of a new deployment at once: the director makes a task for one and
// answers the others with a 500, for which there is none.
func TestConcurrency_firstPutsAtOnceDeployOnce(t *testing.T) {
	t.Parallel()
	const puts = 3
	var together sync.WaitGroup // of all: none of them finds a task before
	together.Add(puts)
	s := newStageOf(t, world.Options{Scale: 0.001, DrainTimeout: time.Minute, NewDeployment: func(string) {
		together.Done()
		together.Wait()
	}})
	if err := s.Director.Seed(director.Seed{
		CloudConfig: world.CloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: world.StemcellName, OS: "ubuntu-jammy", Version: oldSet.Stemcell}},
		Releases: []director.SeedRelease{
			{Name: "concourse", Version: oldSet.Concourse}, {Name: "bpm", Version: oldSet.BPM}, {Name: "postgres", Version: oldSet.Postgres},
			{Name: boshrelease.Name, Version: boshrelease.Version()},
		},
	}); err != nil {
		t.Fatal(err)
	}
	s.fetch(t, nil)
	request := object{"source": s.DeploymentSource(), "params": object{
		"components": "components", "vars": s.ManifestVars(), "pipeline": object{"skip": true},
	}}
	answers := make(chan process, puts)
	for range puts {
		go func() { answers <- ask(t, "out", request, s.dir) }()
	}
	for range puts {
		p := <-answers
		if r := answer[result](t, p); r.Version["task"] != "1" {
			t.Errorf("a put answers %v:\n%s", r.Version, p.stderr)
		}
	}
	s.idle(t)
	refusedOnes := 0
	for _, r := range s.Faults["director"].Seen() {
		if r.Method == "POST" && r.Status == 500 {
			refusedOnes++
		}
	}
	if deploys := s.deploys(); len(deploys) != 1 || refusedOnes != puts-1 {
		t.Errorf("deploys %+v and %d answers of 500, want one deploy, and all others refused", deploys, refusedOnes)
	}
}

// putsAtOnce runs eight of them and gives how often each task was answered.
func (s *scene) putsAtOnce(t *testing.T) (versions map[string]int) {
	t.Helper()
	const puts = 8
	s.Director.SetWorkers(puts)
	before := len(s.Director.Effects())
	looks := newBarrier(puts)
	s.Faults["director"].Choose(func(r fault.Request) *fault.Fault {
		if r.Method == "GET" && strings.HasPrefix(r.URL, "/tasks?") {
			return &fault.Fault{Kind: fault.None, Before: looks.wait}
		}
		return nil
	})
	var victims []*victim
	for range puts {
		victims = append(victims, s.attack(t))
	}
	versions = map[string]int{}
	for _, v := range victims {
		p, _, err := v.wait(tooLong)
		if err != nil {
			t.Fatal(err)
		}
		hides(t, p, credentials()...)
		if p.code == 0 {
			versions[answer[result](t, p).Version["task"]]++
			continue
		}
		refused(t, p)
		if !namesHolder(p.stderr) {
			t.Errorf("the error does not name who holds the deployment:\n%s", p.stderr)
		}
	}
	s.idle(t)
	worked := map[int]bool{}
	for _, e := range s.Director.Effects()[before:] {
		if e.Kind == director.EffectInstance || e.Kind == director.EffectVM {
			worked[e.Task] = true
		}
	}
	if len(worked) != 1 {
		t.Errorf("tasks %v did work, want one", worked)
	}
	if len(versions) == 0 {
		t.Error("none of the puts succeeded")
	}
	for _, d := range s.Director.Deployments() {
		if !strings.Contains(d.Manifest, "61m") {
			t.Error("the deployment is not as wanted")
		}
	}
	return versions
}

// namesHolder says whether an error tells whom the put waits for.
func namesHolder(stderr string) bool {
	for _, words := range []string{"director task ", "locked by", "held by", "holds"} {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return false
}

// twins wants all answers to be tasks of the one operation: without a lease
// between them, puts may submit twins, of which the director's lock lets one
// work while the others change nothing.
func (s *stage) twins(t *testing.T, versions map[string]int) {
	t.Helper()
	if versions["1"] > 0 {
		t.Errorf("the puts answer %v: task 1 deployed what was there before", versions)
	}
	content := map[string]bool{}
	for _, e := range s.deploys()[1:] {
		if versions[itoa(e.Task)] > 0 {
			content[strings.Join(strings.SplitN(e.ContextID, "-", 4)[:2], "-")] = true
		}
	}
	if len(content) != 1 {
		t.Errorf("the puts answer for different operations: %v", content)
	}
}

// A put that brings another cloud config meets a deploy of the same manifest: what it
// brings is deployed all the same.
func TestConcurrency_deploysAConfigThatARunningDeployDoesNotHave(t *testing.T) {
	t.Parallel()
	s := installed(t)
	write(t, s.dir, map[string]string{"cloud-config.yml": world.CloudConfig + "\nvm_extensions: [{name: other, cloud_properties: {}}]\n"})
	held := make(chan struct{})
	source, script := s.withoutUAA(t, func(o *director.Options) {
		o.UpdateInstance = func(ctx context.Context, u director.Update) error {
			if u.Task == 2 {
				select {
				case <-held:
				case <-ctx.Done():
				}
			}
			return nil
		}
	})
	put := func(params object) result {
		all := object{"components": "components", "pipeline": object{"skip": true}, "vars": object{"drain_timeout": "97m"}}
		maps.Copy(all, params)
		return answer[result](t, ask(t, "out", object{"source": source, "params": all}, s.dir))
	}
	if r := put(nil); r.Version["task"] != "2" {
		t.Fatalf("the first put gives %+v", r)
	}
	// When the second compares, it has seen the deploy run.
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	script.Add(fault.Fault{Method: "POST", Path: "/deployments/concourse/diff", Kind: fault.None, Before: release})
	r := put(object{"cloud_config": "cloud-config.yml"})
	if r.Version["task"] != "3" || r.field("deploy") != "started" {
		t.Errorf("the second put gives %+v, want a deploy of its own, task 3", r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if task, err := s.other.Wait(ctx, 3); err != nil || task.State != director.StateDone {
		t.Errorf("task 3: %+v, %v", task, err)
	}
}
