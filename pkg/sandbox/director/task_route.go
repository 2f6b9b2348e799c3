package director

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func (q *queue) routes() []route {
	return []route{
		{method: "GET", path: "/tasks", needs: needsList, handle: q.listTasks},
		{method: "GET", path: "/tasks/:id", needs: needsTaskRead, handle: q.showTask},
		{method: "GET", path: "/tasks/:id/output", needs: needsTaskRead, handle: q.showOutput},
		{method: "DELETE", path: "/task/:id", needs: needsTask, handle: q.deleteTask},
		{method: "GET", path: "/locks", needs: needsRead, handle: q.listLocks},
		{method: "POST", path: "/tasks/cancel", consumes: consumesJSON, handle: q.cancelTasks},
	}
}

func (q *queue) listTasks(c *call) {
	f := filter{minor: c.query.Get("verbose") != "" && c.query.Get("verbose") != "1"}
	if states := c.query.Get("state"); states != "" {
		f.states = strings.Split(states, ",")
	}
	if c.query.Has("deployment") {
		f.deployment = new(c.query.Get("deployment"))
	}
	if c.query.Has("context_id") { // an empty one lists the tasks without
		f.contextID = new(c.query.Get("context_id"))
	}
	if c.query.Has("limit") {
		limit, _ := strconv.Atoi(c.query.Get("limit"))
		f.limit = max(limit, 1)
	}
	f.hidden = func(t *row) bool { return !c.mayRead(t.teams) }
	q.Lock()
	tasks := q.list(f)
	q.Unlock()
	c.json(tasks)
}

// TeamsOfTask are those of the task that a path names, and whether there is one.
func (q *queue) TeamsOfTask(name string) (teams []string, exists bool) {
	q.Lock()
	defer q.Unlock()
	id, _ := strconv.Atoi(name)
	if t := q.find(id); t != nil {
		return t.teams, true
	}
	return nil, false
}

// taskOf finds the task that a path names; without one the answer is written. The caller holds the lock.
func (q *queue) taskOf(c *call) *row {
	id, err := strconv.Atoi(c.params["id"])
	if err != nil { // PostgreSQL refuses the comparison, and nothing handles that
		c.empty(http.StatusInternalServerError)
		return nil
	}
	t := q.find(id)
	if t == nil {
		c.fail(http.StatusNotFound, failure(10000, "Task %d not found", id))
		return nil
	}
	q.look(t)
	return t
}

func (q *queue) showTask(c *call) {
	q.Lock()
	defer q.Unlock()
	if t := q.taskOf(c); t != nil {
		c.json(t.view())
	}
}

func (q *queue) deleteTask(c *call) {
	q.Lock()
	defer q.Unlock()
	t := q.taskOf(c)
	if t == nil {
		return
	}
	if !q.cancelTask(t) {
		c.html(http.StatusBadRequest, fmt.Sprintf("Cannot cancel task %d: invalid state (%s)", t.id, t.state))
		return
	}
	c.empty(http.StatusNoContent)
}

// cancelTasks answers POST /tasks/cancel.
func (q *queue) cancelTasks(c *call) {
	body, ok := c.body()
	if !ok {
		return
	}
	var request struct {
		States     []string `json:"states"` // ["queued"]; empty: both
		Types      []string `json:"types"`
		Deployment *string  `json:"deployment"`
	}
	if json.Unmarshal(body, &request) != nil {
		c.empty(http.StatusInternalServerError)
		return
	}
	wanted := map[string]bool{}
	for _, state := range request.States {
		if state != StateQueued && state != StateProcessing {
			c.html(http.StatusBadRequest, state+" is not one of the cancellable states: queued, processing")
			return
		}
		wanted[state] = true
	}
	q.Lock()
	defer q.Unlock()
	for _, t := range q.tasks {
		if (len(wanted) == 0 || wanted[t.state]) && (request.Deployment == nil || *request.Deployment == t.deployment) {
			q.cancelTask(t)
		}
	}
	c.empty(http.StatusNoContent)
}

// showOutput answers GET /tasks/N/output.
func (q *queue) showOutput(c *call) {
	q.Lock()
	defer q.Unlock()
	t := q.taskOf(c)
	if t == nil {
		return
	}
	kind := c.query.Get("type")
	if kind != "event" && kind != "result" && !c.owns(t.teams) {
		return
	}
	switch kind {
	case "event":
		c.outputRange(t.events.String())
	case "result":
		c.outputRange(t.output.String())
	case "debug", "":
		c.w.Header().Set("Last-Modified", t.timestamp.UTC().Format(http.TimeFormat))
		c.text(http.StatusOK, "text/plain;charset=utf-8", t.debug.String())
	case "none", "cpi":
		c.empty(http.StatusNoContent)
	default:
		c.fail(http.StatusUnauthorized, failure(600000, "Unknown type %s", kind))
	}
}

// outputRange answers with a log of the database, whole or the range that was asked for.
func (c *call) outputRange(text string) {
	first, last, given := parseRange(c.Header.Get("Range"), len(text))
	switch {
	case !given:
		c.html(http.StatusOK, text)
	case first > last:
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(text)))
		c.html(http.StatusRequestedRangeNotSatisfiable, "Byte range unsatisfiable")
	default:
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(text)))
		c.html(http.StatusPartialContent, text[first:last+1])
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
