package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

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
func (c *Client) Events(ctx context.Context, id int) ([]bosh.Event, error) {
	events, _, err := c.TaskEvents(ctx, id, 0)
	return events, err
}

// TaskEvents reads the event log of a task from the byte at offset on, and
// returns the offset for the next time. Nothing new is not an error. A line that is
// not whole yet is left for the next time.
func (c *Client) TaskEvents(ctx context.Context, id int, offset int64) ([]bosh.Event, int64, error) {
	k := c.wire.Call(ctx)
	_, _, err := k.Request().RawGet(fmt.Sprintf("/tasks/%d/output?type=event", id), nil, func(req *http.Request) { //nolint:bodyclose // the library closes it
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	})
	// The director answers 416 when the range starts at the end.
	if k.Status() == http.StatusRequestedRangeNotSatisfiable {
		return nil, offset, nil
	}
	if err := k.Explain(err); err != nil {
		return nil, offset, err
	}
	if err := k.Page(); err != nil {
		return nil, offset, err
	}
	body := k.Body()
	if k.Status() != http.StatusPartialContent { // the whole log, from a proxy that knows no ranges
		body = body[min(offset, int64(len(body))):]
	}
	events, used := decodeEvents(body)
	return events, offset + int64(used), nil
}

// decodeEvents reads the whole lines of a log and says how many bytes they have.
func decodeEvents(log []byte) (events []bosh.Event, used int) {
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
func decodeEvent(line []byte) bosh.Event {
	var l eventLine
	var mistyped *json.UnmarshalTypeError
	err := json.Unmarshal(line, &l)
	if err != nil && !errors.As(err, &mistyped) {
		quoted, _ := json.Marshal(string(line))
		return bosh.Event{Raw: quoted}
	}
	event := bosh.Event{
		Type: l.Type, Message: l.Message, Stage: l.Stage, Task: l.Task, Tags: l.Tags,
		Index: l.Index, Total: l.Total, Progress: l.Progress, State: l.State,
		Status: l.Data.Status, Error: l.Data.Error,
		Raw: bytes.Clone(line), Time: unix(int64(l.Time)),
	}
	if l.Error != nil {
		event.Type, event.Code, event.Message = bosh.EventError, l.Error.Code, l.Error.Message
	}
	return event
}
