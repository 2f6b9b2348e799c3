package concourse_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

func TestToken_refusesAsDexDoes(t *testing.T) {
	s := newSite(t)
	good := url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {"secret"}, "scope": {"openid"}}
	with := func(key, value string) url.Values {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(key, value)
		return form
	}
	cases := []struct {
		name   string
		form   url.Values
		secret string
		status int
		code   string
	}{
		{"client", good, "wrong", 401, "invalid_client"},
		{"grant type", with("grant_type", "code"), "Zmx5", 400, "unsupported_grant_type"},
		{"scope", with("scope", "groups"), "Zmx5", 400, "invalid_request"},
		{"password", with("password", "wrong"), "Zmx5", 401, "access_denied"},
		{"user", with("username", "nobody"), "Zmx5", 401, "access_denied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var body struct{ Error string }
			res := s.grant(c.form, c.secret)
			if res.json(t, &body); res.status != c.status || body.Error != c.code {
				t.Errorf("%+v", res)
			}
		})
	}
	if len(s.Events()) != 0 {
		t.Errorf("events %v", s.Events())
	}
}

func TestToken_endsAfterADayOrWhenRevoked(t *testing.T) {
	s := newSite(t)
	user := func(token string) int { return s.ask("GET", "/api/v1/user", token, "").status }
	token := s.login("admin")
	s.clock.add(24*time.Hour - time.Second)
	if user(token) != 200 {
		t.Error("refused before a day was over")
	}
	s.clock.add(time.Second)
	if user(token) != 401 {
		t.Error("accepted after a day")
	}
	token = s.login("admin")
	s.RevokeTokens()
	if user(token) != 401 || user("nonsense") != 401 || user("") != 401 {
		t.Error("accepted without a valid token")
	}
}

const mainPipeline, devPipeline = "/api/v1/teams/main/pipelines/p", "/api/v1/teams/dev/pipelines/p"

// apiCases are asked in this order, for some change what later ones see.
var apiCases = []struct {
	user, method, path string
	status             int
	body               string // part of it
}{
	{"", "GET", "/api/v1/info", 200, `"version":"7.14.0","worker_version":"2.5"`},
	{"stale", "GET", "/api/v1/info", 401, "not authorized"},
	{"", "GET", "/api/v1/workers", 401, "not authorized"},
	{"reader", "GET", "/api/v1/workers", 200, `"name":"w","version":"2.5"`},
	{"", "GET", mainPipeline + "/config", 401, "not authorized"},
	{"reader", "GET", mainPipeline + "/config", 403, "forbidden"},
	{"admin", "GET", mainPipeline + "/config", 200, `"resources":[{"name":"apple"`},
	{"admin", "GET", "/api/v1/teams/main/pipelines/q/config", 404, ""},
	{"admin", "GET", "/api/v1/teams/none/pipelines/p/config", 404, ""},
	{"admin", "GET", mainPipeline + "/config?vars.x=1", 404, ""},
	{"admin", "GET", mainPipeline + "/config?vars.x={", 400, "instance vars are malformed"},
	{"admin", "GET", mainPipeline, 200, `"name":"p","paused":true`},
	{"admin", "GET", mainPipeline + "?vars.x=1", 404, ""},
	{"admin", "GET", mainPipeline + "?vars.x={", 400, ""},
	{"reader", "GET", devPipeline + "/config", 200, `"upgrade"`},
	{"reader", "PUT", devPipeline + "/config", 403, "forbidden"},
	{"reader", "PUT", devPipeline + "/unpause", 403, "forbidden"},
	{"operator", "PUT", devPipeline + "/unpause", 200, ""},
	{"operator", "GET", devPipeline, 200, `"paused":false`},
	{"operator", "PUT", devPipeline + "/pause", 200, ""},
	{"admin", "PUT", devPipeline + "/pause", 200, ""},
	{"operator", "GET", devPipeline, 200, `"paused":true,"paused_by":"operator","paused_at":1785585600`},
	{"reader", "POST", devPipeline + "/jobs/upgrade/builds", 403, "forbidden"},
	{"operator", "POST", devPipeline + "/jobs/none/builds", 404, ""},
	{"operator", "POST", devPipeline + "/jobs/upgrade/builds", 200, `"id":1,"team_name":"dev","name":"1","status":"pending","api_url":"/api/v1/builds/1","job_name":"upgrade","pipeline_id":2,"pipeline_name":"p","created_by":"operator"`},
	{"operator", "PUT", devPipeline + "/jobs/none/pause", 404, ""},
	{"operator", "PUT", devPipeline + "/archive", 403, "forbidden"},
	{"admin", "PUT", devPipeline + "/archive", 200, ""},
	{"reader", "GET", devPipeline, 200, `"paused":true,"paused_by":"automatic-pipeline-archiver"`},
	{"reader", "GET", devPipeline + "/config", 404, ""},
	{"operator", "PUT", devPipeline + "/unpause", 409, "action not allowed for an archived pipeline"},
	{"operator", "POST", devPipeline + "/jobs/upgrade/builds", 409, "archived"},
	{"", "GET", "/api/v1/health", 200, "<!doctype html>"},
	{"reader", "GET", "/api/v1/teams/main/containers", 403, "forbidden"},
	{"admin", "GET", "/api/v1/user", 200, `"is_admin":true`},
	{"reader", "GET", "/api/v1/user", 200, `"teams":{"dev":["viewer"]}`},
	{"reader", "GET", "/api/v1/teams", 200, `[{"id":1,"name":"dev"`},
	{"admin", "GET", "/api/v1/teams/dev", 200, `"name":"dev"`},
	{"admin", "GET", "/api/v1/teams/none", 404, ""},
	{"reader", "GET", "/api/v1/teams/main", 403, "forbidden"},
	{"reader", "GET", "/api/v1/pipelines", 200, `"team_name":"dev"`},
	{"admin", "GET", "/api/v1/teams/main/pipelines", 200, `"team_name":"main"`},
	{"admin", "GET", "/api/v1/teams/none/pipelines", 404, ""},
	{"admin", "GET", "/api/v1/builds", 200, `[{"id":1,`},
	{"admin", "GET", "/api/v1/builds?from=2&to=1", 500, ""},
	{"admin", "GET", "/api/v1/builds/2", 404, ""},
	{"reader", "PUT", "/api/v1/workers/w/land", 403, "forbidden"},
	{"admin", "PUT", "/api/v1/workers/none/land", 404, ""},
	{"admin", "PUT", "/api/v1/workers/none/prune", 404, ""},
	{"admin", "PUT", "/api/v1/workers/w/prune", 400, `"stderr":"cannot prune running worker"`},
	{"admin", "PUT", "/api/v1/workers/w/land", 200, ""},
	{"admin", "GET", "/api/v1/workers", 200, `"state":"landed"`},
	{"admin", "PUT", "/api/v1/workers/w/prune", 200, ""},
	{"", "GET", "/teams/main", 200, "<!doctype html>"},
}

func TestAPI_answersWithTheStatusesOfTheRealOne(t *testing.T) {
	s := newSite(t)
	for _, team := range []string{"main", "dev"} {
		if _, err := s.SetPipeline(team, "p", nil, []byte(yaml)); err != nil {
			t.Fatal(err)
		}
	}
	s.RegisterWorker("w", "")
	tokens := map[string]string{"": "", "stale": "nonsense"}
	for _, user := range []string{"admin", "reader", "operator"} {
		tokens[user] = s.login(user)
	}
	for _, c := range apiCases {
		t.Run(c.user+" "+c.method+" "+c.path, func(t *testing.T) {
			res := s.ask(c.method, c.path, tokens[c.user], "")
			if res.status != c.status || !strings.Contains(res.body, c.body) {
				t.Errorf("%d %q, want %d %q", res.status, res.body, c.status, c.body)
			}
			last := s.Requests()[len(s.Requests())-1]
			path, _, _ := strings.Cut(c.path, "?")
			if last.Path != path || last.Status != c.status || last.Authorized != (c.user != "") {
				t.Errorf("noted as %+v", last)
			}
		})
	}
}

func TestSaveConfig_makesAVersionOfEverySet(t *testing.T) {
	s := newSite(t)
	token := s.login("admin")
	const path = "/api/v1/teams/main/pipelines/p"
	put := func(version, contentType, body string) response {
		return s.ask("PUT", path+"/config", token, body, "Content-Type", contentType, "X-Concourse-Config-Version", version)
	}
	const kind = "application/x-yaml"
	steps := []struct {
		name, version, kind, body string
		status                    int
		want                      string
	}{
		{"create", "", kind, yaml, 201, `{}`},
		{"identical", "1", kind, yaml, 200, `{}`},
		{"stale", "1", kind, yaml, 500, "failed to save config: comparison with existing config failed during save"},
		{"no version", "", kind, yaml, 500, "comparison with existing config failed"},
		{"malformed version", "x", kind, yaml, 400, `"errors":["config version is malformed`},
		{"content type", "2", "text/plain", yaml, 415, ""},
		{"no YAML", "2", kind, "jobs: [", 400, "malformed config"},
		{"unknown key", "2", kind, "jobs: [{name: a, plans: []}]", 400, "malformed config"},
		{"no job", "2", kind, "resources: [{name: a, source: {}}]", 400, "at least one job"},
		{"no type", "2", kind, "resources: [{name: a, source: {}}]", 400, "resources.a has no type"},
		{"unknown resource", "2", kind, "jobs: [{name: a, plan: [{get: x}]}]", 400, `invalid jobs:\n\tjobs.a.plan.do[0].get(x): unknown resource 'x'`},
		{"a strange name", "2", kind, strings.ReplaceAll(yaml, "verify", "Verify"), 200, `"warnings":[{"type":"invalid_identifier"`},
	}
	for _, c := range steps {
		if res := put(c.version, c.kind, c.body); res.status != c.status || !strings.Contains(res.body, c.want) {
			t.Errorf("%s: %d %q, want %d %q", c.name, res.status, res.body, c.status, c.want)
		}
	}
	if res := s.ask("GET", path+"/config", token, ""); res.header.Get("X-Concourse-Config-Version") != "3" {
		t.Errorf("version %q", res.header.Get("X-Concourse-Config-Version"))
	}
	var kinds []string
	for _, e := range s.Events() {
		kinds = append(kinds, e.Kind)
	}
	want := strings.Join([]string{concourse.KindLogin, concourse.KindCreate, concourse.KindUpdate, concourse.KindUpdate}, ",")
	if strings.Join(kinds, ",") != want {
		t.Errorf("events %v", kinds)
	}
}

func TestConfig_comesBackInTheDatabasesOrder(t *testing.T) {
	s := newSite(t)
	for _, text := range []string{yaml, `
resources: [{name: zebra, type: time, source: {}}, {name: apple, type: time, source: {}}]
resource_types: [{name: z, type: a, source: {}}, {name: b, type: a, source: {}}]
prototypes: [{name: z, type: a, source: {}}, {name: b, type: a, source: {}}]
jobs: [{name: alpha, plan: [{get: zebra}]}, {name: verify, plan: [{get: apple}]}, {name: upgrade, plan: [{get: zebra}]}]
`} {
		if _, err := s.SetPipeline("main", "p", nil, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	type named []struct{ Name string }
	var got struct {
		Config struct {
			Resources, Prototypes, Jobs named
			Types                       named `json:"resource_types"`
		}
	}
	s.ask("GET", "/api/v1/teams/main/pipelines/p/config", s.login("admin"), "").json(t, &got)
	var names []string
	for _, list := range []named{got.Config.Resources, got.Config.Types, got.Config.Prototypes, got.Config.Jobs} {
		for _, e := range list {
			names = append(names, e.Name)
		}
	}
	if text := strings.Join(names, " "); text != "apple zebra b z b z upgrade verify alpha" {
		t.Errorf("order %s", text)
	}
}

func TestSetPipeline_refusesWhatConcourseRefuses(t *testing.T) {
	s := newSite(t)
	for text, want := range map[string]string{"jobs: [": "malformed config", "jobs: []": "at least one job"} {
		if _, err := s.SetPipeline("main", "p", nil, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if err := s.Unpause("main", "p"); err == nil {
		t.Error("a missing pipeline was unpaused")
	}
}

func TestServer_cutsConnectionsWhileItIsDown(t *testing.T) {
	s := newSite(t)
	token := s.login("admin")
	s.Stop()
	if res, err := http.Get(s.url + "/api/v1/info"); err == nil {
		_ = res.Body.Close()
		t.Error("it answers")
	}
	s.SetVersion("8.2.5", "2.6")
	s.Restart()
	if res := s.ask("GET", "/api/v1/info", token, ""); res.status != 200 || !strings.Contains(res.body, `"8.2.5","worker_version":"2.6"`) {
		t.Errorf("after the restart: %+v", res)
	}
	var last concourse.Request
	for _, r := range s.Requests() {
		if r.Status == 0 {
			last = r
		}
	}
	if last.Path != "/api/v1/info" || last.Authorized {
		t.Errorf("cut request noted as %+v", last)
	}
}
