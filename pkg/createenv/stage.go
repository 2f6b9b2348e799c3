package createenv

import (
	"errors"
	"time"

	biui "github.com/cloudfoundry/bosh-cli/v7/ui"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
)

// Status says where a step is.
type Status string

// The statuses of a step. Every Started is followed by one of the others.
const (
	Started  Status = "started"
	Finished Status = "finished"
	Skipped  Status = "skipped"
	Failed   Status = "failed"
)

// Event is one change of a step.
type Event struct {
	Stage    string        // "deploying"; "" for a step outside of any stage
	Step     string        // "Creating VM for instance 'bosh/0' from stemcell 'ami-0a1b light'"; "" is the stage itself
	Status   Status        //
	Duration time.Duration // of what has ended
	Reason   string        // why it was skipped or failed
}

// cleaning is bosh-cli's name of the step that removes the rendered CPI job, with
// its secrets: it takes place also when the run is stopped.
const cleaning = "Cleaning up rendered CPI jobs"

// stage tells of bosh-cli's stages and steps and ends the run between two of
// them once it is to stop. It implements bosh-cli's Stage.
type stage struct {
	name  string
	tell  func(Event)
	now   func() time.Time
	check func() error // nil, or why no further step may begin
	last  *string      // the step that failed first
}

// Perform runs one step.
func (s *stage) Perform(step string, do func() error) error {
	if err := s.check(); err != nil && step != cleaning {
		return err
	}
	return s.run(s.name, step, do)
}

// PerformComplex runs a stage of steps.
func (s *stage) PerformComplex(name string, do func(biui.Stage) error) error {
	if err := s.check(); err != nil {
		return err
	}
	inner := *s
	inner.name = name
	return s.run(name, "", func() error { return do(&inner) })
}

// run does one thing between two events. What bosh-cli skips is not an error.
func (s *stage) run(name, step string, do func() error) error {
	begin := s.now()
	s.tell(Event{Stage: name, Step: step, Status: Started})
	ended := false
	defer func() {
		if !ended { // a panic, recovered further out
			s.tell(Event{Stage: name, Step: step, Status: Failed, Duration: s.now().Sub(begin), Reason: "stopped short"})
		}
	}()
	err := do()
	ended = true
	event := Event{Stage: name, Step: step, Status: Finished, Duration: s.now().Sub(begin)}
	var skip biui.SkipStageError
	switch {
	case err == nil:
	case errors.As(err, &skip):
		event.Status, event.Reason, err = Skipped, skip.SkipMessage(), nil
	default:
		event.Status, event.Reason = Failed, cause.Of(err)
		if *s.last == "" && step != "" {
			*s.last = step
		}
	}
	s.tell(event)
	return err
}
