package step

import (
	"fmt"
	"time"
)

// Status is how a step has ended.
type Status string

// What becomes of a step.
const (
	UpToDate Status = "up to date"
	Changed  Status = "changed"
	Skipped  Status = "skipped"
	Failed   Status = "failed"
)

// Outcome is what a step reports.
type Outcome struct {
	Status Status
	Report string // "stack perpetual-ci: created, 34 resources"
	Took   time.Duration
}

// Report makes the outcome of a step that has not failed.
func (s Status) Report(format string, args ...any) (Outcome, error) {
	return Outcome{Status: s, Report: fmt.Sprintf(format, args...)}, nil
}

// Progress gets what becomes of the steps.
type Progress interface {
	Begin(step string)
	// Note is what is going on in it, one line.
	Note(step, line string)
	End(step string, o Outcome)
	// Warn says what people should know, also those who want to hear little.
	Warn(line string)
}

// Tell notes what is about to change. That it is not known stops nothing: what is wrong
// with a document is said by who makes it.
func Tell(note func(line string), lines []string, err error) {
	if err != nil {
		lines = []string{Unknown(err)}
	}
	for _, line := range lines {
		note(line)
	}
}

// Unknown is the line in the place of what changes, where that is not known.
func Unknown(err error) string { return "! what changes is not known: " + err.Error() }
