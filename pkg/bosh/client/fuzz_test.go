package client_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// foreign is a client of a director that answers every request with *body.
func foreign(f *testing.F, body *string) *client.Client {
	director := newDirector(f, nil)
	director.fallback = func(w http.ResponseWriter, r *http.Request) { text(200, *body)(w, r) }
	director.routes = map[string]http.HandlerFunc{}
	config := login(director)
	config.Retry = retry.Never
	return newClient(f, config)
}

func FuzzTaskEvents(f *testing.F) {
	for _, seed := range []string{
		step("web/0", "in_progress", 50, `,"data":{"status":"executing drain"}`), `{"time":1795254133,"error":{"code":450001,"message":"m"}}` + "\n",
		"\n\n", "{}\n{", `{"time":1e300,"tags":null,"error":7}` + "\n", "nul\x00l\n", `{"data":[]}` + "\r\n", "\xff\n",
	} {
		f.Add(seed, uint8(3))
	}
	var body string
	client := foreign(f, &body)
	f.Fuzz(func(t *testing.T, log string, cut uint8) {
		if strings.HasPrefix(strings.TrimSpace(log), "<") {
			t.Skip("a page is an error")
		}
		body = log
		all, end, err := client.TaskEvents(t.Context(), 1, 0)
		if err != nil || end > int64(len(log)) || (end > 0 && log[end-1] != '\n') {
			t.Fatalf("end %d of %d, error %v", end, len(log), err)
		}
		for _, event := range all {
			if !json.Valid(event.Raw) {
				t.Errorf("raw %q is not JSON", event.Raw)
			}
		}
		// Read in two parts, the same lines come.
		body = log[:min(int(cut), len(log))]
		if strings.HasPrefix(strings.TrimSpace(body), "<") {
			return
		}
		first, next, err := client.TaskEvents(t.Context(), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		body = log
		second, last, err := client.TaskEvents(t.Context(), 1, next)
		if err != nil || last != end || len(first)+len(second) != len(all) {
			t.Errorf("%d and %d events up to %d; together %d up to %d; error %v", len(first), len(second), last, len(all), end, err)
		}
	})
}

func FuzzTasks(f *testing.F) {
	for _, seed := range []string{
		"[" + task(2, "done") + "," + task(1, "queued") + "]", "[]", "null", "{}", "[null]", "[[]]", `[{"id":"1"}]`,
		`[{"id":1,"state":"done","timestamp":-1,"started_at":9223372036854775807}]`, "<html>", "",
	} {
		f.Add(seed)
	}
	var body string
	client := foreign(f, &body)
	f.Fuzz(func(t *testing.T, list string) {
		body = list
		tasks, err := client.Tasks(t.Context(), bosh.TaskFilter{})
		if err != nil && (len(tasks) != 0 || !utf8.ValidString(err.Error()) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("tasks %v, error %q", tasks, err)
		}
		for _, task := range tasks {
			if task.ID <= 0 || task.State == "" || (!task.Finished() && !task.FinishedAt.IsZero()) {
				t.Errorf("task %+v", task)
			}
		}
		if !slices.IsSortedFunc(tasks, func(a, b bosh.Task) int { return a.ID - b.ID }) {
			t.Error("not sorted")
		}
	})
}

func FuzzInfo(f *testing.F) {
	for _, seed := range []string{
		basicInfo, uaaInfo, "{}", "null", `{"uuid":"u","version":"v","user_authentication":{"options":{"urls":[null]}}}`,
		`{"uuid":"u","version":"v","features":{"a":{"status":true},"b":null}}`, `{"uuid":"u","version":"v","features":[]}`, "<", "\xff",
	} {
		f.Add(seed)
	}
	director := newDirector(f, nil)
	config := login(director)
	config.Retry = retry.Never
	f.Fuzz(func(t *testing.T, body string) {
		director.routes = map[string]http.HandlerFunc{"GET /info": text(200, body)}
		c, err := client.New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		info, err := c.Info(t.Context())
		if err == nil && (info.Version == "" || info.UUID == "") {
			t.Errorf("info %+v", info)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q", err)
		}
	})
}
