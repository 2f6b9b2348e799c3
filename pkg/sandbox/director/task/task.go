package task

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// States of a task.
const (
	StateQueued     = "queued"
	StateProcessing = "processing"
	StateCancelling = "cancelling"
	StateCancelled  = "cancelled"
	StateDone       = "done"
	StateError      = "error"
	StateTimeout    = "timeout"
)

// timeoutAfter is how long a task may be without a checkpoint of its worker:
// six checkpoints of 30 s.
const timeoutAfter = 180 * time.Second

// Row is a row of the director's task table and the work that it stands for.
type Row struct {
	ID          int
	state       string
	Description string // "create deployment"
	User        string
	Deployment  string // "" if none
	teams       []string
	ContextID   string
	Minor       bool // shown only with verbose=2
	timestamp   time.Time
	started     time.Time // zero until a worker has it
	result      string
	events      bytes.Buffer // what output?type=event gives
	output      bytes.Buffer // what output?type=result gives
	debug       bytes.Buffer // what output?type=debug gives

	Work   func(*Job) (string, error)
	done   chan struct{}
	kill   context.CancelFunc // set while it runs
	killed time.Time          // when its worker died
	frozen bool               // its worker is gone: nothing of it is written any more
	parked bool               // it is held open by a test and has no worker
}

// Task is a task as GET /tasks/N shows it, and as tests see it.
type Task struct {
	ID          int     `json:"id"`          // 14
	State       string  `json:"state"`       // "done"
	Description string  `json:"description"` // "create deployment"
	Timestamp   *int64  `json:"timestamp"`   // seconds since 1970; null while queued and processing
	StartedAt   *int64  `json:"started_at"`  // seconds since 1970; null until a worker has it
	Result      *string `json:"result"`      // "/deployments/dep1", or the error, cut
	User        string  `json:"user"`        // "admin"
	Deployment  *string `json:"deployment"`  // "dep1"
	ContextID   string  `json:"context_id"`  // "" if none was given
}

// view is a task as JSON. The caller holds the lock.
func (t *Row) view() Task {
	v := Task{ID: t.ID, State: t.state, Description: t.Description, User: t.User, ContextID: t.ContextID}
	if t.state != StateQueued && t.state != StateProcessing {
		v.Timestamp = seconds(t.timestamp)
	}
	if !t.started.IsZero() {
		v.StartedAt = seconds(t.started)
	}
	switch t.state {
	case StateDone, StateCancelled:
		v.Result = &t.result
	case StateError:
		if t.result != "" { // a task whose worker's child died has none
			v.Result = &t.result
		}
	}
	if t.Deployment != "" {
		v.Deployment = &t.Deployment
	}
	return v
}

func seconds(t time.Time) *int64 {
	s := t.Unix()
	return &s
}

func (t *Row) finished() bool {
	switch t.state {
	case StateQueued, StateProcessing, StateCancelling:
		return false
	}
	return true
}

// look is what every GET of a task does first: a task whose worker has given
// no sign for 180 s becomes a timeout only now. The caller holds the lock.
func (q *Queue) look(t *Row) {
	if t.frozen && !t.finished() && t.state != StateQueued && q.Now().Sub(t.killed) > q.Scaled(timeoutAfter) {
		t.state = StateTimeout
		close(t.done)
	}
}

// Enqueue makes a task, gives it to a worker as soon as one is free, and gives its id.
// The caller holds the lock.
func (q *Queue) Enqueue(t *Row) (id int) {
	q.insert(t)
	q.waiting = append(q.waiting, t)
	q.dispatch()
	return t.ID
}

// insert makes the row of a task. The caller holds the lock.
func (q *Queue) insert(t *Row) {
	if t.Deployment != "" {
		t.teams, _ = q.TeamsOf(t.Deployment)
	}
	t.ID, t.state, t.timestamp, t.done = len(q.tasks)+1, StateQueued, q.Now(), make(chan struct{})
	q.tasks = append(q.tasks, t)
	_, _ = fmt.Fprintf(&t.debug, "I, [%s] INFO -- DirectorJobRunner: task %d: %s\n", t.timestamp.UTC().Format(time.RFC3339), t.ID, t.Description)
}

// Submit is enqueue for a request.
func (q *Queue) Submit(c *api.Call, t *Row) (id int) {
	q.Lock()
	defer q.Unlock()
	t.User, t.ContextID = c.User, c.ContextID
	return q.Enqueue(t)
}

// find gives the task of an id, nil if there is none. The caller holds the lock.
func (q *Queue) find(id int) *Row {
	if id < 1 || id > len(q.tasks) {
		return nil
	}
	return q.tasks[id-1]
}

// cancelTask does what DELETE /task/N does and says whether it could. The caller holds the lock.
func (q *Queue) cancelTask(t *Row) bool {
	if t.state != StateQueued && t.state != StateProcessing {
		return false
	}
	t.state = StateCancelling
	return true
}

// lastWord is the end of a cut message: its last word, whole or not.
var lastWord = regexp.MustCompile(`(?m)\s+?(\S+)?$`)

// cut shortens a result to what fits into a task's result, at a word's end.
func cut(message string) string {
	message = strings.TrimSpace(message)
	runes := []rune(message)
	if len(runes) <= 128 {
		return message
	}
	return lastWord.ReplaceAllString(string(runes[:128]), "") + "..."
}

// filter selects tasks for a list.
type filter struct {
	states     []string
	deployment *string
	contextID  *string
	minor      bool
	limit      int
	hidden     func(*Row) bool // of the caller
}

// list gives the tasks that match, newest timestamp first: not by id. The caller holds the lock.
func (q *Queue) list(f filter) []Task {
	var matching []*Row
	for _, t := range q.tasks {
		switch {
		case len(f.states) > 0 && !slices.Contains(f.states, t.state):
		case f.deployment != nil && *f.deployment != t.Deployment:
		case f.contextID != nil && *f.contextID != t.ContextID:
		case t.Minor && !f.minor:
		case f.hidden != nil && f.hidden(t):
		default:
			matching = append(matching, t)
		}
	}
	slices.SortStableFunc(matching, func(a, b *Row) int {
		if n := b.timestamp.Compare(a.timestamp); n != 0 {
			return n
		}
		return b.ID - a.ID
	})
	if f.limit > 0 && len(matching) > f.limit {
		matching = matching[:f.limit]
	}
	views := make([]Task, 0, len(matching))
	for _, t := range matching {
		q.look(t)
		views = append(views, t.view())
	}
	return views
}
