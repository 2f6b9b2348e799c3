package director_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// held is a seeded director whose updates of instances wait at a gate.
func held(t *testing.T, o director.Options) (*world, *gate) {
	t.Helper()
	g := newGate()
	t.Cleanup(g.release)
	o.UpdateInstance = func(ctx context.Context, _ director.Update) error { return g.wait(ctx) }
	return seeded(t, o), g
}

// arrived waits until an instance is at the gate.
func (w *world) arrived(g *gate) {
	w.t.Helper()
	select {
	case <-g.entered:
	case <-time.After(hanging):
		w.t.Fatalf("no instance came to the gate; tasks: %s", w.open())
	}
}

// see asks for a task as a client does.
func (w *world) see(id int) director.Task {
	w.t.Helper()
	return decoded[director.Task](w, w.do("GET", "/tasks/"+itoa(id), ""))
}

// decoded reads an answer's JSON.
func decoded[T any](w *world, r reply) T {
	w.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || r.status/100 != 2 {
		w.t.Fatalf("answer %d %s: %v", r.status, r.body, err)
	}
	return v
}

// ends waits for the end of a task, which must be the given state.
func (w *world) ends(id int, state string) director.Task {
	w.t.Helper()
	task := w.ended(id)
	if task.State != state {
		w.t.Fatalf("task %d is %s, want %s; %s", id, task.State, state, w.Events(id))
	}
	return task
}

// deployed deploys a manifest with success.
func (w *world) deployed(manifest, query string) int {
	w.t.Helper()
	id := w.deploy(manifest, query)
	w.ends(id, director.StateDone)
	return id
}

// line is a line of an event log.
type line struct {
	Stage string
	Task  string
	State string
	Data  struct{ Error string }
	Error struct {
		Code    int
		Message string
	}
}

func (w *world) lines(id int) []line {
	w.t.Helper()
	var all []line
	for text := range strings.Lines(w.Events(id)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			w.t.Fatalf("line %q of task %d: %v", text, id, err)
		}
		all = append(all, l)
	}
	return all
}

// failure is the last line of a task's log: code and message of its error.
func (w *world) failure(id int) (code int, message string) {
	w.t.Helper()
	all := w.lines(id)
	if len(all) == 0 {
		return 0, ""
	}
	last := all[len(all)-1]
	return last.Error.Code, last.Error.Message
}

// stages are the names of the stages of a task's log.
func (w *world) stages(id int) []string {
	var names []string
	for _, l := range w.lines(id) {
		if l.Stage != "" && !slices.Contains(names, l.Stage) {
			names = append(names, l.Stage)
		}
	}
	return names
}

// updated lists the instances that a task brought up.
func (w *world) updated(id int) []string {
	var names []string
	for _, e := range w.Effects() {
		if e.Kind == director.EffectInstance && e.Task == id {
			names = append(names, e.Name)
		}
	}
	return names
}

// same compares two values, and says what they are.
func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// sameList compares two lists, and says what they are.
func sameList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
