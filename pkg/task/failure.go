package task

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Failure is where and why a director task ended badly, from its event log.
type Failure struct {
	Stage    string // "Updating instance"
	Instance string // "worker/6f1c… (0) (canary)", "" for stages without one
	Step     string // "Creating missing packages", "" where it is an instance
	Message  string // "'worker/6f1c… (0)' is not running after update. …"
	Says     string // the last line of the job that did not let it pass, "" where there is none
}

// instanceName is how the director calls an instance in its event log.
var instanceName = regexp.MustCompile(`^[^/ ]+/\S+ \(\d+\)`)

// at is the failure of one step.
func at(e bosh.Event, message string) Failure {
	if instanceName.MatchString(e.Task) {
		return Failure{Stage: e.Stage, Instance: e.Task, Message: message}
	}
	return Failure{Stage: e.Stage, Step: e.Task, Message: message}
}

// Fail finds the failure in a task's events; ok is false when there is none. Of
// several instances that failed at the same time it is the one of which the
// task's last words are, else the first.
func Fail(events []bosh.Event) (f Failure, ok bool) {
	var steps []Failure
	var last string
	for _, e := range events {
		if e.State == "failed" {
			steps = append(steps, at(e, e.Error))
		}
		if e.Type == bosh.EventError { // the line that ends the log
			last, ok = e.Message, true
		}
	}
	if len(steps) == 0 {
		if ok {
			return Failure{Message: last}, true
		}
		return unfinished(events)
	}
	i := slices.IndexFunc(steps, func(step Failure) bool { return step.Message == last })
	f = steps[max(i, 0)]
	if f.Message == "" {
		f.Message = last
	}
	return f, true
}

// unfinished finds what was under way when the log just stops, as it does for
// a task whose worker was killed.
func unfinished(events []bosh.Event) (f Failure, ok bool) {
	open := map[string]bosh.Event{}
	var order []string
	for _, e := range events {
		key := e.Stage + "\x00" + e.Task
		if e.Type != "" {
			continue
		}
		if e.State == "finished" {
			delete(open, key)
			continue
		}
		if _, seen := open[key]; !seen {
			order = append(order, key)
		}
		open[key] = e
	}
	for i := len(order) - 1; i >= 0; i-- {
		if e, still := open[order[i]]; still {
			return at(e, "the event log stops here"), true
		}
	}
	return Failure{}, false
}

// String is the failure in one line.
func (f Failure) String() string {
	var parts []string
	if f.Stage != "" {
		parts = append(parts, fmt.Sprintf("stage %q", f.Stage))
	}
	if f.Instance != "" {
		parts = append(parts, fmt.Sprintf("instance %s", f.Instance))
	}
	if f.Step != "" && f.Step != f.Stage {
		parts = append(parts, fmt.Sprintf("step %q", f.Step))
	}
	if f.Message != "" {
		parts = append(parts, strings.Join(strings.Fields(f.Message), " "))
	}
	if f.Says != "" {
		parts = append(parts, "its log ends with: "+f.Says)
	}
	return strings.Join(parts, ": ")
}

// Error is the error for a task that did not end well.
func Error(t bosh.Task, f Failure) error {
	why := f.String()
	if why == "" {
		why = strings.Join(strings.Fields(t.Result), " ")
	}
	if why == "" {
		why = "the director gives no reason"
	}
	if t.LostLock() {
		why += "; it has changed nothing: put again"
	}
	return fmt.Errorf("director task %d ended as %s: %s", t.ID, t.State, why)
}

// Failed is the error for a task that ended badly, with the place.
func Failed(t bosh.Task, events []bosh.Event, unread error) error {
	if unread != nil {
		return fmt.Errorf("%w (read its events: %w)", Error(t, Failure{}), unread)
	}
	failure, _ := Fail(events)
	return Error(t, failure)
}
