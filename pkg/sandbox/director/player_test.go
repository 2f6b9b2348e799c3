package director_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// player replays a set of transcripts against one director.
type player struct {
	*world
	ids      map[int]int          // recorded task id → ours
	last     map[int]string       // recorded task id → its state as last recorded
	held     map[int]bool         // recorded ids of tasks that are not to be waited for
	before   map[string]func()    // what happens before an exchange, by "file#number"
	gates    map[string]*gate     // deployments whose pre-start waits
	passed   map[string]bool      // deployments whose pre-start no longer waits
	now      time.Time            // when the exchange was recorded
	mu       sync.Mutex           // guards gates and passed
	at       string               // the exchange that is played
	begin    map[string]time.Time // when the first deploy of a deployment was recorded
	killed   map[int]bool         // our ids of tasks whose worker was killed
	workers  int
	swap     *strings.Replacer
	settles  bool // wait for all tasks before requests that depend on their outcome
	compared int
	skipped  map[string]int // by reason
}

func newPlayer(t *testing.T, o director.Options) *player {
	p := &player{ids: map[int]int{}, last: map[int]string{}, held: map[int]bool{}, killed: map[int]bool{}, passed: map[string]bool{}, begin: map[string]time.Time{}, workers: 3, before: map[string]func(){}, gates: map[string]*gate{}, skipped: map[string]int{}}
	stemcell11, stemcell12, tinyrel2 := tinyStemcell("1.1"), tinyStemcell("1.2"), tinyrel("2", true)
	p.swap = strings.NewReplacer( // digests of the recorded archives, which the transcripts do not hold
		"7d3af3c4f6a57bca2ba95a40e3bc7c468086e3c3", sha1Of(stemcell12),
		"0e4c03974a3a1f892e83d000a5336b090b9637b7", sha1Of(tinyrel2),
	)
	o.Fetch = clientOf(files{"stemcell-1.1.tgz": stemcell11, "stemcell-1.2.tgz": stemcell12, "tinyrel-2.tgz": tinyrel2})
	o.UpdateInstance, o.RunErrand = p.preStart, smoke
	p.world = start(t, o)
	return p
}

// preStart is the recorded release's pre-start script: it sleeps and exits as its properties say.
func (p *player) preStart(ctx context.Context, u director.Update) error {
	p.mu.Lock()
	g := p.gates[u.Deployment]
	if g == nil && !p.passed[u.Deployment] && property(u.Manifest, "slow", "sleep") >= 20 {
		g = newGate()
		p.gates[u.Deployment] = g
	}
	p.mu.Unlock()
	if g != nil {
		if err := g.wait(ctx); err != nil {
			return err
		}
	}
	if property(u.Manifest, "slow", "exit") != 0 {
		return errors.New("Action Failed get_task: Task 81f82304-8411-4844-672d-177dbcee1e5a result: 1 of 1 pre-start scripts failed. Failed Jobs: slow.") // the agent's words
	}
	return nil
}

func smoke(_ context.Context, e director.Errand) director.ErrandResult {
	return director.ErrandResult{ExitCode: property(e.Manifest, "smoke", "code"), Stdout: "smoke out\n", Stderr: "smoke err\n"}
}

func property(manifest []byte, job, key string) int {
	var m struct {
		Groups []struct {
			Jobs []struct {
				Name       string
				Properties map[string]any
			}
		} `yaml:"instance_groups"`
	}
	if yaml.Unmarshal(manifest, &m) != nil {
		return 0
	}
	for _, g := range m.Groups {
		for _, j := range g.Jobs {
			if n, ok := j.Properties[key].(int); ok && j.Name == job {
				return n
			}
		}
	}
	return 0
}

// block makes pre-starts of a deployment wait until the gate opens.
func (p *player) block(deployment string) *gate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gates[deployment] = newGate()
	delete(p.passed, deployment)
	return p.gates[deployment]
}

// own makes a deploy that the recordings lack, under the id it had there.
func (p *player) own(recorded int, name string, header ...string) {
	manifest := strings.Replace(manifestOf(name, 1, "hello"), "properties: {msg: hello}}", "properties: {msg: hello}}\n  - {name: slow, release: tinyrel, properties: {sleep: 25, exit: 0}}", 1)
	p.ids[recorded] = p.deploy(manifest, "", header...)
}

// staff changes how many workers there are.
func (p *player) staff(n int) {
	p.workers = n
	p.SetWorkers(n)
}

func (p *player) archive(e exchange) string {
	switch {
	case strings.Contains(e.target, "/releases"):
		return string(tinyrel("1", false))
	case strings.Contains(e.target, "/stemcells"):
		return string(tinyStemcell("1.1"))
	}
	p.t.Fatalf("no archive for #%d", e.number)
	return ""
}

var (
	taskPath = regexp.MustCompile(`^/tasks?/(\d+)`)
	taskIDs  = regexp.MustCompile(`(Locking task id is |Task |task |/tasks/)(\d+)`)
)

// ours replaces the recorded ids of tasks by those of this run.
func (p *player) ours(text string) string {
	return taskIDs.ReplaceAllStringFunc(text, func(s string) string {
		m := taskIDs.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		if id, ok := p.ids[n]; ok {
			return m[1] + strconv.Itoa(id)
		}
		return s
	})
}

// target is a request's address with this run's task in it.
func (p *player) target(e exchange) (target string, recorded int) {
	m := taskPath.FindStringSubmatch(e.target)
	if m == nil {
		return e.target, 0
	}
	recorded, _ = strconv.Atoi(m[1])
	id, ok := p.ids[recorded]
	if !ok {
		return e.target, recorded
	}
	return strings.Replace(e.target, m[1], strconv.Itoa(id), 1), recorded
}

func finalState(state string) bool {
	return slices.Contains([]string{"done", "error", "cancelled", "timeout"}, state)
}
