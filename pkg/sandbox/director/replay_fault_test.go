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

// cancelled are the recordings in which a task that waits for a lock is
// cancelled. They need a lock wait that is long enough for several requests.
var cancelled = []string{"e4-cancel-processing-twin", "e5-cancel-twin-lock-frees", "e6-cancel-first-twin-waits"}

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
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 300 * time.Millisecond})
	p.seedRecordings()
	p.scriptFaults(all)
	for _, e := range all {
		if !slices.Contains(cancelled, e.file) {
			p.play(e)
		}
	}
	p.report(600)
}

func TestReplay_cancelledTwins(t *testing.T) {
	t.Parallel()
	all := faultRecordings(t)
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 2 * time.Second})
	p.seedRecordings()
	// The first twin holds the lock until the recorded requests were made.
	free := map[string]*gate{"e4": p.block("e4"), "e5": p.block("e5"), "e6": p.block("e6")}
	p.before["e5-cancel-twin-lock-frees#44"] = free["e5"].release
	p.before["e6-cancel-first-twin-waits#51"] = func() {
		p.ended(p.ids[89])
		free["e6"].release()
	}
	p.before["e4-cancel-processing-twin#37"] = func() {
		p.ended(p.ids[83])
		free["e4"].release()
	}
	for _, e := range all {
		if slices.Contains(cancelled, e.file) {
			p.play(e)
			if first := map[int]string{82: "e4", 85: "e5", 88: "e6"}[p.lastID(e)]; first != "" {
				<-free[first].entered
			}
		}
	}
	p.report(20)
}

// lastID is the recorded id of the task that an exchange made.
func (p *player) lastID(e exchange) int {
	for recorded := range p.ids {
		if strings.HasSuffix(e.answer.Get("Location"), "/tasks/"+itoa(recorded)) {
			return recorded
		}
	}
	return 0
}

// scriptFaults does what happened between the recorded requests.
func (p *player) scriptFaults(all []exchange) {
	on := func(file string, act func()) {
		i := slices.IndexFunc(all, func(e exchange) bool { return e.file == file })
		p.before[file+"#"+itoa(all[i].number)] = act
	}
	on("c3-cli-recreate-twin", func() { p.ids[40] = p.made("rec") })
	on("e1-lib-1worker-fast", func() { p.settle(); p.SetWorkers(1) })
	queue := (*gate)(nil)
	on("e3-cancel-queued-twin", func() { queue = p.block("e3") })
	on("k1-puma-down", func() { queue.release(); p.settle(); p.SetWorkers(3) })
	on("k2-timeout-task", func() {
		for recorded, name := range []string{"kb2", "kc", "kb1"} {
			g := p.block(name)
			p.own(53+recorded, name)
			<-g.entered
		}
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
	for _, e := range all {
		if e.file == "e3-cancel-queued-twin" && strings.Contains(e.reply, `"cancelled"`) {
			p.before[e.file+"#"+itoa(e.number)] = func() { queue.release() }
			break
		}
	}
}

// made deploys what the recordings have but do not show.
func (p *player) made(name string) int {
	manifest := strings.Replace(manifestOf(name, 1, "hello"), "max_in_flight: 2", "max_in_flight: 1", 1)
	manifest = strings.Replace(manifest, "properties: {msg: hello}}", "properties: {msg: hello}}\n  - {name: slow, release: tinyrel, properties: {sleep: 0, exit: 0}}", 1)
	id := p.deploy(manifest, "")
	p.ended(id)
	return id
}
