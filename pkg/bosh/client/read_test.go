package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// answers plays the recorded answers to the given requests of a file.
func answers(t *testing.T, files ...string) map[string]http.HandlerFunc {
	t.Helper()
	routes := map[string]http.HandlerFunc{}
	for _, file := range files {
		for _, e := range recorded(t, file) {
			if path, query, _ := strings.Cut(e.uri, "?"); path != "/info" {
				key := e.method + " " + path
				previous := routes[key]
				routes[key] = func(w http.ResponseWriter, r *http.Request) {
					if previous != nil && r.URL.RawQuery != query {
						previous(w, r)
						return
					}
					e.play(w, r)
				}
			}
		}
	}
	return routes
}

func TestInfo_tellsWhoTheCallerIs(t *testing.T) {
	real := recorded(t, "71-info-auth")[0]
	client, director := connect(t, map[string]http.HandlerFunc{"GET /info": real.play})
	got, err := client.Info(t.Context())
	want := bosh.Info{Name: "TestDirector", UUID: "deadbeef-0000-4000-8000-000000000001", Version: "283.1.6 (170763c7)",
		User: "test", CPI: "test-cpi", AuthType: "basic", Features: []string{"snapshots"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
	if seen := director.seen(); len(seen) != 2 || seen[0].login != "" || seen[1].login == "" {
		t.Errorf("asked %d times, with login %v", len(seen), seen)
	}
}

func TestInfo_findsTheUAA(t *testing.T) {
	for options, want := range map[string]string{
		`{"url":"https://10.0.0.6:8443"}`:                    "https://10.0.0.6:8443",
		`{"url":"https://a:8443","urls":["https://b:8443"]}`: "https://a:8443",
		`{"urls":["https://b:8443","https://c:8443"]}`:       "https://b:8443",
		`{"urls":[7]}`: "",
		`{"url":null}`: "",
	} {
		client, _ := connect(t, map[string]http.HandlerFunc{"GET /info": text(200, `{"uuid":"u","version":"v","user_authentication":{"type":"basic","options":`+options+`}}`)})
		if info, err := client.Info(t.Context()); err != nil || info.UAAURL != want {
			t.Errorf("%s: %q, error %v", options, info.UAAURL, err)
		}
	}
}

func TestInfo_refusesWhatIsNoDirector(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `[]`, `{"version":"8.2.5","worker_version":"2.5"}`, `<html></html>`, ``} {
		client, _ := connect(t, map[string]http.HandlerFunc{"GET /info": text(200, body)})
		if info, err := client.Info(t.Context()); err == nil {
			t.Errorf("%q was read as %+v", body, info)
		}
	}
}

func TestInventory_isReadAsRecorded(t *testing.T) {
	client, _ := connect(t, answers(t, "89-stemcells", "90-releases", "51-locks-during"))
	stemcells, err := client.Stemcells(t.Context())
	if diff := cmp.Diff([]bosh.Stemcell{{Name: "tiny-stemcell", Version: "1.2", OS: "tiny-os", CID: "45a4ecd6-33fb-48ba-a49d-efcfaf37cdac"}}, stemcells); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
	releases, err := client.Releases(t.Context())
	if diff := cmp.Diff([]bosh.Release{{Name: "tinyrel", Version: "1"}}, releases); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
	locks, err := client.Locks(t.Context())
	want := []bosh.Lock{{Type: "deployment", Resource: []string{"slowdep"}, TaskID: 17, ExpiresAt: time.UnixMicro(1795254299_944829).UTC()}}
	if diff := cmp.Diff(want, locks); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
}

func TestInventory_keepsVersionsThatTheLibraryCannotCompare(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{
		"GET /stemcells": text(200, `[{"name":"s","version":"not a version"}]`),
		"GET /releases":  text(200, `[{"name":"r","release_versions":[{"version":"1..2"},{"version":"2"}]},{"name":"none","release_versions":[]}]`),
		"GET /locks":     text(200, `[{"type":"release","resource":["r"],"timeout":"soon","task_id":""}]`),
	})
	if stemcells, err := client.Stemcells(t.Context()); err != nil || len(stemcells) != 1 {
		t.Errorf("stemcells %v, error %v", stemcells, err)
	}
	if releases, err := client.Releases(t.Context()); err != nil || len(releases) != 2 {
		t.Errorf("releases %v, error %v", releases, err)
	}
	if locks, err := client.Locks(t.Context()); err != nil || len(locks) != 1 || !locks[0].ExpiresAt.IsZero() {
		t.Errorf("locks %v, error %v", locks, err)
	}
}

func TestDeployment_isReadAsRecorded(t *testing.T) {
	client, director := connect(t, answers(t, "78-deployment-get", "79-deployments", "77-deployment-404"))
	got, err := client.Deployment(t.Context(), "dep1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got.Manifest), "---\ninstance_groups:\n") || !strings.Contains(string(got.Manifest), "version: '1.2'") {
		t.Errorf("manifest %q", got.Manifest)
	}
	got.Manifest = nil
	want := bosh.Deployment{Name: "dep1", Releases: []bosh.Release{{Name: "tinyrel", Version: "1"}},
		Stemcells: []bosh.Stemcell{{Name: "tiny-stemcell", Version: "1.2"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := director.count("GET"); n != 2 {
		t.Errorf("%d requests", n)
	}
	for _, name := range []string{"nodep", "", ".."} {
		if _, err := client.Deployment(t.Context(), name); err == nil || (name == "nodep") != errors.Is(err, bosh.ErrNotFound) {
			t.Errorf("deployment %q: error %v", name, err)
		}
	}
}

// The director keeps a manifest as it was sent: what its versions have come to, and which
// stemcell has the OS, only the list of deployments says.
func TestDeployment_hasTheVersionsThatTheDirectorHasTaken(t *testing.T) {
	const release, stemcell = "{name: concourse, version: 8.2.5}", "{alias: default, name: jammy, version: '1.484'}"
	for name, c := range map[string]struct {
		releases, stemcells string
		asks                int
	}{
		"by name":              {release, stemcell, 1},
		"latest release":       {"{name: concourse, version: latest}", stemcell, 2},
		"latest of a line":     {"{name: concourse, version: 8.latest}", stemcell, 2},
		"latest of two":        {release + ", {name: bpm, version: latest}", stemcell, 2},
		"latest stemcell":      {release, "{alias: default, name: jammy, version: 1.latest}", 2},
		"stemcell by its OS":   {release, "{alias: default, os: ubuntu-jammy, version: '1.484'}", 2},
		"nothing was deployed": {"", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, _ := json.Marshal(map[string]string{"manifest": "name: d\nreleases: [" + c.releases + "]\nstemcells: [" + c.stemcells + "]\n"})
			client, director := connect(t, map[string]http.HandlerFunc{
				"GET /deployments/d": text(200, string(manifest)),
				"GET /deployments":   text(200, `[{"name":"d","releases":[{"name":"concourse","version":"8.2.5"}],"stemcells":[{"name":"jammy","version":"1.484"}]}]`),
			})
			got, err := client.Deployment(t.Context(), "d")
			if err != nil {
				t.Fatal(err)
			}
			got.Manifest = nil
			want := bosh.Deployment{Name: "d", Releases: []bosh.Release{{Name: "concourse", Version: "8.2.5"}}, Stemcells: []bosh.Stemcell{{Name: "jammy", Version: "1.484"}}}
			if diff := cmp.Diff(want, got); diff != "" || director.count("GET") != c.asks {
				t.Errorf("%d requests, want %d, deployment (-want +got):\n%s", director.count("GET"), c.asks, diff)
			}
		})
	}
}

func TestDeployment_thatVanishesMeanwhileIsNotFound(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{
		"GET /deployments/d": text(200, `{"manifest":null}`),
		"GET /deployments":   text(200, `[]`),
	})
	if _, err := client.Deployment(t.Context(), "d"); !errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func TestDiff_tellsChangeFromNone(t *testing.T) {
	const context = `{"cloud_config_ids":[1],"runtime_config_ids":[]}`
	cases := map[string]struct {
		body    string
		changed bool
		lines   int
	}{
		"no change":         {`{"context":` + context + `,"diff":[]}`, false, 0},
		"a redacted change": {`{"context":` + context + `,"diff":[["jobs:",null],["  msg: \"<redacted>\"","removed"],["  msg: \"<redacted>\"","added"]]}`, true, 3},
		"only places":       {`{"context":` + context + `,"diff":[["jobs:",null],["",null],[],["x"]]}`, false, 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"POST /deployments/concourse/diff": text(200, c.body)})
			diff, err := client.Diff(t.Context(), "concourse", manifest)
			if err != nil || diff.Changed() != c.changed || len(diff.Lines) != c.lines || string(diff.Context) != context {
				t.Errorf("diff %+v, error %v", diff, err)
			}
			asked := director.seen()[1]
			if asked.uri != "/deployments/concourse/diff?redact=true" || asked.body != string(manifest) || asked.header.Get("Content-Type") != "text/yaml" {
				t.Errorf("asked %s %q, %v", asked.uri, asked.body, asked.header)
			}
		})
	}
}

// As a real director answered for a stemcell that was not there.
func TestDiff_thatCouldNotBeMadeIsNotNoChange(t *testing.T) {
	body, _ := json.Marshal(map[string]any{"diff": []any{},
		"error": "Unable to diff manifest: #<Bosh::Director::StemcellNotFound: Stemcell with Operating System 'nope-os' doesn't exist>\n/var/vcap/x.rb:44:in `latest_by_os'"})
	client, _ := connect(t, map[string]http.HandlerFunc{"POST /deployments/d/diff": text(200, string(body))})
	_, err := client.Diff(t.Context(), "d", manifest)
	if err == nil || !strings.Contains(err.Error(), "Stemcell with Operating System 'nope-os' doesn't exist") || strings.Contains(err.Error(), "x.rb") {
		t.Errorf("error %v", err)
	}
}

func TestConfigs_areReadAsRecorded(t *testing.T) {
	client, director := connect(t, answers(t, "120-configs-latest"))
	got, err := client.CloudConfig(t.Context())
	if err != nil || got.ID != "1" || got.Type != "cloud" || got.Name != "default" || got.CreatedAt != "2026-11-21 09:40:37 UTC" ||
		!strings.HasPrefix(got.Content, "azs:\n") {
		t.Errorf("config %+v, error %v", got, err)
	}
	_, _ = client.Configs(t.Context(), "runtime", "")
	want := []string{"GET /configs?latest=true&name=default&type=cloud", "GET /configs?latest=true&type=runtime"}
	if diff := cmp.Diff(want, director.requests()); diff != "" {
		t.Error(diff)
	}
	none, _ := connect(t, map[string]http.HandlerFunc{"GET /configs": text(200, "[]")})
	if _, err := none.CloudConfig(t.Context()); !errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestUpdateConfig_isConditional(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{"POST /configs": inTurn(
		text(201, `{"content":"azs: []\n","id":"2","type":"cloud","name":"default","created_at":"2026-11-21 09:42:58 UTC","current":true}`),
		recorded(t, "128-configs-post-expected-mismatch")[0].play,
	)})
	got, err := client.UpdateConfig(t.Context(), "cloud", "default", "azs: []", "1")
	if err != nil || got.ID != "2" {
		t.Errorf("config %+v, error %v", got, err)
	}
	if body := director.seen()[1].body; body != `{"type":"cloud","name":"default","content":"azs: []","expected_latest_id":"1"}` {
		t.Errorf("sent %s", body)
	}
	_, err = client.UpdateConfig(t.Context(), "cloud", "default", "azs: []", "")
	if !errors.Is(err, bosh.ErrConfigChanged) || errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("error %v, want ErrConfigChanged", err)
	}
	if body := director.seen()[2].body; strings.Contains(body, "expected") {
		t.Errorf("sent %s", body)
	}
}

// lossy are answers that do not come through, though the director may have got the request.
var lossy = map[string]http.HandlerFunc{
	"a lost reply": drop, "502": text(502, "<html><h1>502 Bad Gateway</h1></html>"), "504": text(504, "<html></html>"), "503": text(503, ""),
}

func TestDiff_isRepeatedWhenItsAnswerIsLost(t *testing.T) {
	for name, lost := range lossy {
		t.Run(name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{
				"POST /deployments/d/diff": inTurn(lost, text(200, `{"context":{"cloud_config_ids":[1]},"diff":[["name: d","added"]]}`)),
			})
			diff, err := client.Diff(t.Context(), "d", manifest)
			if err != nil || !diff.Changed() || director.count("POST") != 2 {
				t.Errorf("%+v, error %v, %d requests, want the second one's answer", diff, err, director.count("POST"))
			}
			for _, s := range director.seen()[1:] {
				if s.body != string(manifest) || s.header.Get("Content-Type") != "text/yaml" {
					t.Errorf("sent %q as %s", s.body, s.header.Get("Content-Type"))
				}
			}
			forever, director := connect(t, map[string]http.HandlerFunc{"POST /deployments/d/diff": lost})
			if _, err := forever.Diff(t.Context(), "d", manifest); err == nil || director.count("POST") != 2 {
				t.Errorf("error %v after %d requests, want one after 2", err, director.count("POST"))
			}
		})
	}
}

func TestUpdateConfig_isRepeatedWhenItsAnswerIsLost(t *testing.T) {
	const stored = `{"content":"azs: []\n","id":"2","type":"cloud","name":"default"}`
	changed := text(412, `{"latest_id":"2","expected_latest_id":"1","description":"Latest Id: '2' does not match expected latest id"}`)
	for name, lost := range lossy {
		for outcome, c := range map[string]struct {
			second, now http.HandlerFunc
			good        bool
		}{
			"the first has not taken":          {text(201, stored), text(200, "[]"), true},
			"the first has taken":              {changed, text(200, "["+stored+"]"), true},
			"somebody else was faster":         {changed, text(200, `[{"content":"azs: [z1]\n","id":"2","type":"cloud","name":"default"}]`), false},
			"what is there cannot be read":     {changed, text(404, ""), false},
			"the config was deleted meanwhile": {changed, text(200, "[]"), false},
		} {
			t.Run(name+", "+outcome, func(t *testing.T) {
				client, director := connect(t, map[string]http.HandlerFunc{"POST /configs": inTurn(lost, c.second), "GET /configs": c.now})
				got, err := client.UpdateConfig(t.Context(), "cloud", "default", "azs: []", "1")
				if c.good != (err == nil) || c.good && got.ID != "2" || !c.good && !errors.Is(err, bosh.ErrConfigChanged) {
					t.Errorf("config %+v, error %v", got, err)
				}
				if n := director.count("POST"); n != 2 {
					t.Errorf("%d writes", n)
				}
			})
		}
	}
}

func TestInstances_areReadAsRecorded(t *testing.T) {
	client, director := connect(t, answers(t, "36-instances"))
	got, err := client.Instances(t.Context(), "dep1")
	if err != nil {
		t.Fatal(err)
	}
	want := []bosh.Instance{{
		Group: "web", ID: "436cb8d0-438d-4f34-b67e-4c8f6a5488ef", Index: 0, AZ: "z1", State: "running", Wanted: "started", Bootstrap: true,
		IPs: []string{"192.168.1.2"}, VMCID: "10867", AgentID: "c62809bf-9459-4f17-b6c8-1df693ac74ec", VMType: "small", Stemcell: bosh.Stemcell{Name: "tiny-stemcell", Version: "1.2"},
		Processes: []bosh.Process{{Name: "process-1", State: "running"}, {Name: "process-2", State: "running"}, {Name: "process-3", State: "failing"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := director.requests()[0]; got != "GET /deployments/dep1/instances?format=full" {
		t.Errorf("asked %s", got)
	}
}

func TestInstances_failWithTheTaskThatAsks(t *testing.T) {
	routes := func(state, result string, start http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{
			"GET /deployments/d/instances": start,
			"GET /tasks/3":                 text(200, task(3, state)),
			"GET /tasks/3/output":          text(200, result),
		}
	}
	cases := map[string]struct {
		routes map[string]http.HandlerFunc
		want   string
	}{
		"the task fails":      {routes("error", "", started(3)), "director task 3 ended as error"},
		"the result is cut":   {routes("done", `{"job_name":"we`, started(3)), "read an instance"},
		"no such deployment":  {routes("done", "", text(404, `{"code":70000,"description":"Deployment 'd' doesn't exist"}`)), "doesn't exist"},
		"the answer is lost":  {routes("done", "", drop), "reach director"},
		"no task was started": {routes("done", "", text(200, "[]")), "check that url"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, _ := connect(t, c.routes)
			_, err := client.Instances(t.Context(), "d")
			var uncertain *bosh.UncertainError
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &uncertain) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	empty, _ := connect(t, routes("done", "", started(3)))
	if got, err := empty.Instances(t.Context(), "d"); err != nil || len(got) != 0 {
		t.Errorf("instances %v, error %v", got, err)
	}
	odd, _ := connect(t, routes("done", `{"job_name":"web","index":null,"job_state":null,"az":null,"ips":null,"stemcell":null,"bootstrap":false}`+"\n", started(3)))
	if got, err := odd.Instances(t.Context(), "d"); err != nil || len(got) != 1 || got[0].State != "" {
		t.Errorf("a detached instance: %v, error %v", got, err)
	}
}

// The library would follow the redirect and report what comes from there.
func TestDiff_followsNoRedirect(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{
		"POST /deployments/d/diff": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"GET /login":               text(200, `{"diff":[]}`),
	})
	_, err := client.Diff(t.Context(), "d", manifest)
	var refused *bosh.ResponseError
	if !errors.As(err, &refused) || refused.Status != http.StatusFound || refused.Path != "/deployments/d/diff" || len(director.requests()) != 1 {
		t.Errorf("requests %v, error %v", director.requests(), err)
	}
}
