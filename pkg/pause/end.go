package pause

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Report is what End has done.
type Report struct {
	List     List     // as it was found
	Unpaused []string // main/app
	Left     []Left   // what stays paused because people want it so
}

// Left is a pipeline that stays paused.
type Left struct {
	Pipeline string // main/app
	Reason   string // paused by ada since
}

// String says it to people.
func (l Left) String() string { return fmt.Sprintf("%s (%s)", l.Pipeline, l.Reason) }

const (
	// failuresLimit is after how many pipelines that cannot be unpaused End gives
	// up: a web that does not answer does so for none of them.
	failuresLimit = 3
	// rounds is how often pipelines are looked up again that were renamed, or
	// deleted, in the moment before they were unpaused.
	rounds = 3
	// fresh is for how long a look at the pipelines and at the list is good: a person
	// may pause one while others are unpaused, and another upgrade may begin.
	fresh = time.Second
)

// End unpauses what the list says was paused by us and is so still, and empties
// the list. Where nothing is paused it does nothing. When it fails, what is
// still paused stays in the list, and End can be called again, by any process.
func (p Pause) End(ctx context.Context) (Report, error) {
	list, _, err := p.load(ctx)
	if err != nil || !list.Active() {
		return Report{}, err
	}
	report := Report{List: list}
	if _, err := p.user(ctx, "unpause"); err != nil {
		return report, list.remain(err)
	}
	err = p.update(ctx, func(l *List) bool {
		changed := l.begun()
		if changed {
			l.Phase = Resuming
		}
		return changed
	})
	if err != nil {
		return report, list.remain(err)
	}
	crash.Here("before-unpause")
	done, failures := map[int]bool{}, []error(nil)
	for range rounds {
		if failures = p.freeAll(ctx, list, done, &report); !gone(failures) {
			break
		}
	}
	crash.Here("after-unpause")
	next := ""
	err = p.update(ctx, func(l *List) bool {
		if l.begun() {
			next = l.Build
			return false
		}
		l.take(done)
		return true
	})
	crash.Here("resume-done")
	p.say("unpaused %s", counted(len(report.Unpaused), "pipeline"))
	if next != "" {
		p.say("%s has begun another quiet upgrade: nothing more is unpaused until that is over", next)
		return report, nil
	}
	list.take(done)
	if failures = append(failures, err); errors.Join(failures...) != nil {
		return report, list.remain(failures...)
	}
	return report, nil
}

// freeAll unpauses what is ours, and adds to done the entries that need nothing more.
func (p Pause) freeAll(ctx context.Context, list List, done map[int]bool, report *Report) (failures []error) {
	var pipelines []concourse.PipelineState
	var looked time.Time
	for _, e := range list.Pipelines {
		if done[e.ID] {
			continue
		}
		if time.Since(looked) > fresh {
			now, _, err := p.load(ctx)
			if err == nil && now.begun() {
				return failures
			}
			if err == nil {
				pipelines, err = p.ATC.Pipelines(ctx)
			}
			if err != nil {
				return append(failures, err)
			}
			looked = time.Now()
		}
		err := p.free(ctx, list, e, pipelines, report)
		if err == nil {
			done[e.ID] = true
			continue
		}
		if failures = append(failures, err); ctx.Err() != nil || refused(err) || len(failures) >= failuresLimit {
			break
		}
	}
	return failures
}

// begun says whether another quiet upgrade has begun with the list that was being
// unpaused: what it pauses is its own.
func (l List) begun() bool { return l.Phase == Pausing || l.Phase == Paused }

// gone says whether a pipeline was not found under the name that it has just
// been listed with: it was deleted in between, or has another name.
func gone(failures []error) bool {
	return slices.ContainsFunc(failures, func(err error) bool { return errors.Is(err, concourse.ErrNoPipeline) })
}

// free unpauses one pipeline of the list, unless people have had it since.
func (p Pause) free(ctx context.Context, l List, e Entry, pipelines []concourse.PipelineState, report *Report) error {
	now, there := pipelineOf(e, pipelines)
	if !there || !now.Paused {
		return nil
	}
	name := label(now.Team, now.Pipeline)
	if by, other := l.pausedByOther(e, now); other {
		left := Left{Pipeline: name, Reason: "paused by " + by + " since"}
		report.Left = append(report.Left, left)
		p.say("pipeline %s stays paused: it was %s", left.Pipeline, left.Reason)
		return nil
	}
	if err := p.ATC.UnpausePipeline(ctx, now.Team, now.Pipeline); err != nil {
		return err
	}
	crash.Here("pipeline-unpaused")
	report.Unpaused = append(report.Unpaused, name)
	return nil
}

// take takes out what needs nothing more.
func (l *List) take(done map[int]bool) {
	rest := []Entry{}
	for _, e := range l.Pipelines {
		if !done[e.ID] {
			rest = append(rest, e)
		}
	}
	l.Pipelines = rest
	if len(rest) == 0 {
		l.Phase = Ended
	}
}

// remain is the error of an End that has not done all of its work.
func (l List) remain(failures ...error) error {
	var texts []string
	for _, e := range l.Pipelines {
		texts = append(texts, e.String())
	}
	what := "nothing is left to unpause, but the list is not emptied"
	if len(texts) > 0 {
		what = "not unpaused, and still in the list: " + some(texts)
	}
	return &remainError{text: what + "; run perpetual resume when the cause is gone", failures: failures}
}

// remainError joins failures in one line.
type remainError struct {
	text     string
	failures []error
}

// Error implements error.
func (e *remainError) Error() string {
	var texts []string
	for _, err := range e.failures {
		if err != nil {
			texts = append(texts, err.Error())
		}
	}
	return strings.Join(append(texts, e.text), "; ")
}

// Unwrap implements errors.Unwrap.
func (e *remainError) Unwrap() []error { return e.failures }
