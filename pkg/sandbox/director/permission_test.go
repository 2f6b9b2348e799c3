package director_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// asClient sends requests as a UAA client.
type asClient struct {
	*world
	token string
}

func (c asClient) ask(method, target, body string, header ...string) reply {
	c.t.Helper()
	return c.do(method, target, body, append(header, "Authorization", "Bearer "+c.token)...)
}

// withScopes is a director with a UAA client for each set of scopes.
func withScopes(t *testing.T, scopes map[string][]string) (*world, func(name string) asClient) {
	t.Helper()
	u := &director.UAA{Clients: map[string]string{}, Scopes: scopes, Lifetime: time.Hour}
	for name := range scopes {
		u.Clients[name] = "secret"
	}
	server := httptest.NewTLSServer(u)
	t.Cleanup(server.Close)
	u.SetURL(server.URL)
	w := seeded(t, director.Options{UAA: u})
	return w, func(name string) asClient {
		_, got := grant(w, name, "secret", clientForm())
		return asClient{w, got.Access}
	}
}

const needsUpload = `{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.deadbeef-0000-4000-8000-000000000001.admin, bosh.releases.upload"}`

func TestScopes_ofAClientThatMayDeployAndNotUpload(t *testing.T) {
	t.Parallel()
	w, login := withScopes(t, map[string][]string{"deployer": {"bosh.read", "bosh.teams.ci.admin"}, "uploader": {"bosh.releases.upload"}, "admin": {"bosh.admin"}})
	c := login("deployer")
	r := c.ask("POST", "/releases", string(gated("1", "exit 0")), "Content-Type", "application/x-compressed")
	same(t, "status of an upload", r.status, 401)
	same(t, "body", r.body, needsUpload)
	same(t, "type", r.header.Get("Content-Type"), "text/html;charset=utf-8")

	id := w.taskOf(c.ask("POST", "/deployments", manifestOf("dep1", 1, "hello"), "Content-Type", "text/yaml"))
	w.ends(id, director.StateDone)
	for _, target := range []string{"/deployments/dep1", "/deployments/dep1/instances", "/tasks/" + itoa(id), "/releases", "/locks", "/configs?type=cloud"} {
		same(t, "status of "+target, c.ask("GET", target, "").status, 200)
	}
	if list := c.ask("GET", "/deployments", "").body; !strings.Contains(list, `"teams":["ci"]`) {
		t.Errorf("deployments %s", list)
	}
	id = w.taskOf(c.ask("POST", "/deployments", manifestOf("dep1", 2, "hello"), "Content-Type", "text/yaml"))
	w.ends(id, director.StateDone)

	same(t, "status of an upload", login("uploader").ask("POST", "/releases", string(gated("1", "exit 0")), "Content-Type", "application/x-compressed").status, 302)
	same(t, "the uploader reads", login("uploader").ask("GET", "/releases", "").status, 401)
	id = w.taskOf(login("admin").ask("POST", "/deployments", manifestOf("dep2", 1, "hello"), "Content-Type", "text/yaml"))
	w.ends(id, director.StateDone)
	same(t, "another's deployment", c.ask("POST", "/deployments", manifestOf("dep2", 2, "hello"), "Content-Type", "text/yaml").status, 401)
	same(t, "deletion of another's", c.ask("DELETE", "/deployments/dep2", "").status, 401)
	same(t, "one that is absent", c.ask("DELETE", "/deployments/nope", "").status, 404)
	same(t, "diff of another's", c.ask("POST", "/deployments/dep2/diff", manifestOf("dep2", 1, "hello"), "Content-Type", "text/yaml").status, 401)
	same(t, "diff of a new one", c.ask("POST", "/deployments/dep3/diff", manifestOf("dep3", 1, "hello"), "Content-Type", "text/yaml").status, 200)
}

func TestScopes_ofConfigs(t *testing.T) {
	t.Parallel()
	_, login := withScopes(t, map[string][]string{"reader": {"bosh.read"}, "ci": {"bosh.teams.ci.admin"}, "other": {"bosh.teams.other.admin"}, "admin": {"bosh.admin"}})
	post := func(name, config, content string) int {
		return login(name).ask("POST", "/configs", `{"type":"perpetual","name":"`+config+`","content":"`+content+`"}`, "Content-Type", "application/json").status
	}
	same(t, "a reader writes", post("reader", "a", "x: 1"), 401)
	same(t, "a team writes", post("ci", "a", "x: 1"), 201)
	same(t, "it writes again", post("ci", "a", "x: 2"), 201)
	same(t, "another team writes over it", post("other", "a", "x: 3"), 401)
	same(t, "an admin writes over it", post("admin", "a", "x: 3"), 201)
	same(t, "a team writes over an admin's", post("ci", "a", "x: 4"), 401)
	same(t, "a team deletes an admin's", login("ci").ask("DELETE", "/configs?type=perpetual&name=a", "").status, 401)
	same(t, "another team sees", login("other").ask("GET", "/configs?type=perpetual&limit=9", "").body, "[]")
	if got := login("ci").ask("GET", "/configs?type=perpetual&limit=9", "").body; strings.Count(got, `"team":"ci"`) != 2 || strings.Contains(got, "x: 3") {
		t.Errorf("the team sees %s", got)
	}
	if got := login("reader").ask("GET", "/configs?type=perpetual&limit=9", "").body; strings.Count(got, `"type"`) != 3 {
		t.Errorf("a reader sees %s", got)
	}
}

func TestScopes_ofTasks(t *testing.T) {
	t.Parallel()
	w, login := withScopes(t, map[string][]string{"ci": {"bosh.teams.ci.admin"}, "guest": {"bosh.teams.ci.read"}, "other": {"bosh.teams.other.admin"}, "none": {}})
	id := w.taskOf(login("ci").ask("POST", "/deployments", manifestOf("dep1", 1, "hello"), "Content-Type", "text/yaml"))
	w.ends(id, director.StateDone)
	target := "/tasks/" + itoa(id)
	for name, want := range map[string][4]int{ // the task, its events, its debug log, cancelling it
		"ci": {200, 200, 200, 400}, "guest": {200, 200, 401, 401}, "other": {401, 401, 401, 401}, "none": {401, 401, 401, 401},
	} {
		c := login(name)
		got := [4]int{
			c.ask("GET", target, "").status, c.ask("GET", target+"/output?type=event", "").status,
			c.ask("GET", target+"/output?type=debug", "").status, c.ask("DELETE", "/task/"+itoa(id), "").status,
		}
		same(t, name, got, want)
	}
	same(t, "tasks of the team", len(decoded[[]any](w, login("ci").ask("GET", "/tasks", ""))), 1)
	same(t, "tasks of another", login("other").ask("GET", "/tasks", "").body, "[]")
	same(t, "tasks of nobody", login("none").ask("GET", "/tasks", "").status, 401)
}
