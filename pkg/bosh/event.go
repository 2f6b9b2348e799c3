package bosh

import (
	"encoding/json"
	"time"
)

// The kinds of event lines that are not steps.
const (
	EventError       = "error"       // the task's last words
	EventWarning     = "warning"     // Message says of what
	EventDeprecation = "deprecation" // Message says of what
)

// Event is one line of a task's event log: a step that starts, goes on or ends,
// or a message of the kinds above.
type Event struct {
	Time     time.Time
	Type     string   // "" for a step, or EventError and the others
	Stage    string   // "Updating instance"
	Task     string   // "web/2a6c… (0) (canary)"
	Tags     []string // the instance group: ["web"]
	Index    int      // 1
	Total    int      // steps in the stage: 3
	Progress int      // percent: 0, 5, … 100
	State    string   // "started", "in_progress", "finished", "failed"
	Status   string   // data.status: "executing pre-start"
	Error    string   // data.error of a failed step
	Code     int      // 450001, of an EventError
	Message  string   // of an EventError, EventWarning or EventDeprecation
	// Raw is the line itself, always valid JSON: a line that is not JSON is kept
	// as a string.
	Raw json.RawMessage
}
