package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

func TestTask_readsEveryState(t *testing.T) {
	start, end := time.Unix(1795253109, 0).UTC(), time.Unix(1795253117, 0).UTC()
	cases := []struct {
		state               string
		times               string // timestamp and started_at as the director writes them
		finished, succeeded bool
		started, ended      time.Time
	}{
		{"queued", `"timestamp":null,"started_at":null`, false, false, time.Time{}, time.Time{}},
		{"processing", `"timestamp":null,"started_at":1795253109`, false, false, start, time.Time{}},
		// A cancelling task has a timestamp that is not its end.
		{"cancelling", `"timestamp":1795253117,"started_at":1795253109`, false, false, start, time.Time{}},
		{"done", `"timestamp":1795253117,"started_at":1795253109`, true, true, start, end},
		{"error", `"timestamp":1795253117,"started_at":1795253109`, true, false, start, end},
		{"timeout", `"timestamp":1795253109,"started_at":1795253109`, true, false, start, start},
		// A task that was cancelled while queued never started.
		{"cancelled", `"timestamp":1795253117,"started_at":null`, true, false, time.Time{}, end},
	}
	for _, c := range cases {
		t.Run(c.state, func(t *testing.T) {
			body := fmt.Sprintf(`{"id":14,"state":%q,"description":"create deployment",%s,"result":null,`+
				`"user":"test","deployment":"dep1","context_id":"ctx-é"}`, c.state, c.times)
			client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/14": text(200, body)})
			got, err := client.Task(t.Context(), 14)
			if err != nil {
				t.Fatal(err)
			}
			want := bosh.Task{ID: 14, State: c.state, Description: "create deployment", User: "test", Deployment: "dep1",
				ContextID: "ctx-é", StartedAt: c.started, FinishedAt: c.ended}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got.Finished() != c.finished || got.Succeeded() != c.succeeded {
				t.Errorf("finished %v, succeeded %v", got.Finished(), got.Succeeded())
			}
			if slices.Contains(bosh.Unfinished(), c.state) == c.finished {
				t.Errorf("%s is in the list of unfinished states: %v", c.state, !c.finished)
			}
		})
	}
}

func TestTask_refusesWhatIsNoTask(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `[]`, `{"id":0,"state":"done"}`, `{"id":3}`, `"text"`, `{"id":3,"state":`, ``} {
		client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/3": text(200, body)})
		if got, err := client.Task(t.Context(), 3); err == nil {
			t.Errorf("%q was read as %+v", body, got)
		}
	}
}

func TestTask_isNotFoundOnlyWhenTheDirectorSaysSo(t *testing.T) {
	cases := map[string]struct {
		body     string
		notFound bool
	}{
		"the director":     {`{"code":10000,"description":"Task 9999 not found"}`, true},
		"something else":   {"Not Found: /tasks/9999", false},
		"a page":           {"<html>404</html>", false},
		"json of another":  {`{"message":"no route"}`, false},
		"an empty message": {"", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/9999": text(404, c.body)})
			_, err := client.Task(t.Context(), 9999)
			if err == nil || errors.Is(err, bosh.ErrNotFound) != c.notFound {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTasks_areSortedByID(t *testing.T) {
	list := "[" + strings.Join([]string{task(37, "done"), task(36, "done"), task(39, "error"), task(38, "queued")}, ",") + "]"
	client, director := connect(t, map[string]http.HandlerFunc{"GET /tasks": text(200, list)})
	tasks, err := client.Tasks(t.Context(), bosh.TaskFilter{
		Deployment: "concourse", ContextID: "ctx-é", States: []string{bosh.StateDone, bosh.StateError}, Limit: 5, All: true,
	})
	var ids []int
	for _, task := range tasks {
		ids = append(ids, task.ID)
	}
	if err != nil || !slices.Equal(ids, []int{36, 37, 38, 39}) {
		t.Errorf("tasks %v, error %v", ids, err)
	}
	_, _ = client.Tasks(t.Context(), bosh.TaskFilter{})
	want := []string{"GET /tasks?context_id=ctx-%C3%A9&deployment=concourse&limit=5&state=done%2Cerror&verbose=2", "GET /tasks?verbose=1"}
	if diff := cmp.Diff(want, director.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestTasks_isEmptyForAnUnknownContext(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks": text(200, "[]")})
	tasks, err := client.Tasks(t.Context(), bosh.TaskFilter{ContextID: "x"})
	if err != nil || len(tasks) != 0 {
		t.Errorf("tasks %v, error %v", tasks, err)
	}
}
