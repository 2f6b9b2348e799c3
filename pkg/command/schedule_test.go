package command_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

var (
	scheduleCount = flag.Int("schedules", 500, "how many random schedules TestSchedule plays")
	firstSeed     = flag.Uint64("seed", 1, "the seed of the first of them; the others follow")
)

// tlsGood is a certificate with which nothing is wrong.
var tlsGood = tlsca.Options{}

const (
	// faultyRuns is how many runs of a schedule may meet its faults, and maxRuns
	// how many it may take to the end.
	faultyRuns, maxRuns = 8, 12
	// runTimeout is params.timeout of runs that meet faults: a run waits out an
	// outage of the director until then. Its waits are a fiftieth of real ones, so
	// this stands for minutes.
	runTimeout = 6 * time.Second
	// maxRequests bounds what one run asks of all servers together.
	maxRequests = 500
)

// Whatever goes wrong at any moment, in any combination: once it is over, a run
// succeeds, and the servers are as after one run with nothing wrong. One deploy
// was started for each attempt, and an attempt follows only on a task that failed.
//
//	go test ./pkg/command -run TestSchedule -args -schedules=20000 -seed=7
func TestSchedule_endsAsOneRun(t *testing.T) {
	t.Parallel()
	kinds := troubles()
	t.Logf("%d schedules from seed %d, drawn from %d kinds of faults", *scheduleCount, *firstSeed, len(kinds))
	controls := make([]end, len(drills))
	for i, d := range drills {
		controls[i], _, _ = d.control(t)
	}
	for i := range *scheduleCount {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0)) // it is to be drawn again
			which := []int{0, 0, 1, 1, 2}[r.IntN(5)]
			p := &play{troubles: draw(r, drills[which].verb, kinds), r: r, sick: map[string]int{}, killed: map[int]bool{}}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s\n%v\nplay it again with: go test ./pkg/command -run TestSchedule -args -schedules=1 -seed=%d\nthe director's tasks:\n%s",
						drills[which].name, p.troubles, seed, p.tasks())
				}
			})
			p.scene = drills[which].begin(t)
			p.run(t, drills[which], controls[which])
		})
	}
	t.Cleanup(func() { toldNothing(t) })
}

// play is a schedule under way.
type play struct {
	*scene
	troubles   []trouble
	r          *rand.Rand
	background background

	mu        sync.Mutex
	exchange  int // the number of the last one
	change    int // and of the last that changed something
	current   *victim
	signals   []syscall.Signal // sent to the current run
	sick      map[string]int   // status by server, until the run ends
	doom      func(*director.Director, int) bool
	killed    map[int]bool // tasks whose worker was killed
	faultless bool
}

// run runs the request until it has succeeded and what it started is done.
func (p *play) run(t *testing.T, d drill, control end) {
	servers := d.servers
	if d.verb == "out" {
		p.request["params"].(object)["attempts"] = maxRuns
		servers = append(slices.Clone(servers), "boshio")
	}
	for _, name := range servers {
		p.Faults[name].Choose(func(r fault.Request) *fault.Fault { return p.strike(name, changes(r)) })
	}
	settles, builds := p.r.IntN(2) == 0, p.r.IntN(2) == 0
	build := 1
	for n := 1; ; n++ {
		if n > maxRuns {
			t.Fatalf("%d runs did not do it", maxRuns)
		}
		if params := p.request["params"].(object); d.verb == "out" && n <= faultyRuns {
			params["timeout"] = runTimeout.String()
		} else {
			delete(params, "timeout")
		}
		env := []string{}
		if builds {
			env = append(env, "BUILD_ID="+itoa(build))
		}
		good := p.once(t, n, control, env)
		if good || settles {
			p.settle(t)
		}
		if good && p.over() {
			break
		}
		if good {
			build++ // people put again
		}
	}
	p.ends(t, control)
}

// once is one run: it behaves well, whatever happens to it.
func (p *play) once(t *testing.T, n int, control end, env []string) (good bool) {
	t.Helper()
	p.mu.Lock()
	p.signals, p.faultless = nil, n > faultyRuns
	before := p.exchange
	p.current = p.attack(t, env...)
	v := p.current
	p.mu.Unlock()
	q, by, err := v.wait(tooLong)
	p.background.Wait()
	p.mu.Lock()
	clear(p.sick)
	requests, sent := p.exchange-before, slices.Clone(p.signals)
	p.mu.Unlock()
	p.strikeWorkers()
	if err != nil {
		t.Errorf("run %d: %v\n%s", n, err, q.stderr)
	}
	if by != 0 && !slices.Contains(sent, by) {
		t.Errorf("run %d died of %v, which nobody sent", n, by)
	}
	if by == 0 {
		if err := q.wellBehaved(); err != nil {
			t.Errorf("run %d: %v", n, err)
		}
	}
	if requests > maxRequests {
		t.Errorf("run %d took %d requests, want at most %d", n, requests, maxRequests)
	}
	hides(t, q, credentials()...)
	p.onlyWhole(t, control)
	good = by == 0 && q.code == 0
	if good && p.verb == "out" {
		p.answers(t, n, q)
	}
	if n == maxRuns && !good {
		t.Logf("the last run: exit code %d\n%s", q.code, q.stderr)
	}
	return good
}

// answers wants the last deploy's task in the version.
func (p *play) answers(t *testing.T, n int, q process) {
	t.Helper()
	deploys := p.deploys()
	if want := itoa(deploys[len(deploys)-1].Task); answer[result](t, q).Version["task"] != want {
		t.Errorf("run %d answers %s, the last deploy is task %s", n, q.stdout, want)
	}
}

// over says whether what the last run answered for is done.
func (p *play) over() bool {
	if p.verb != "out" {
		return true
	}
	deploys := p.deploys()
	state, _ := p.taskState(deploys[len(deploys)-1].Task)
	return state == director.StateDone
}

func (p *play) taskState(id int) (state, result string) {
	for _, task := range p.Director.Tasks() {
		if task.ID == id {
			if task.Result != nil {
				result = *task.Result
			}
			return task.State, result
		}
	}
	return "unknown", ""
}

// tasks is what became of all tasks, for a look at a schedule that failed.
func (p *play) tasks() string {
	var b strings.Builder
	if p.scene == nil {
		return ""
	}
	for _, task := range p.Director.Tasks() {
		result := ""
		if task.Result != nil {
			result = *task.Result
		}
		fmt.Fprintf(&b, "%d %s (%s): %s %s\n", task.ID, task.Description, task.ContextID, task.State, result)
	}
	return b.String()
}

// settle waits for the director as a client that looks at its tasks.
func (p *play) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if err := p.Settle(ctx); err != nil {
		t.Fatal(err)
	}
}

// ends wants the end of the control run, and that nothing was started twice.
func (p *play) ends(t *testing.T, control end) {
	t.Helper()
	p.settle(t)
	state, err := p.State()
	if err != nil {
		t.Fatal(err)
	}
	got := end{State: state, Files: p.files(t), Temp: p.temporary(t)}
	want := end{State: control.State, Files: control.Files, Temp: control.Temp}
	got.State.Set, want.State.Set = "", "" // a fault at its request is no reason to fail a deploy that runs
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it ends otherwise than a run with nothing wrong (-control +this):\n%s", diff)
	}
	if p.verb != "out" {
		return
	}
	deploys := p.deploys()[1:]
	for i, e := range deploys {
		state, result := p.taskState(e.Task)
		last := i == len(deploys)-1
		if !last && state == director.StateError && strings.HasPrefix(result, "Failed to acquire lock") {
			continue // it has done nothing
		}
		p.mu.Lock()
		killed := p.killed[e.Task]
		p.mu.Unlock()
		if last && state != director.StateDone || !last && (state == director.StateDone || !killed) {
			t.Errorf("deploy %d of %d, task %d, is %s; its worker was killed: %t: want one deploy, and another one only after a failure", i+1, len(deploys), e.Task, state, killed)
		}
	}
	if len(deploys) == 0 {
		t.Error("nothing was deployed")
	}
}

// strike picks what happens to an exchange.
func (p *play) strike(server string, changes bool) *fault.Fault {
	p.mu.Lock()
	p.exchange++
	change := -1
	if changes {
		p.change++
		change = p.change
	}
	n, code, faultless := p.exchange, p.sick[server], p.faultless
	p.mu.Unlock()
	if faultless {
		return nil
	}
	p.strikeWorkers()
	for _, t := range p.troubles {
		if t.at == n || t.change == change {
			return t.strike(p, server)
		}
	}
	if code != 0 {
		return &fault.Fault{Kind: fault.Status, Code: code, Body: "sick"}
	}
	return nil
}

// sicken makes a server answer nothing but errors until the run ends.
func (p *play) sicken(server string) *fault.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sick[server] = []int{500, 502, 503, 504}[p.exchange%4]
	return &fault.Fault{Kind: fault.Status, Code: p.sick[server], Body: strings.Repeat("sick ", 100)}
}

// end sends a signal to the current run and waits for its end.
func (p *play) end(signal syscall.Signal) {
	p.mu.Lock()
	p.signals = append(p.signals, signal)
	v := p.current
	p.mu.Unlock()
	v.end(signal)
}

// dooms has the worker of the next task that runs killed.
func (p *play) dooms(how func(*director.Director, int) bool) {
	p.mu.Lock()
	p.doom = how
	p.mu.Unlock()
	p.strikeWorkers()
}

// strikeWorkers kills the workers of the tasks that run, if that is due.
func (p *play) strikeWorkers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doom == nil {
		return
	}
	for _, task := range p.Director.Tasks() {
		if task.State == director.StateProcessing && p.doom(p.Director, task.ID) {
			p.killed[task.ID] = true
			p.doom = nil
			p.Concourse.Restart() // a task may die between stop and start of the web; people start it
			return
		}
	}
}
