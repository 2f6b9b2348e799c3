package director_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// recordings is where the whole set of transcripts lies, if it is there.
const recordings = "../../../../shared/data"

func TestReplay_everyRecordedExchange(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(recordings, "bosh-director")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is absent; TestReplay_copies replays a part of it", dir)
	}
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 10 * time.Second})
	p.settles = true
	p.scriptRecordings()
	for _, e := range readTranscripts(t, dir) {
		p.play(e)
	}
	p.report(560)
}

func TestReplay_copies(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, director.Options{Scale: 0.004, LockWait: 10 * time.Second})
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
		p.staff(0)
		p.held[20] = true
	}
	p.before["55g-task-after-workers-back#646"] = func() {
		p.staff(3)
		delete(p.held, 20)
		p.settle()
	}
	p.before["65-deploy-cpi-create-vm-fails#724"] = func() {
		p.FailCreateVM("web", 0, "CPI error 'Bosh::Clouds::CloudError' with message 'Creating vm failed\n"+
			"/var/vcap/packages/director/src/spec/integration_support/dummy_cpi.rb:90:in `create_vm'\n"+
			"/var/vcap/dummy_cpi.rb:73:in `<main>'' in 'create_vm' CPI method (CPI request ID: 'cpi-348603')", 1)
	}
	// The recorded deploy had not ended when the rest was asked: 1.5 s after
	// it the diff in 133 is still one to the manifest of 78.
	p.before["105-deploy-ctx#981"] = func() {
		p.block("dep1")
		delete(p.begin, "dep1")
		p.held[40] = true
	}
}
