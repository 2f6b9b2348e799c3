package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
)

func TestWait_reportsEachEventOnceUntilTheEnd(t *testing.T) {
	for _, end := range []string{bosh.StateDone, bosh.StateError, bosh.StateTimeout, bosh.StateCancelled} {
		t.Run(end, func(t *testing.T) {
			var looks atomic.Int32
			log := step("web/0", "started", 0, "") + step("web/0", "in_progress", 50, `,"data":{"status":"executing drain"}`) + step("web/0", "finished", 100, "")
			cut := strings.Index(log, "\n") + 10 // in the middle of the second line
			client, _ := connect(t, map[string]http.HandlerFunc{
				"GET /tasks/42": func(w http.ResponseWriter, r *http.Request) {
					state := "processing"
					if looks.Add(1) >= 4 {
						state = end
					}
					text(200, task(42, state))(w, r)
				},
				"GET /tasks/42/output": eventLog(func() string {
					switch n := looks.Load(); {
					case n < 2:
						return ""
					case n < 4:
						return log[:cut]
					}
					return log
				}),
			})
			var states []string
			got, err := client.Wait(t.Context(), 42, func(e bosh.Event) { states = append(states, e.State) })
			if err != nil || got.State != end || got.ID != 42 {
				t.Errorf("task %+v, error %v", got, err)
			}
			if diff := cmp.Diff([]string{"started", "in_progress", "finished"}, states); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a restarted director looks like from outside, in turn, many times over.
func TestWait_survivesOutages(t *testing.T) {
	faults := []http.HandlerFunc{drop, text(502, "<html>bad gateway</html>"), text(503, ""), text(200, "<html>maintenance</html>"),
		text(200, `{"id":42,"state"`), text(500, "")}
	var answers []http.HandlerFunc
	for range 10 {
		answers = append(answers, faults...)
	}
	client, director := newClientWithNotes(t, map[string]http.HandlerFunc{
		"GET /tasks/42": inTurn(append(append([]http.HandlerFunc{text(200, task(42, "processing"))}, answers...), text(200, task(42, "done")))...),
		"GET /tasks/42/output": inTurn(drop, drop, text(502, ""), text(502, ""),
			eventLog(func() string { return step("web/0", "finished", 100, "") })),
	})
	var events int
	got, err := client.Wait(t.Context(), 42, func(bosh.Event) { events++ })
	if err != nil || !got.Succeeded() || events != 1 {
		t.Errorf("task %+v, %d events, error %v", got, events, err)
	}
	notes := director.notes()
	if n := strings.Count(notes, "does not answer"); n != 1 {
		t.Errorf("the outage was told %d times:\n%s", n, notes)
	}
	if !strings.Contains(notes, "answers again") {
		t.Errorf("its end was not told:\n%s", notes)
	}
}

func TestWait_doesWithoutTheLogOfAFinishedTask(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{
		"GET /tasks/42":        text(200, task(42, "error")),
		"GET /tasks/42/output": text(500, ""),
	})
	got, err := client.Wait(t.Context(), 42, nil)
	if err != nil || got.State != bosh.StateError {
		t.Errorf("task %+v, error %v", got, err)
	}
}

func TestWait_endsWithItsContextAndLeavesTheTaskAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	client, director := connect(t, map[string]http.HandlerFunc{
		"GET /tasks/42": func(w http.ResponseWriter, r *http.Request) {
			if looks.Add(1) == 3 {
				cancel()
			}
			text(200, task(42, "processing"))(w, r)
		},
		"GET /tasks/42/output": eventLog(func() string { return "" }),
	})
	got, err := client.Wait(ctx, 42, nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "director task 42 keeps running") {
		t.Errorf("error %v", err)
	}
	if got.State != bosh.StateProcessing || director.count("DELETE") != 0 {
		t.Errorf("task %+v, requests %v", got, director.requests())
	}
}

func TestWait_endsWithItsContextDuringAnOutage(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/42": func(w http.ResponseWriter, r *http.Request) {
		if looks.Add(1) == 20 {
			cancel()
		}
		drop(w, r)
	}})
	_, err := client.Wait(ctx, 42, nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "director task 42 keeps running") {
		t.Errorf("error %v", err)
	}
}

func TestWait_endsWhenAskingAgainIsOfNoUse(t *testing.T) {
	cases := map[string]struct {
		answer http.HandlerFunc
		runs   bool // the error says that the task keeps running
	}{
		"no such task":    {text(404, `{"code":10000,"description":"Task 42 not found"}`), false},
		"not a director":  {text(404, "Not Found"), true},
		"login refused":   {text(401, "Not authorized"), true},
		"not allowed":     {text(403, ""), true},
		"moved elsewhere": {text(301, ""), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"GET /tasks/42": c.answer})
			_, err := client.Wait(t.Context(), 42, nil)
			if err == nil || strings.Contains(err.Error(), "keeps running") != c.runs || !strings.Contains(err.Error(), "director task 42") {
				t.Errorf("error %v", err)
			}
			if n := director.count("GET"); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	t.Run("certificate not trusted", func(t *testing.T) {
		config := login(newDirector(t, nil))
		config.CACert = strangeCA(t)
		if _, err := newClient(t, config).Wait(t.Context(), 42, nil); err == nil {
			t.Error("no error")
		}
	})
	t.Run("uaa without tls", func(t *testing.T) {
		client, _ := connect(t, map[string]http.HandlerFunc{"GET /info": text(200, strings.ReplaceAll(uaaInfo, "%q", `"http://10.0.0.6:8080"`))})
		if _, err := client.Wait(t.Context(), 42, nil); err == nil || !strings.Contains(err.Error(), "not an https URL") {
			t.Errorf("error %v", err)
		}
	})
}

// noted is a fake director whose client's notes are kept.
type noted struct {
	*fakeDirector
	lock  sync.Mutex
	lines []string
}

func (n *noted) notes() string {
	n.lock.Lock()
	defer n.lock.Unlock()
	return strings.Join(n.lines, "\n")
}

func newClientWithNotes(t *testing.T, routes map[string]http.HandlerFunc) (*client.Client, *noted) {
	t.Helper()
	n := &noted{fakeDirector: newDirector(t, routes)}
	config := login(n.fakeDirector)
	config.Notify = func(line string) {
		n.lock.Lock()
		defer n.lock.Unlock()
		n.lines = append(n.lines, line)
	}
	return newClient(t, config), n
}
