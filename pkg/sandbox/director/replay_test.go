package director_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
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

// recordings is where the whole set of transcripts lies, if it is there.
const recordings = "../../../../shared/data"

// player replays a set of transcripts against one director.
type player struct {
	*world
	ids      map[int]int       // recorded task id → ours
	last     map[int]string    // recorded task id → its state as last recorded
	held     map[int]bool      // recorded ids of tasks that are not to be waited for
	before   map[string]func() // what happens before an exchange, by "file#number"
	gates    map[string]*gate  // deployments whose pre-start waits
	mu       sync.Mutex        // guards gates
	hold     time.Duration     // how long a pre-start of 20 s or more takes
	swap     *strings.Replacer
	settles  bool // wait for all tasks before requests that depend on their outcome
	compared int
	skipped  map[string]int // by reason
}

func newPlayer(t *testing.T, o director.Options) *player {
	p := &player{ids: map[int]int{}, last: map[int]string{}, held: map[int]bool{}, before: map[string]func(){}, gates: map[string]*gate{}, skipped: map[string]int{}}
	stemcell11, stemcell12, tinyrel2 := tinyStemcell("1.1"), tinyStemcell("1.2"), tinyrel("2", true)
	p.swap = strings.NewReplacer( // digests of the recorded archives, which the transcripts do not hold
		"7d3af3c4f6a57bca2ba95a40e3bc7c468086e3c3", sha1Of(stemcell12),
		"0e4c03974a3a1f892e83d000a5336b090b9637b7", sha1Of(tinyrel2),
	)
	o.Fetch = clientOf(files{"stemcell-1.1.tgz": stemcell11, "stemcell-1.2.tgz": stemcell12, "tinyrel-2.tgz": tinyrel2})
	o.UpdateInstance, o.RunErrand = p.preStart, smoke
	p.hold = 3 * o.LockWait
	p.world = start(t, o)
	return p
}

// preStart is the recorded release's pre-start script: it sleeps and exits as its properties say.
func (p *player) preStart(ctx context.Context, u director.Update) error {
	p.mu.Lock()
	g := p.gates[u.Deployment]
	p.mu.Unlock()
	if g != nil {
		if err := g.wait(ctx); err != nil {
			return err
		}
	} else if property(u.Manifest, "slow", "sleep") >= 20 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(p.hold):
		}
	}
	if property(u.Manifest, "slow", "exit") != 0 {
		return errors.New("Action Failed get_task: Task 81f82304-8411-4844-672d-177dbcee1e5a result: 1 of 1 pre-start scripts failed. Failed Jobs: slow.") //nolint:staticcheck // the agent's words
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
	return p.gates[deployment]
}

// own makes a deploy that the recordings lack, under the id it had there.
func (p *player) own(recorded int, name string, header ...string) {
	manifest := strings.Replace(manifestOf(name, 1, "hello"), "properties: {msg: hello}}", "properties: {msg: hello}}\n  - {name: slow, release: tinyrel, properties: {sleep: 25, exit: 0}}", 1)
	p.ids[recorded] = p.deploy(manifest, "", header...)
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

// play sends one recorded request and compares the answer.
func (p *player) play(e exchange) {
	key := e.file + "#" + strconv.Itoa(e.number)
	if act := p.before[key]; act != nil {
		act()
	}
	if reason := notCompared(e); reason != "" {
		p.skipped[reason]++
		return
	}
	target, recorded := p.target(e)
	p.waitFor(e, recorded)
	if p.settles && !strings.HasPrefix(e.target, "/tasks/") && !strings.HasPrefix(e.target, "/task/") && !strings.HasPrefix(e.target, "/info") {
		p.settle()
	}
	body := p.swap.Replace(e.body)
	if strings.HasSuffix(body, "bytes gzip>") {
		body = p.archive(e)
	}
	var header []string
	for _, name := range []string{"Content-Type", "Range", "X-Bosh-Context-Id"} {
		if v := e.header.Get(name); v != "" {
			header = append(header, name, v)
		}
	}
	switch {
	case e.header.Get("Authorization") == "":
		header = append(header, "Authorization", "")
	case strings.HasSuffix(e.file, "-badpass"):
		header = append(header, "Authorization", "Basic dGVzdDp3cm9uZw==")
	}
	c := &comparison{player: p, e: e, got: p.do(e.method, target, body, header...), recorded: recorded}
	c.run()
	p.compared++
	for _, problem := range c.problems {
		p.t.Errorf("%s #%d %s %s: %s", e.file, e.number, e.method, e.target, problem)
	}
}

// waitFor waits for tasks that had ended when the exchange was recorded.
func (p *player) waitFor(e exchange, recorded int) {
	if e.method != "GET" {
		return
	}
	for _, t := range recordedTasks(e) {
		if id, ok := p.ids[t.ID]; ok && finalState(t.State) && t.State != "timeout" {
			p.ended(id)
		}
	}
	if id, ok := p.ids[recorded]; ok && strings.Contains(e.target, "/output") && e.reply != "" && !p.held[recorded] {
		p.ended(id)
	}
}

// settle waits for every task but those that are held.
func (p *player) settle() {
	held := map[int]bool{}
	for recorded := range p.held {
		held[p.ids[recorded]] = true
	}
	for _, t := range p.Tasks() {
		if !held[t.ID] && !finalState(t.State) {
			p.ended(t.ID)
		}
	}
}

func (p *player) report(least int) {
	for _, reason := range slices.Sorted(maps.Keys(p.skipped)) {
		p.t.Logf("%4d not compared: %s", p.skipped[reason], reason)
	}
	p.t.Logf("%4d compared", p.compared)
	if p.compared < least {
		p.t.Errorf("compared %d exchanges, want at least %d", p.compared, least)
	}
}

// notCompared gives the reason why an exchange is left out, "" if it is not.
func notCompared(e exchange) string {
	switch {
	case e.lost:
		return "the recording proxy answered, not the director"
	case e.cut:
		return "the transcript holds only a part of the 2 MB body"
	case e.status == 416 && !strings.HasPrefix(e.file, "84-") && !strings.HasPrefix(e.file, "85b-"):
		return "a poll that found nothing new at that moment; 84 and 85b hold the same answer on purpose"
	}
	return ""
}

func TestReplay_everyRecordedExchange(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(recordings, "bosh-director")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is absent; TestReplay_copies replays a part of it", dir)
	}
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 300 * time.Millisecond})
	p.settles = true
	p.scriptRecordings()
	for _, e := range readTranscripts(t, dir) {
		p.play(e)
	}
	p.report(560)
}

func TestReplay_copies(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 300 * time.Millisecond})
	p.settles = true
	for _, e := range readTranscripts(t, "testdata") {
		p.play(e)
	}
	p.report(80)
}

// scriptRecordings does what happened between the recorded requests.
func (p *player) scriptRecordings() {
	var slow *gate
	p.before["51-locks-during#322"] = func() {
		slow = p.block("slowdep")
		p.own(17, "slowdep")
		p.held[17] = true
		<-slow.entered
	}
	p.before["54b-cancel-processing#506"] = func() {
		slow.release()
		delete(p.held, 17)
		p.settle()
		slow = p.block("slowdep2")
		p.own(19, "slowdep2")
		p.held[19] = true
		<-slow.entered
	}
	p.before["54d-cancel-done#630"] = func() {
		slow.release()
		delete(p.held, 19)
		p.settle()
	}
	p.before["55-deploy-when-no-worker#638"] = func() {
		p.SetWorkers(0)
		p.held[20] = true
	}
	p.before["55g-task-after-workers-back#646"] = func() {
		p.SetWorkers(3)
		delete(p.held, 20)
		p.settle()
	}
	p.before["65-deploy-cpi-create-vm-fails#724"] = func() {
		p.FailCreateVM("web", 0, "CPI error 'Bosh::Clouds::CloudError' with message 'Creating vm failed\n"+
			"/var/vcap/packages/director/src/spec/integration_support/dummy_cpi.rb:90:in `create_vm'\n"+
			"/var/vcap/dummy_cpi.rb:73:in `<main>'' in 'create_vm' CPI method (CPI request ID: 'cpi-348603')", 1)
	}
	// The recorded deploy had not ended when the rest was asked.
	p.before["105-deploy-ctx#981"] = func() {
		p.block("dep1")
		p.held[40] = true
	}
}
