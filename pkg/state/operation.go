package state

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Operation is one upgrade of one deployment to one content. It is what the
// director knows as a task's context id.
type Operation struct {
	ID         string            `json:"id"`         // "perpetual-concourse-1c0ffee5-1": no secret, at most 64 characters
	Deployment string            `json:"deployment"` // "concourse"
	Digest     string            `json:"digest"`     // of the manifest, "sha256:…"
	Components map[string]string `json:"components"` // "concourse": "8.2.5"
	Attempt    int               `json:"attempt"`    // 1 for the first
	Started    time.Time         `json:"started"`    // zero: the store's time at Begin
}

// Status is how far a step is.
type Status string

// The statuses of a step.
const (
	Begun  Status = "begun"
	Done   Status = "done"
	Failed Status = "failed"
)

// Entry is one thing that happened in an operation. It has no room for
// anything that could hold a secret but Note: hand only own words to that.
type Entry struct {
	At     time.Time `json:"at"`             // zero: the store's time
	Step   string    `json:"step"`           // "deploy"
	Status Status    `json:"status"`         // "begun"
	Task   int       `json:"task,omitempty"` // of the director, if the step has one
	Note   string    `json:"note,omitempty"` // one line
}

// Record is an operation with what happened so far, in order.
type Record struct {
	Operation Operation `json:"operation"`
	Entries   []Entry   `json:"entries"`
}

const (
	maxEntries = 1000
	maxNote    = 500
	maxID      = 64
)

// check refuses an operation that could not be found again.
func (o Operation) check() error {
	switch {
	case len(o.ID) > maxID || strings.Contains(o.ID, "/") || ValidName(o.ID) != nil:
		return fmt.Errorf("operation id %q: at most %d letters, digits and ._+@=- are allowed", o.ID, maxID)
	case o.Deployment == "":
		return fmt.Errorf("operation %s names no deployment", o.ID)
	}
	return nil
}

// same says whether another run of the same identity began this operation.
func (o Operation) same(other Operation) bool {
	return o.ID == other.ID && o.Deployment == other.Deployment && o.Digest == other.Digest && o.Attempt == other.Attempt
}

// check refuses an entry that says nothing, and cuts its note to one line.
func (e *Entry) check() error {
	if e.Step == "" {
		return errors.New("journal entry without a step")
	}
	if e.Status != Begun && e.Status != Done && e.Status != Failed {
		return fmt.Errorf("journal entry of step %s: status %q is none of begun, done, failed", e.Step, e.Status)
	}
	e.Note, _, _ = strings.Cut(strings.TrimSpace(e.Note), "\n")
	if len(e.Note) > maxNote {
		e.Note = e.Note[:maxNote] + "…"
	}
	e.Note = strings.ToValidUTF8(e.Note, "")
	return nil
}

// Last is the newest entry of a step, the zero Entry if there is none.
func (r Record) Last(step string) Entry {
	for i := len(r.Entries) - 1; i >= 0; i-- {
		if r.Entries[i].Step == step {
			return r.Entries[i]
		}
	}
	return Entry{}
}
