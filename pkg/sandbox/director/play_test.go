package director_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// play sends one recorded request and compares the answer.
func (p *player) play(e exchange) {
	key := e.file + "#" + strconv.Itoa(e.number)
	p.at = key
	p.elapse(e)
	if act := p.before[key]; act != nil {
		act()
	}
	if reason := notCompared(e); reason != "" {
		p.skipped[reason]++
		return
	}
	target, recorded := p.target(e)
	if _, known := p.ids[recorded]; recorded > 0 && recorded < 9999 && !known {
		p.skipped["of a task whose request the transcript does not hold whole"]++
		return
	}
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
	p.begun(e, c.got)
	p.compared++
	for _, problem := range c.problems {
		p.t.Errorf("%s #%d %s %s: %s", e.file, e.number, e.method, e.target, problem)
	}
}

// begun waits until a deploy has its deployment's lock or waits for it, as it
// had when the next request was recorded half a second later.
func (p *player) begun(e exchange, got reply) {
	if e.method != "POST" || !strings.HasPrefix(e.target, "/deployments?") && e.target != "/deployments" || got.status != 302 {
		return
	}
	id := p.taskOf(got)
	p.until("the start of a deploy in "+p.at, func() bool {
		tasks, busy := p.Tasks(), 0
		for _, t := range tasks {
			if t.State != director.StateQueued && t.StartedAt != nil && !finalState(t.State) && !p.killed[t.ID] {
				busy++
			}
		}
		t := tasks[id-1]
		if t.State == director.StateQueued {
			return busy >= p.workers
		}
		return finalState(t.State) || slices.ContainsFunc(p.Deployments(), func(d director.Deployment) bool {
			return d.Name == *t.Deployment && d.Locked
		})
	})
}

// waitFor waits for tasks that had ended when the exchange was recorded, and
// lets them end: those that waited for a lock in vain first.
func (p *player) waitFor(e exchange, recorded int) {
	if e.method != "GET" {
		return
	}
	tasks := slices.DeleteFunc(recordedTasks(e), func(t director.Task) bool {
		return p.ids[t.ID] == 0 || !finalState(t.State) || t.State == director.StateTimeout
	})
	for _, t := range tasks {
		if t.Result != nil && strings.HasPrefix(*t.Result, "Failed to acquire lock") {
			p.until("the end of a wait for a lock in "+p.at, func() bool {
				now := p.Tasks()[p.ids[t.ID]-1]
				p.clock.Advance(11 * time.Second)
				return finalState(now.State)
			})
		}
	}
	for _, t := range tasks {
		if t.Deployment != nil {
			p.pass(*t.Deployment)
		}
		p.ended(p.ids[t.ID])
	}
	id, ok := p.ids[recorded]
	if !ok || !strings.Contains(e.target, "/output") || e.reply == "" {
		return
	}
	if !finalState(p.last[recorded]) {
		_, size, _ := strings.Cut(e.answer.Get("Content-Range"), "/")
		least, _ := strconv.Atoi(size)
		p.until("what was recorded in "+p.at, func() bool {
			return len(p.Events(id)) >= max(least, len(e.reply)) || finalState(p.Tasks()[id-1].State)
		})
		return
	}
	p.ended(id)
}

// elapse does what happened in the time between two recorded requests: after
// 10 s twins gave up waiting for the lock, after 30 s slow pre-starts ended.
func (p *player) elapse(e exchange) {
	at, err := time.Parse("15:04:05.000", e.at)
	if err != nil {
		p.t.Fatal(err)
	}
	if at.Sub(p.now) > 10500*time.Millisecond && p.workers > 1 {
		p.until("the end of twins before "+p.at, func() bool {
			p.clock.Advance(11 * time.Second)
			return !p.twins()
		})
	}
	p.now = at
	var manifest struct{ Name string }
	if e.method == "POST" && strings.HasPrefix(e.target, "/deployments?") && yaml.Unmarshal([]byte(e.body), &manifest) == nil {
		if _, twin := p.begin[manifest.Name]; !twin {
			p.begin[manifest.Name] = at
		}
	}
	for name, began := range p.begin {
		if at.Sub(began) > 33*time.Second {
			p.pass(name)
		}
	}
}

// twins says whether two tasks of one deployment have not ended.
func (p *player) twins() bool {
	seen := map[string]bool{}
	for _, t := range p.Tasks() {
		if finalState(t.State) || t.Deployment == nil || p.killed[t.ID] {
			continue
		}
		if seen[*t.Deployment] {
			return true
		}
		seen[*t.Deployment] = true
	}
	return false
}

// pass lets the pre-starts of a deployment go on, also those that come.
func (p *player) pass(deployment string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.gates[deployment]; g != nil {
		g.release()
		delete(p.gates, deployment)
	}
	p.passed[deployment] = true
}

// settle waits for every task but those that are held.
func (p *player) settle() {
	held := map[int]bool{}
	for recorded := range p.held {
		held[p.ids[recorded]] = true
	}
	for _, t := range p.Tasks() {
		if !held[t.ID] && !finalState(t.State) {
			if t.Deployment != nil {
				p.pass(*t.Deployment)
			}
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
