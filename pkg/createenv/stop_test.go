package createenv_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// At each call of the CPI and the agent and each write: a run that is told to stop
// there ends with ErrStopped, what the CPI was doing is recorded, nothing else
// begins, no secret is left, and the next run goes on.
func TestStop_anywhereIsSafe(t *testing.T) {
	t.Parallel()
	trap := &trap{agents: true, all: *allKills}
	begun := 0
	w := newQuickWorld(t, cpi.Options{Hook: func(c cpi.Call) *cpi.Fault {
		if trap.struck() != "" && c.Phase == cpi.Before {
			begun++
		}
		return trap.call(c)
	}})
	w.documents.hook = trap.write
	restore := w.keep()
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		begun = 0
		trap.set(n, cancel)
		_, err := w.environment().Create(ctx, w.request(disk1))
		where := trap.struck()
		trap.set(0, nil)
		cancel()
		if where == "" {
			if err != nil || n < 40 {
				t.Fatalf("%d points in a run, error %v", n-1, err)
			}
			t.Logf("%d stops", n-1)
			return
		}
		if err != nil && (!errors.Is(err, cause.ErrStopped) || !errors.Is(err, context.Canceled)) {
			t.Errorf("stopped at %d, %s: error %v", n, where, err)
		}
		if begun > 0 {
			t.Errorf("stopped at %d, %s: %d calls begun after that", n, where, begun)
		}
		for _, vm := range w.cloud.VMs() {
			if !strings.Contains(w.documents.body(ledger.StateDocument), vm.CID) {
				t.Errorf("stopped at %d, %s: %s is not in the state", n, where, vm.CID)
			}
			if err != nil && !strings.Contains(err.Error(), vm.CID) {
				t.Errorf("stopped at %d, %s: error %v does not name %s", n, where, err, vm.CID)
			}
		}
		w.clean()
		w.create(disk1)
		w.whole(disk1)
		if n%10 == 0 { // the kills of a deletion try it after every round
			w.delete(disk1)
			w.gone()
		}
		restore()
		if t.Failed() {
			return
		}
	}
}

// Waits for an agent have no end of their own, or one in ten minutes.
func TestStop_endsWaitsForTheAgent(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"that does not answer": "ping", "that never finishes a task": "get_task"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f faults
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := newQuickWorld(t, cpi.Options{Hook: f.call})
			asked := 0
			f.set(func(c cpi.Call) *cpi.Fault {
				if c.Method != method || c.Phase != cpi.Before {
					return nil
				}
				if asked++; asked == 3 {
					cancel()
				}
				if method == "ping" {
					return &cpi.Fault{Drop: true}
				}
				return &cpi.Fault{Raw: `{"value": {"agent_task_id": "1", "state": "running"}}`}
			})
			_, err := w.environment().Create(ctx, w.request(disk1))
			if !errors.Is(err, cause.ErrStopped) || asked > 4 {
				t.Fatalf("error %v after %d requests", err, asked)
			}
			f.set(nil)
			w.create(disk1)
			w.whole(disk1)
		})
	}
}

// The agent's request that hangs: one that only asks is given up at once.
func TestStop_endsARequestThatHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	w := newQuickWorld(t, cpi.Options{Hook: func(c cpi.Call) *cpi.Fault {
		if c.Method == "get_state" && c.Phase == cpi.Before && ctx.Err() == nil {
			cancel()
			<-release
		}
		return nil
	}})
	_, err := w.environment().Create(ctx, w.request(manifest{}))
	close(release)
	if !errors.Is(err, cause.ErrStopped) {
		t.Fatalf("error %v", err)
	}
	w.create(manifest{})
	w.whole(manifest{})
}

// The CPI's call that hangs is not waited for: it goes on, and the next run takes over
// what it made.
func TestStop_leavesTheCPIAtWork(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"create_stemcell", "create_vm", "create_disk", "attach_disk"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			w := newQuickWorld(t, cpi.Options{Hook: func(c cpi.Call) *cpi.Fault {
				if c.To == "cpi" && c.Method == method && c.Phase == cpi.Before && ctx.Err() == nil {
					cancel()
					<-release
				}
				return nil
			}})
			o := w.options()
			o.Grace = 20 * time.Millisecond
			e, err := createenv.New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Create(ctx, w.request(disk1))
			close(release)
			if !errors.Is(err, cause.ErrStopped) || !strings.Contains(err.Error(), "the CPI's "+method+" goes on by itself") {
				t.Fatalf("error %v", err)
			}
			w.create(disk1)
			w.whole(disk1)
			if w.notified("the answer is lost") {
				t.Error("the next run has not heard the answer")
			}
		})
	}
}

// A download is given up at once, and nothing of it is taken for whole.
func TestStop_endsDownloads(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	o := w.options()
	o.Progress = func(e createenv.Event) {
		if strings.HasPrefix(e.Step, "Downloading stemcell") && e.Status == createenv.Started {
			cancel()
		}
	}
	e, err := createenv.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Create(ctx, w.request(manifest{})); !errors.Is(err, cause.ErrStopped) || !strings.Contains(err.Error(), "nothing was created") {
		t.Errorf("error %v", err)
	}
	if calls := w.cloud.Calls(); len(calls) > 0 {
		t.Errorf("calls %v", calls)
	}
	w.create(manifest{})
	w.whole(manifest{})
}

func TestStop_beforeAnything(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupt")
	cancel(why)
	_, err := w.environment().Create(ctx, w.request(manifest{}))
	if !errors.Is(err, cause.ErrStopped) || !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff([]cpi.Call(nil), w.cloud.Calls()); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}
