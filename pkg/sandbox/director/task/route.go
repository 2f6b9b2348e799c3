package task

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// Routes are those of tasks and locks.
func (q *Queue) Routes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/tasks", Needs: api.NeedsList, Handle: q.listTasks},
		{Method: "GET", Path: "/tasks/:id", Needs: api.NeedsTaskRead, Handle: q.showTask},
		{Method: "GET", Path: "/tasks/:id/output", Needs: api.NeedsTaskRead, Handle: q.showOutput},
		{Method: "DELETE", Path: "/task/:id", Needs: api.NeedsTask, Handle: q.deleteTask},
		{Method: "GET", Path: "/locks", Needs: api.NeedsRead, Handle: q.listLocks},
		{Method: "POST", Path: "/tasks/cancel", Consumes: api.ConsumesJSON, Handle: q.cancelTasks},
	}
}

func (q *Queue) listTasks(c *api.Call) {
	f := filter{minor: c.Query.Get("verbose") != "" && c.Query.Get("verbose") != "1"}
	if states := c.Query.Get("state"); states != "" {
		f.states = strings.Split(states, ",")
	}
	if c.Query.Has("deployment") {
		f.deployment = new(c.Query.Get("deployment"))
	}
	if c.Query.Has("context_id") { // an empty one lists the tasks without
		f.contextID = new(c.Query.Get("context_id"))
	}
	if c.Query.Has("limit") {
		limit, _ := strconv.Atoi(c.Query.Get("limit"))
		f.limit = max(limit, 1)
	}
	f.hidden = func(t *Row) bool { return !c.MayRead(t.teams) }
	q.Lock()
	tasks := q.list(f)
	q.Unlock()
	c.JSON(tasks)
}

// TeamsOfTask are those of the task that a path names, and whether there is one.
func (q *Queue) TeamsOfTask(name string) (teams []string, exists bool) {
	q.Lock()
	defer q.Unlock()
	id, _ := strconv.Atoi(name)
	if t := q.find(id); t != nil {
		return t.teams, true
	}
	return nil, false
}

// taskOf finds the task that a path names; without one the answer is written. The caller holds the lock.
func (q *Queue) taskOf(c *api.Call) *Row {
	id, err := strconv.Atoi(c.Params["id"])
	if err != nil { // PostgreSQL refuses the comparison, and nothing handles that
		c.Empty(http.StatusInternalServerError)
		return nil
	}
	t := q.find(id)
	if t == nil {
		c.Fail(http.StatusNotFound, api.NewFailure(10000, "Task %d not found", id))
		return nil
	}
	q.look(t)
	return t
}

func (q *Queue) showTask(c *api.Call) {
	q.Lock()
	defer q.Unlock()
	if t := q.taskOf(c); t != nil {
		c.JSON(t.view())
	}
}

func (q *Queue) deleteTask(c *api.Call) {
	q.Lock()
	defer q.Unlock()
	t := q.taskOf(c)
	if t == nil {
		return
	}
	if !q.cancelTask(t) {
		c.HTML(http.StatusBadRequest, fmt.Sprintf("Cannot cancel task %d: invalid state (%s)", t.ID, t.state))
		return
	}
	c.Empty(http.StatusNoContent)
}

// cancelTasks answers POST /tasks/cancel.
func (q *Queue) cancelTasks(c *api.Call) {
	body, ok := c.ReadBody()
	if !ok {
		return
	}
	var request struct {
		States     []string `json:"states"` // ["queued"]; empty: both
		Types      []string `json:"types"`
		Deployment *string  `json:"deployment"`
	}
	if json.Unmarshal(body, &request) != nil {
		c.Empty(http.StatusInternalServerError)
		return
	}
	wanted := map[string]bool{}
	for _, state := range request.States {
		if state != StateQueued && state != StateProcessing {
			c.HTML(http.StatusBadRequest, state+" is not one of the cancellable states: queued, processing")
			return
		}
		wanted[state] = true
	}
	q.Lock()
	defer q.Unlock()
	for _, t := range q.tasks {
		if (len(wanted) == 0 || wanted[t.state]) && (request.Deployment == nil || *request.Deployment == t.Deployment) {
			q.cancelTask(t)
		}
	}
	c.Empty(http.StatusNoContent)
}

// showOutput answers GET /tasks/N/output.
func (q *Queue) showOutput(c *api.Call) {
	q.Lock()
	defer q.Unlock()
	t := q.taskOf(c)
	if t == nil {
		return
	}
	kind := c.Query.Get("type")
	if kind != "event" && kind != "result" && !c.Owns(t.teams) {
		return
	}
	switch kind {
	case "event":
		outputRange(c, t.events.String())
	case "result":
		outputRange(c, t.output.String())
	case "debug", "":
		c.Writer.Header().Set("Last-Modified", t.timestamp.UTC().Format(http.TimeFormat))
		c.Text(http.StatusOK, "text/plain;charset=utf-8", t.debug.String())
	case "none", "cpi":
		c.Empty(http.StatusNoContent)
	default:
		c.Fail(http.StatusUnauthorized, api.NewFailure(600000, "Unknown type %s", kind))
	}
}

// outputRange answers with a log of the database, whole or the range that was asked for.
func outputRange(c *api.Call, text string) {
	first, last, given := parseRange(c.Header.Get("Range"), len(text))
	switch {
	case !given:
		c.HTML(http.StatusOK, text)
	case first > last:
		c.Writer.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(text)))
		c.HTML(http.StatusRequestedRangeNotSatisfiable, "Byte range unsatisfiable")
	default:
		c.Writer.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(text)))
		c.HTML(http.StatusPartialContent, text[first:last+1])
	}
}

// parseRange reads one byte range as Rack does. given is false without a
// range or with one that is malformed or of several parts; first > last says
// that it lies outside.
func parseRange(header string, size int) (first, last int, given bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	from, to, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || (from == "" && to == "") {
		return 0, 0, false
	}
	number := func(s string, absent int) int {
		if s == "" {
			return absent
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			ok = false
		}
		return n
	}
	if from == "" { // the last bytes
		n := number(to, 0)
		if n == 0 {
			return 0, -1, ok
		}
		return max(size-n, 0), size - 1, ok
	}
	first, last = number(from, 0), number(to, size-1)
	if !ok || (to != "" && last < first) {
		return 0, 0, false
	}
	return first, min(last, size-1), true
}
