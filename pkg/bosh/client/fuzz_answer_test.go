package client_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// questions are all that a director is asked, and what is decoded of its answers.
var questions = []func(context.Context, *client.Client) error{
	func(ctx context.Context, c *client.Client) error {
		_, err := c.Deployment(ctx, "concourse")
		return err
	},
	func(ctx context.Context, c *client.Client) error {
		_, err := c.Diff(ctx, "concourse", []byte("a: 1"))
		return err
	},
	func(ctx context.Context, c *client.Client) error { _, err := c.Locks(ctx); return err },
	func(ctx context.Context, c *client.Client) error { _, err := c.Releases(ctx); return err },
	func(ctx context.Context, c *client.Client) error { _, err := c.Stemcells(ctx); return err },
	func(ctx context.Context, c *client.Client) error { _, err := c.CloudConfig(ctx); return err },
	func(ctx context.Context, c *client.Client) error { _, err := c.Task(ctx, 7); return err },
	func(ctx context.Context, c *client.Client) error {
		_, err := c.UpdateConfig(ctx, "cloud", "default", "a: 1", "1")
		return err
	},
	func(ctx context.Context, c *client.Client) error { _, err := c.Instances(ctx, "concourse"); return err },
	func(ctx context.Context, c *client.Client) error {
		_, err := c.Deploy(ctx, []byte("name: c"), bosh.DeployOptions{})
		return err
	},
	func(ctx context.Context, c *client.Client) error {
		_, err := c.PersistentDisks(ctx, "concourse")
		return err
	},
}

// FuzzAnswers feeds foreign bytes, with any status and Location, as the answer to
// each question: a value or one clear, short line of error, and no credential.
func FuzzAnswers(f *testing.F) {
	for i, body := range []string{
		`{"manifest":"releases: [{name: a, version: 1}]\nstemcells: [{name: b, version: 2}]"}`,
		`{"context":{"cloud_config_ids":[1]},"diff":[["a: 1","added"],["b",null]]}`,
		`[{"type":"deployment","resource":["c"],"timeout":"1795254133.5","task_id":"7"}]`,
		`[{"name":"a","release_versions":[{"version":"1"}]}]`, `[{"name":"a","version":"1"}]`,
		`[{"id":"1","type":"cloud","name":"default","content":"a: &a [1]\nb: *a"}]`, `{"id":7,"state":"done"}`,
		`{"code":440011,"description":"two\nlines"}`, `{"vm_cid":"i-1","index":0,"processes":[{}]}` + "\n", `{"manifest":7}`,
	} {
		f.Add(uint8(i), uint16(200), body, "/tasks/7")
	}
	f.Add(uint8(10), uint16(200), `{"job_name":"db","vitals":{"disk":{"persistent":{"percent":"full"}}}}`, "/tasks/7")
	f.Add(uint8(9), uint16(302), "", "https://127.0.0.1:1/tasks/7")
	f.Add(uint8(0), uint16(401), `{"error":"invalid_token","error_description":"x"}`, "")
	f.Add(uint8(9), uint16(302), "", "/tasks/99999999999999999999")
	var status int
	var body, location string
	director := newDirector(f, nil)
	director.routes = map[string]http.HandlerFunc{"GET /info": text(200, basicInfo)}
	director.fallback = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
	config := login(director)
	config.Retry, config.Poll = retry.Never, time.Millisecond
	client := newClient(f, config)
	f.Fuzz(func(t *testing.T, question uint8, code uint16, answer, to string) {
		status, body, location = 200+int(code)%400, answer, strings.Map(printable, to)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // a task that never ends
		defer cancel()
		err := questions[int(question)%len(questions)](ctx, client)
		if err == nil {
			return
		}
		line := err.Error()
		if strings.Contains(line, "\n") || !utf8.ValidString(line) || len(line) > 4_000 || strings.Contains(line, config.Password.Reveal()) {
			t.Errorf("status %d, error %q", status, line)
		}
	})
}

// printable keeps what a header can hold.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
