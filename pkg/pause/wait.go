package pause

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

const (
	defaultPoll    = 2 * time.Second
	defaultTimeout = 30 * time.Minute
	defaultStill   = 10 * time.Second
	// lookLimit bounds one look at a web that does not answer, also when little
	// is left of the time to wait.
	lookLimit = time.Minute
)

// Wait waits until no build but the own one runs, and stays so for Still. It
// pauses pipelines that were made, or unpaused for the first time, after Begin.
// A web that does not answer is asked again until the time is over. Then, if
// builds still run, it fails with a *BusyError, or goes on if GoOn is set.
func (p Pause) Wait(ctx context.Context) error {
	w := wait{Pause: p}
	w.Poll = cmp.Or(p.Poll, crash.Scale(defaultPoll))
	w.Timeout = cmp.Or(p.Timeout, defaultTimeout)
	w.Still = cmp.Or(p.Still, crash.Scale(defaultStill))
	w.deadline = time.Now().Add(w.Timeout)
	for {
		done, err := w.look(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for builds to end: %w", context.Cause(ctx))
		case <-time.After(w.pause()):
		}
	}
}

// wait is one Wait under way.
type wait struct {
	Pause
	deadline time.Time
	calm     time.Time         // since when no build was seen; zero: one was
	builds   []concourse.Build // that ran at the last look that was answered
	answered bool              // whether there was one
	failed   string            // the error of the look before
}

// pause is the time to the next look.
func (w *wait) pause() time.Duration {
	if w.calm.IsZero() {
		return w.Poll
	}
	return min(w.Poll, time.Until(w.calm.Add(w.Still)))
}

// look looks once, and says whether the wait is over.
func (w *wait) look(ctx context.Context) (done bool, err error) {
	err = w.ask(ctx)
	over := !time.Now().Before(w.deadline)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("wait for builds to end: %w", context.Cause(ctx))
	case refused(err):
		return false, fmt.Errorf("wait for builds to end: %w; nothing was deployed", err)
	case err != nil:
		w.calm = time.Time{}
		if over {
			return true, w.unanswered(err)
		}
		if text := err.Error(); text != w.failed {
			w.say("looking again in %s: %s", w.Poll, text)
			w.failed = text
		}
		return false, nil
	case len(w.builds) > 0:
		w.calm = time.Time{}
		if over {
			return true, w.busy()
		}
		return false, nil
	case w.calm.IsZero():
		w.calm = time.Now()
		return false, nil
	}
	return time.Since(w.calm) >= w.Still, nil
}

// ask looks which builds run. When none does any more it also pauses what was
// unpaused since the last time, which may start some.
func (w *wait) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(time.Until(w.deadline), lookLimit))
	defer cancel()
	builds, err := w.ATC.StartedBuilds(ctx)
	if err != nil {
		return err
	}
	builds = slices.DeleteFunc(builds, w.Own.is)
	w.tell(builds)
	w.builds, w.answered, w.failed = builds, true, ""
	if len(builds) > 0 || !w.calm.IsZero() {
		return nil
	}
	return w.hold(ctx, nil)
}

// tell says which builds are waited for, when others are than before.
func (w *wait) tell(builds []concourse.Build) {
	same := slices.EqualFunc(builds, w.builds, func(a, b concourse.Build) bool { return a.ID == b.ID })
	switch {
	case w.answered && same:
	case len(builds) > 0:
		w.say("waiting up to %s for %s to end: %s", max(0, time.Until(w.deadline)).Round(time.Second), counted(len(builds), "build"), titles(builds))
	default:
		w.say("no build runs but our own")
	}
}

// busy is the end of the time while builds run.
func (w *wait) busy() error {
	if !w.GoOn {
		return &BusyError{Builds: w.builds, Timeout: w.Timeout}
	}
	w.say("going on after %s: %s will be lost: %s", w.Timeout, counted(len(w.builds), "build"), titles(w.builds))
	return nil
}

// unanswered is the end of the time while Concourse does not answer.
func (w *wait) unanswered(err error) error {
	if !w.GoOn || !w.answered {
		return fmt.Errorf("wait up to %s for builds to end: %w; nothing was deployed: try again when Concourse answers", w.Timeout, err)
	}
	lost := "no build ran at the last look"
	if len(w.builds) > 0 {
		lost = "these ran at the last look, and will be lost: " + titles(w.builds)
	}
	w.say("going on after %s though Concourse does not answer (%v); %s", w.Timeout, err, lost)
	return nil
}
