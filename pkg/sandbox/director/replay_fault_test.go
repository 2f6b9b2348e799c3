package director_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func faultRecordings(t *testing.T) []exchange {
	t.Helper()
	dir := filepath.Join(recordings, "bosh-director-faults")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is absent", dir)
	}
	return readTranscripts(t, dir)
}

func (p *player) seedRecordings() {
	p.t.Helper()
	p.do("POST", "/cloud_configs?name=", cloudConfig, "Content-Type", "text/yaml")
	p.ended(p.taskOf(p.do("POST", "/stemcells", string(tinyStemcell("1.2")), "Content-Type", "application/x-compressed")))
	p.ended(p.taskOf(p.do("POST", "/releases", string(tinyrel("1", false)), "Content-Type", "application/x-compressed")))
}

func TestReplay_lostRepliesTwinsAndKilledWorkers(t *testing.T) {
	t.Parallel()
	all := faultRecordings(t)
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 10 * time.Second})
	p.seedRecordings()
	p.scriptFaults(all)
	for _, e := range all {
		p.play(e)
	}
	p.report(600)
}

// scriptFaults does what happened between the recorded requests.
func (p *player) scriptFaults(all []exchange) {
	on := func(file string, act func()) {
		i := slices.IndexFunc(all, func(e exchange) bool { return e.file == file })
		p.before[file+"#"+itoa(all[i].number)] = act
	}
	on("c3-cli-recreate-twin", func() { p.ids[40] = p.made("rec") })
	on("e1-lib-1worker-fast", func() {
		p.settle()
		p.staff(1)
	})
	on("e3-cancel-queued-twin", func() { p.block("e3") })
	on("e5-cancel-twin-lock-frees", func() { p.block("e5") })
	p.before["e6-cancel-first-twin-waits#47"] = func() { p.waits("e6") }
	on("k1-puma-down", func() {
		p.settle()
		p.staff(3)
		for _, name := range []string{"kb2", "kc", "kb1"} { // deployed again, which takes the dead tasks' locks over
			p.block(name).release()
			p.made(name)
		}
		p.block("k1l")
		p.block("k1")
	})
	on("k2-timeout-task", func() {
		for recorded, name := range []string{"kb2", "kc", "kb1"} {
			g := p.block(name)
			p.own(53+recorded, name)
			<-g.entered
			p.killed[p.ids[53+recorded]] = true
		}
		p.held[53] = true // nobody looks at it, so it stays processing
		p.KillWorker(p.ids[53])
		p.KillWorkerChild(p.ids[54])
		p.KillWorker(p.ids[55])
		p.clock.Advance(time.Second) // 250 s of the director's time
	})
	for _, e := range all {
		if e.file == "k1-puma-down" && e.status == 502 {
			p.before[e.file+"#"+itoa(e.number)] = func() { p.before["k1-after-restart#271"] = p.Down(director.BadGateway) }
			break
		}
	}
}

// waits waits until a pre-start of a deployment waits at its gate, as one had
// when it was recorded some seconds after the deploy.
func (p *player) waits(deployment string) {
	p.until("a pre-start of "+deployment, func() bool {
		p.mu.Lock()
		g := p.gates[deployment]
		p.mu.Unlock()
		return g != nil && len(g.entered) > 0
	})
}

// made deploys what the recordings have but do not show.
func (p *player) made(name string) int {
	manifest := strings.Replace(manifestOf(name, 1, "hello"), "max_in_flight: 2", "max_in_flight: 1", 1)
	manifest = strings.Replace(manifest, "properties: {msg: hello}}", "properties: {msg: hello}}\n  - {name: slow, release: tinyrel, properties: {sleep: 0, exit: 0}}", 1)
	id := p.deploy(manifest, "")
	p.ended(id)
	return id
}
