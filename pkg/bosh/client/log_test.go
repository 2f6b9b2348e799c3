package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestLogs_comeFromTheInstance(t *testing.T) {
	s := simulateWith(t, director.Options{Logs: func(u director.Update) map[string][]byte {
		return map[string][]byte{
			"gate/post-start.stdout.log": []byte(u.Group + " waits"),
			"web/web.stdout.log":         []byte("web"),
		}
	}})
	task, err := s.client.Wait(t.Context(), s.deploy(t, ""), nil)
	if err != nil || !task.Succeeded() {
		t.Fatal(task, err)
	}
	instances, err := s.client.Instances(t.Context(), "concourse")
	if err != nil {
		t.Fatal(err)
	}
	if got := instances[0].AgentID; got == "" || got != s.Director.Instances("concourse")[0].AgentID {
		t.Errorf("agent %q", got)
	}
	logs, err := s.client.Logs(t.Context(), "concourse", "web", instances[0].ID)
	if err != nil || len(logs) != 2 || string(logs["gate/post-start.stdout.log"]) != "web waits" {
		t.Errorf("logs %q, error %v", logs, err)
	}
	logs, err = s.client.Logs(t.Context(), "concourse", "web", instances[0].ID, "gate/*")
	if err != nil || len(logs) != 1 {
		t.Errorf("logs of the gate %q, error %v", logs, err)
	}
	for _, absent := range [][2]string{{"concourse", "nope"}, {"nope", instances[0].ID}} {
		if _, err := s.client.Logs(t.Context(), absent[0], "web", absent[1]); !errors.Is(err, bosh.ErrNotFound) {
			t.Errorf("%s: error %v", absent, err)
		}
	}
}

// logsOf are the routes of a director whose logs are an archive.
func logsOf(archive []byte) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /deployments/d/jobs/web/i/logs": started(3),
		"GET /tasks/3":                       text(200, strings.Replace(task(3, "done"), `"result":null`, `"result":"blob-1"`, 1)),
		"GET /tasks/3/output":                text(200, ""),
		"GET /resources/blob-1":              text(200, string(archive)),
	}
}

func TestLogs_asksForThoseThatAreWantedAndSaysWhatCannotBeUnpacked(t *testing.T) {
	client, d := connect(t, logsOf([]byte("no")))
	logs, err := client.Logs(t.Context(), "d", "web", "i", "gate/*", "web/*")
	if err == nil || logs != nil || !strings.Contains(err.Error(), "fetch logs of web/i: unpack them: ") {
		t.Errorf("logs %q, error %v", logs, err)
	}
	if got := d.requests()[0]; got != "GET /deployments/d/jobs/web/i/logs?filters=gate%2F%2A%2Cweb%2F%2A&type=job" {
		t.Errorf("asked %s", got)
	}
}

func TestLogs_failWithTheTaskThatFetchesThem(t *testing.T) {
	routes := logsOf(nil)
	routes["GET /tasks/3"] = text(200, strings.Replace(task(3, "error"), `"result":null`, `"result":"'web/i (0)' doesn't reference a VM"`, 1))
	client, _ := connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); err == nil || !strings.Contains(err.Error(), "director task 3 ended as error: 'web/i (0)' doesn't reference a VM") {
		t.Errorf("error %v", err)
	}
	routes = logsOf(nil)
	routes["GET /tasks/3"] = text(200, task(3, "done"))
	client, _ = connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); err == nil || !strings.Contains(err.Error(), "names no file") {
		t.Errorf("error %v", err)
	}
	routes = logsOf(nil)
	routes["GET /resources/blob-1"] = text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`)
	client, _ = connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); !errors.Is(err, bosh.ErrForbidden) {
		t.Errorf("error %v", err)
	}
}
