package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// gateJob is the job that holds the update of web until it answers.
const gateJob = "gate"

// defaultGateLimit is how long it does.
const defaultGateLimit = 2 * time.Hour

// killWait is after what time bpm kills a web that waits for its builds.
const killWait = 20 * time.Second

// defaultMigration is how long the migrations of a large database take.
const defaultMigration = 10 * time.Second

// isWeb and isWorker say what an instance runs, whatever its group is called.
func isWeb(u director.Update) bool    { return runs(u, "web") }
func isWorker(u director.Update) bool { return runs(u, "worker") }

func runs(u director.Update, job string) bool {
	return u.Releases["concourse"] != "" && slices.Contains(u.Jobs, job)
}

// WebDrains gives a channel that is closed when BOSH tells a web to stop the next time.
func (w *World) WebDrains() <-chan struct{} {
	w.nodes.Lock()
	defer w.nodes.Unlock()
	if w.nodes.told == nil {
		w.nodes.told = make(chan struct{})
	}
	return w.nodes.told
}

// drainWeb is what a web does that is told to stop: it waits for its builds,
// until it is killed.
func (w *World) drainWeb(ctx context.Context) {
	w.nodes.Lock()
	if w.nodes.told != nil {
		close(w.nodes.told)
		w.nodes.told = nil
	}
	w.nodes.Unlock()
	ctx, cancel := context.WithTimeout(ctx, w.options.WebDrain)
	defer cancel()
	_ = wait(ctx, func() bool { return !w.Concourse.Busy() })
	w.stopWeb()
}

// stopWeb ends the web's process, if it runs.
func (w *World) stopWeb() {
	w.nodes.Lock()
	defer w.nodes.Unlock()
	if w.nodes.web {
		w.nodes.web = false
		w.Concourse.Stop()
	}
}

// startWeb starts the web of a release. For BOSH it runs at once; API and gateway
// answer when the database has the release's schema.
func (w *World) startWeb(u director.Update) error {
	if err := w.bootWeb(u.Manifest); err != nil {
		return err
	}
	w.stopWeb() // BOSH may have skipped the drain
	w.nodes.Lock()
	defer w.nodes.Unlock()
	w.nodes.web = true
	w.Concourse.SetRelease(concourse.ReleaseOf(u.Releases["concourse"]))
	if !w.nodes.installed { // an empty database takes no time
		w.nodes.installed = true
		w.Concourse.Restart()
		w.nodes.answers = closed()
		w.registerWaiting()
		return nil
	}
	until := w.nodes.held
	if until == nil {
		timer := make(chan struct{})
		time.AfterFunc(w.scaled(w.options.Migration), func() { close(timer) })
		until = timer
	}
	answers := w.Concourse.Migrate(until)
	w.nodes.answers = answers
	w.beside.Go(func() {
		select {
		case <-answers:
			w.nodes.Lock()
			defer w.nodes.Unlock()
			w.registerWaiting()
		case <-w.closing:
		}
	})
	return nil
}

// HoldMigrations makes the migrations that begin from now on last until release
// is called.
func (w *World) HoldMigrations() (release func()) {
	w.nodes.Lock()
	defer w.nodes.Unlock()
	held := make(chan struct{})
	w.nodes.held = held
	return func() {
		w.nodes.Lock()
		defer w.nodes.Unlock()
		if w.nodes.held == held {
			w.nodes.held = nil
		}
		close(held)
	}
}

// postStart is what the post-start scripts of an instance do: the gate's waits
// until this web answers, with its limit.
func (w *World) postStart(ctx context.Context, u director.Update) error {
	if !isWeb(u) || !slices.Contains(u.Jobs, gateJob) {
		return nil
	}
	version := u.Releases["concourse"]
	w.nodes.Lock()
	answers := w.nodes.answers
	w.gateSays(u, "waiting up to %.0f s for web %s at 127.0.0.1:8080 and for its gateway at 127.0.0.1:2222", w.options.GateLimit.Seconds(), version)
	w.nodes.Unlock()
	limit := time.NewTimer(w.scaled(w.options.GateLimit))
	defer limit.Stop()
	select {
	case <-answers:
	default:
		w.options.Observe("BOSH", fmt.Sprintf("task %d waits in post-start of %s/%d: the web does not answer yet", u.Task, u.Group, u.Index))
		select {
		case <-answers:
			w.options.Observe("BOSH", fmt.Sprintf("task %d: the web answers, %s/%d is updated", u.Task, u.Group, u.Index))
		case <-limit.C:
			w.nodes.Lock()
			defer w.nodes.Unlock()
			w.gateSays(u, "failed: gave up after %.0f s: the API does not answer at http://127.0.0.1:8080/api/v1/info (curl: (7) Failed to connect to 127.0.0.1 port 8080)", w.options.GateLimit.Seconds())
			return errors.New("the gate gave up")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.nodes.Lock()
	defer w.nodes.Unlock()
	w.gateSays(u, "web %s answers and its gateway takes workers", version)
	return nil
}

// gateSays writes a line of the gate's log on a VM. The caller holds the lock.
func (w *World) gateSays(u director.Update, format string, args ...any) {
	if w.nodes.logs == nil {
		w.nodes.logs = map[string]string{}
	}
	w.nodes.logs[u.ID] += time.Now().UTC().Format(time.RFC3339) + " gate: " + fmt.Sprintf(format, args...) + "\n"
}

// logs are the files below /var/vcap/sys/log of an instance.
func (w *World) logs(u director.Update) map[string][]byte {
	w.nodes.Lock()
	defer w.nodes.Unlock()
	if text, has := w.nodes.logs[u.ID]; has {
		return map[string][]byte{gateJob + "/post-start.stdout.log": []byte(text)}
	}
	return nil
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
