package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// eventLog serves a log that may grow, by ranges, as a real director does.
func eventLog(log func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var from int
		body := log()
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
			text(200, body)(w, r)
			return
		}
		if from >= len(body) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(body)))
			text(416, "Byte range unsatisfiable\n")(w, r)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
		text(206, body[from:])(w, r)
	}
}

func step(instance, state string, progress int, data string) string {
	return fmt.Sprintf(`{"time":1795254131,"stage":"Updating instance","tags":["web"],"total":2,"task":%q,"index":1,"state":%q,"progress":%d%s}`+"\n",
		instance, state, progress, data)
}

func TestTaskEvents_readsWhatARealDirectorWrote(t *testing.T) {
	log := recorded(t, "60c-event")[0].body
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/21/output": eventLog(func() string { return log })})
	events, next, err := client.TaskEvents(t.Context(), 21, 0)
	if err != nil || next != int64(len(log)) || len(events) != 18 {
		t.Fatalf("%d events, next %d of %d, error %v", len(events), next, len(log), err)
	}
	const failure = "Action Failed get_task: Task 81f82304-8411-4844-672d-177dbcee1e5a result: 1 of 1 pre-start scripts failed. Failed Jobs: slow."
	at := time.Unix(1795254133, 0).UTC()
	want := []bosh.Event{
		{Time: at.Add(-time.Second), Stage: "Updating instance", Task: "web/d84545fa-5eb0-40e9-b2d0-1c7e0b7d8278 (0) (canary)", Tags: []string{"web"},
			Index: 1, Total: 1, Progress: 70, State: "in_progress", Status: "executing pre-start"},
		{Time: at, Stage: "Updating instance", Task: "web/d84545fa-5eb0-40e9-b2d0-1c7e0b7d8278 (0) (canary)", Tags: []string{"web"},
			Index: 1, Total: 1, Progress: 100, State: "failed", Error: failure},
		{Time: at, Type: bosh.EventError, Code: 450001, Message: failure},
	}
	if diff := cmp.Diff(want, events[15:], cmpopts.IgnoreFields(bosh.Event{}, "Raw")); diff != "" {
		t.Error(diff)
	}
}

func TestTaskEvents_leavesHalfALineForTheNextTime(t *testing.T) {
	whole := step("web/0", "started", 0, "") + step("wörker/0", "finished", 100, "")
	have := 0
	client, director := connect(t, map[string]http.HandlerFunc{"GET /tasks/1/output": eventLog(func() string { return whole[:have] })})
	var got []string
	var offset int64
	for have = range len(whole) + 1 { // one byte more each time, through the middle of runes too
		events, next, err := client.TaskEvents(t.Context(), 1, offset)
		if err != nil {
			t.Fatalf("at byte %d: %v", have, err)
		}
		for _, event := range events {
			got = append(got, event.Task+" "+event.State)
		}
		offset = next
	}
	if diff := cmp.Diff([]string{"web/0 started", "wörker/0 finished"}, got); diff != "" || offset != int64(len(whole)) {
		t.Errorf("offset %d of %d, events %s", offset, len(whole), diff)
	}
	if asked := director.seen()[1]; asked.header.Get("Range") != "bytes=0-" || asked.uri != "/tasks/1/output?type=event" {
		t.Errorf("asked %s with range %q", asked.uri, asked.header.Get("Range"))
	}
}

func TestTaskEvents_copesWithAProxyThatIgnoresRanges(t *testing.T) {
	log := step("web/0", "started", 0, "") + step("web/0", "finished", 100, "")
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/1/output": text(200, log)})
	events, next, err := client.TaskEvents(t.Context(), 1, int64(strings.Index(log, "\n")+1))
	if err != nil || len(events) != 1 || events[0].State != "finished" || next != int64(len(log)) {
		t.Errorf("events %v, next %d, error %v", events, next, err)
	}
	if events, next, err := client.TaskEvents(t.Context(), 1, 1<<20); err != nil || len(events) != 0 || next != 1<<20 {
		t.Errorf("past the end: events %v, next %d, error %v", events, next, err)
	}
}

func TestTaskEvents_keepsLinesThatItDoesNotUnderstand(t *testing.T) {
	cases := []struct {
		line string
		want bosh.Event
		raw  string
	}{
		{`{"time":1795254131,"type":"deprecation","message":"'sha1' is deprecated"}`,
			bosh.Event{Time: time.Unix(1795254131, 0).UTC(), Type: bosh.EventDeprecation, Message: "'sha1' is deprecated"}, ""},
		{`{"time":1795254131,"type":"warning","message":"m"}`,
			bosh.Event{Time: time.Unix(1795254131, 0).UTC(), Type: bosh.EventWarning, Message: "m"}, ""},
		{`{"stage":"s","total":null,"index":"one","state":"started"}`, bosh.Event{Stage: "s", State: "started"}, ""},
		{`{"stage":"s","data":{"status":7},"state":"failed"}`, bosh.Event{Stage: "s", State: "failed"}, ""},
		{`{"stage":"s","error":"text"}`, bosh.Event{Stage: "s"}, ""},
		{`not json`, bosh.Event{}, `"not json"`},
		{`{"stage":"cut`, bosh.Event{}, `"{\"stage\":\"cut"`},
		{`[1]`, bosh.Event{}, ""},
	}
	for _, c := range cases {
		client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/1/output": text(206, "\n"+c.line+"\r\n\n")})
		events, _, err := client.TaskEvents(t.Context(), 1, 0)
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: events %v, error %v", c.line, events, err)
		}
		if c.raw == "" {
			c.raw = c.line
		}
		if string(events[0].Raw) != c.raw || !json.Valid(events[0].Raw) {
			t.Errorf("%s: raw %s", c.line, events[0].Raw)
		}
		// A mistyped "error" object still marks the line; what it says is lost.
		if diff := cmp.Diff(c.want, events[0], cmpopts.IgnoreFields(bosh.Event{}, "Raw", "Type")); diff != "" {
			t.Errorf("%s: %s", c.line, diff)
		}
	}
}

func TestTaskEvents_saysWhenAPageCameInstead(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /tasks/1/output": text(200, "<html>maintenance\n</html>\n")})
	events, next, err := client.TaskEvents(t.Context(), 1, 0)
	if err == nil || !strings.Contains(err.Error(), "web page") || len(events) != 0 || next != 0 {
		t.Errorf("events %v, next %d, error %v", events, next, err)
	}
}

func TestTaskResult_isTheOutput(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{"GET /tasks/1/output": text(200, `{"exit_code":0}`)})
	result, err := client.TaskResult(t.Context(), 1)
	if err != nil || string(result) != `{"exit_code":0}` || director.requests()[0] != "GET /tasks/1/output?type=result" {
		t.Errorf("result %q, error %v, requests %v", result, err, director.requests())
	}
}
