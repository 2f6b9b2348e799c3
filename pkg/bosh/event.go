package bosh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// eventLine is an event as a real director v283.1.6 wrote it.
type eventLine struct {
	Time     float64  `json:"time"` // 1795253113
	Type     string   `json:"type"` // "deprecation"; absent from steps
	Message  string   `json:"message"`
	Stage    string   `json:"stage"` // "Updating instance"
	Task     string   `json:"task"`  // "web/2a6c… (0) (canary)"
	Tags     []string `json:"tags"`  // ["web"]
	Index    int      `json:"index"`
	Total    int      `json:"total"`
	Progress int      `json:"progress"` // percent
	State    string   `json:"state"`    // "in_progress"
	Data     struct {
		Status string `json:"status"` // "executing pre-start"
		Error  string `json:"error"`
	} `json:"data"`
	Error *struct {
		Code    int    `json:"code"`    // 450001
		Message string `json:"message"` // "Action Failed get_task: …"
	} `json:"error"`
}

// Events reads the events of a task so far.
func (c *Client) Events(ctx context.Context, id int) ([]Event, error) {
	events, _, err := c.TaskEvents(ctx, id, 0)
	return events, err
}

// TaskEvents reads the event log of a task from the byte at offset on, and
// returns the offset for the next time. Nothing new is not an error. A line that is
// not whole yet is left for the next time.
func (c *Client) TaskEvents(ctx context.Context, id int, offset int64) ([]Event, int64, error) {
	k := c.call(ctx)
	_, _, err := k.request().RawGet(fmt.Sprintf("/tasks/%d/output?type=event", id), nil, func(req *http.Request) { //nolint:bodyclose // the library closes it
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	})
	// The director answers 416 when the range starts at the end.
	if k.last != nil && k.last.status == http.StatusRequestedRangeNotSatisfiable {
		return nil, offset, nil
	}
	if err := k.explain(err); err != nil {
		return nil, offset, err
	}
	body := k.last.body
	if isPage(body) {
		return nil, offset, c.page(k.method, k.path, k.last)
	}
	if k.last.status != http.StatusPartialContent { // the whole log, from a proxy that knows no ranges
		body = body[min(offset, int64(len(body))):]
	}
	events, used := decodeEvents(body)
	return events, offset + int64(used), nil
}

// decodeEvents reads the whole lines of a log and says how many bytes they have.
func decodeEvents(log []byte) (events []Event, used int) {
	for {
		line, _, whole := bytes.Cut(log[used:], []byte("\n"))
		if !whole {
			return events, used
		}
		used += len(line) + 1
		if line = bytes.TrimSpace(line); len(line) > 0 {
			events = append(events, decodeEvent(line))
		}
	}
}

// decodeEvent reads a line. A field of another type than expected is left out
// and the rest kept: the log is for people, and the director's to change.
func decodeEvent(line []byte) Event {
	var l eventLine
	var mistyped *json.UnmarshalTypeError
	err := json.Unmarshal(line, &l)
	if err != nil && !errors.As(err, &mistyped) {
		quoted, _ := json.Marshal(string(line))
		return Event{Raw: quoted}
	}
	event := Event{
		Type: l.Type, Message: l.Message, Stage: l.Stage, Task: l.Task, Tags: l.Tags,
		Index: l.Index, Total: l.Total, Progress: l.Progress, State: l.State,
		Status: l.Data.Status, Error: l.Data.Error,
		Raw: bytes.Clone(line), Time: unix(int64(l.Time)),
	}
	if l.Error != nil {
		event.Type, event.Code, event.Message = EventError, l.Error.Code, l.Error.Message
	}
	return event
}
