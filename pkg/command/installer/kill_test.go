package installer_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// crashBinary is cmd/perpetual in a build that can be told to end itself, and whose
// waits are shorter. It is made when a test first needs it.
var crashBinary = sync.OnceValues(func() (string, error) {
	return buildProgram(filepath.Dir(binary), "perpetual-crash", slices.Concat(overlay, []string{"-tags", "crash", "-ldflags", "-s -w"})...)
})

// attack runs the crash build with PERPETUAL_CRASH set to what, and gives how it ended.
func (p *place) attack(t *testing.T, what string, args ...string) (q process, by syscall.Signal) {
	t.Helper()
	path, err := crashBinary()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &stdout, &stderr
	cmd.Env = p.env("PERPETUAL_CRASH="+what, "AWS_EC2_METADATA_DISABLED=true")
	cmd.WaitDelay = time.Second
	_ = cmd.Run()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		by = status.Signal()
	}
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, by
}

// steps are those of a first install, in their order.
var steps = strings.Fields("account state configuration components infrastructure credentials director deploy parameters pipeline verify")

// One install is ended before and after every one of its steps, once by SIGKILL and
// once by SIGTERM, and begun again each time: it ends as one that nobody disturbs.
func TestDeploy_killedAtEveryStepGoesOnFromThere(t *testing.T) {
	t.Parallel()
	control := newPlace(t, site.Options{}, nil)
	if q, _ := control.attack(t, "", "deploy"); q.code != 0 {
		t.Fatalf("the control run: %s", q.stderr)
	}
	want := control.shape()

	p := newPlace(t, site.Options{}, nil)
	kills := 0
	for i, step := range steps {
		points := []string{"before-" + step, "after-" + step + ":TERM"}
		if i%2 == 1 {
			points = []string{"before-" + step + ":TERM", "after-" + step}
		}
		for _, what := range points {
			signal := syscall.SIGKILL
			if strings.HasSuffix(what, ":TERM") {
				signal = syscall.SIGTERM
			}
			q, by := p.attack(t, what, "deploy")
			if signal == syscall.SIGKILL && by != signal {
				t.Errorf("%s: it ended with code %d, not killed\n%s", what, q.code, q.stderr)
			}
			if signal == syscall.SIGTERM && q.code != 143 && q.code != 0 {
				t.Errorf("%s: exit code %d, want 143, or 0 for a signal that came too late\n%s", what, q.code, q.stderr)
			}
			kills++
			p.unlock(t)
		}
	}
	if q, _ := p.attack(t, "", "deploy"); q.code != 0 {
		t.Fatalf("after %d kills: %s", kills, q.stderr)
	}
	if diff := cmp.Diff(want, p.shape()); diff != "" {
		t.Errorf("after %d kills it is otherwise than undisturbed (-want +got):\n%s", kills, diff)
	}
	p.finds(t, nothingToDo)
}

var leaseID = regexp.MustCompile(`perpetual unlock ci --id ([^ ;)]+)`)

// unlock breaks the lease that a killed run has left: the first time as the error of
// the next run says it, then by hand, which is quicker.
func (p *place) unlock(t *testing.T) {
	t.Helper()
	if !p.unlocked && p.AWS.Object(bucket, "run/leases/installation") != "" {
		q, _ := p.attack(t, "", "deploy")
		found := leaseID.FindStringSubmatch(q.stderr)
		if q.code != 1 || found == nil {
			t.Fatalf("a run beside the lease of a dead one: exit code %d\n%s", q.code, q.stderr)
		}
		if q, _ := p.attack(t, "", "unlock", "ci", "--id", found[1]); q.code != 0 {
			t.Fatalf("unlock: %s", q.stderr)
		}
		p.unlocked = true
	}
	for _, key := range []string{"run/leases/installation", "run/leases/deployment-concourse"} {
		p.AWS.DeleteObject(bucket, key)
	}
}

// shape is what an install leaves, without what differs from run to run.
func (p *place) shape() everything {
	e := p.everything()
	e.Writes, e.Documents, e.Pipelines = nil, nil, 0
	slices.Sort(e.Effects)
	return e
}
