package resource_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

const director = `"director":{"url":"https://10.0.0.6:25555","username":"admin","password":"hunter22"}`

func TestDecodeCheck_takesAWholeSource(t *testing.T) {
	req, err := resource.DecodeCheck(strings.NewReader(`{
		"source": {
			"watch": {
				"concourse": {"release": "github.com/concourse/concourse-bosh-release", "version": "8.x", "min_age": "72h", "deny": ["8.1.0"]},
				"stemcell": {"stemcell": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "light": true},
				"perpetual": {"github": "perpetual-ci/perpetual", "assets": ["perpetual-linux-*"], "pre_release": true}
			},
			"github": {"token": "t0ken-canary", "url": "https://ghe.example.com/api/v3"},
			"bosh_io": {"url": "https://mirror.example.com"}
		},
		"version": {"concourse": "8.2.5"}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := req.Source.Watch["concourse"].MinAge.Hours(); got != 72 {
		t.Errorf("min_age = %v h", got)
	}
	if got := req.Source.GitHub.Token.Reveal(); got != "t0ken-canary" {
		t.Errorf("token = %q", got)
	}
	if !req.Source.IsComponents() || !req.Version.Equal(resource.Version{"concourse": "8.2.5"}) {
		t.Errorf("request = %+v", req)
	}
	if text := fmt.Sprintf("%+v %#v", req, req); strings.Contains(text, "canary") {
		t.Errorf("the token is visible: %s", text)
	}
}

// badInput is a request that is refused with an error that holds want.
type badInput struct{ name, verb, stdin, want string }

func refuses(t *testing.T, cases []badInput) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := decode(c.verb, c.stdin)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %q, want one line with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the password is visible: %q", err)
			}
		})
	}
}

// watch is a request of check for the one component w.
func watch(w string) string { return `{"source":{"watch":{"c":` + w + `}}}` }

// atc is a request of check for a deployment whose Concourse is at url.
func atc(url string) string {
	return `{"source":{"deployment":"c",` + director + `,"concourse":{"url":"` + url + `","username":"u","password":"hunter22"}}}`
}

// hub is a request of check with a token for the GitHub at url.
func hub(url string) string {
	return `{"source":{"watch":{"c":{"github":"a/b"}},"github":{"token":"hunter22","url":"` + url + `"}}}`
}

// proxied is a request of check for a deployment with more keys in director.
func proxied(keys string) string {
	return `{"source":{"deployment":"c","director":{"url":"https://10.0.0.6","username":"a","password":"b",` + keys + `}}}`
}

func TestDecode_refusesWhatIsNoRequest(t *testing.T) {
	refuses(t, []badInput{
		{"empty", "check", "", "stdin is empty"},
		{"blank", "check", " \n", "stdin is empty"},
		{"malformed", "check", `{"source"`, "cut short"},
		{"not JSON", "check", `hello`, "invalid character 'h'"},
		{"a list", "check", `[]`, "want a JSON object, got a list"},
		{"null", "check", `null`, "want a JSON object, got null"},
		{"NUL", "check", "\x00", "invalid character"},
		{"trailing data", "check", `{"source":{}} {}`, "data after the JSON object"},
		{"trailing garbage", "check", `{"source":{}} x`, "data after the JSON object"},
		{"deeply nested", "check", strings.Repeat(`{"a":`, 200000) + "1", "exceeded max depth"},
		{"too large", "check", strings.Repeat(" ", 100<<20), "larger than 1048576 bytes"},
	})
}

func TestDecode_refusesUnknownKeysAndWrongTypes(t *testing.T) {
	refuses(t, []badInput{
		{"unknown top key", "check", `{"sorce":{}}`, `decode sorce: unknown key; did you mean "source"?`},
		{"unknown key in source", "check", `{"source":{"wach":{}}}`, `decode source.wach: unknown key; did you mean "watch"?`},
		{"unknown key in a component", "check", watch(`{"release":"a/b/c","pre_relaese":true}`), `decode source.watch.c.pre_relaese: unknown key; did you mean "pre_release"?`},
		{"unknown key far from all", "check", watch(`{"zzzzzzzz":"x"}`), "known here: allow_downgrade, allow_unsigned, assets"},
		{"case matters", "check", `{"Source":{}}`, `did you mean "source"?`},
		{"the director at the top, as bosh-deployment-resource has it", "out", `{"source":{"deployment":"c","target":"https://x","client":"ci","client_secret":"canary","ca_cert":"y"},"params":{}}`,
			"decode source: unknown keys ca_cert, client, client_secret, target, which belong under director here: ca_cert is director.ca_cert; client is director.client; client_secret is director.client_secret; target is director.url"},
		{"one of them", "check", `{"source":{"deployment":"c",` + director + `,"target":"x"}}`, "decode source: unknown keys target, which belong under director here: target is director.url"},
		{"a misspelt key before them", "check", `{"source":{"deployment":"c","a_watch":{},"target":"x"}}`, "decode source.a_watch: unknown key"},
		{"var_files are not vars_files", "out", `{"source":{"deployment":"c",` + director + `},"params":{"var_files":{"x":"f"}}}`, "decode params.var_files: unknown key; give the text of a file with a load_var step as one of vars; vars_files are files of variables"},
		{"a pipeline's name with a slash", "out", `{"source":{"deployment":"c",` + director + `},"params":{"pipeline":{"name":"a/b"}}}`, `validate params.pipeline.name: the name of a pipeline cannot contain "/", got "a/b"; instance vars go into params.pipeline.instance_vars`},
		{"a pipeline's name with a question mark", "out", `{"source":{"deployment":"c",` + director + `},"params":{"pipeline":{"name":"a?b"}}}`, `cannot contain "?"`},
		{"unknown key in params", "out", `{"source":{"deployment":"c",` + director + `},"params":{"ops_file":["x"]}}`, `decode params.ops_file: unknown key; did you mean "ops_files"?`},
		{"wrong type: number for a version", "check", watch(`{"release":"a/b/c","version":8.10}`), "decode source.watch.c.version: want a string, got the number 8.10 (put quotes around it)"},
		{"wrong type: string for a bool", "check", watch(`{"release":"a/b/c","pre_release":"yes"}`), "decode source.watch.c.pre_release: want true or false, got a string"},
		{"wrong type: string for a list", "check", watch(`{"github":"a/b","assets":"x"}`), "decode source.watch.c.assets: want a list, got a string"},
		{"wrong type: string for an object", "check", `{"source":{"watch":"x"}}`, "decode source.watch: want an object, got a string"},
		{"wrong type: number for a secret", "check", `{"source":{"github":{"token":12345}}}`, "decode source.github.token: want a string, got a number (put quotes"},
		{"wrong type: object for a secret", "check", `{"source":{"github":{"token":{}}}}`, "decode source.github.token: want a string, got an object"},
		{"wrong type: number in a version", "check", `{"source":{},"version":{"task":12}}`, "decode version.task: want a string"},
		{"no duration", "check", watch(`{"release":"a/b/c","min_age":"3 days"}`), `decode source.watch.c.min_age: want a duration like 72h or 30m, got "3 days"`},
		{"negative duration", "check", watch(`{"release":"a/b/c","min_age":"-3h"}`), "want a positive duration"},
	})
}

func TestDecode_refusesASourceOfNoKindOrTwo(t *testing.T) {
	refuses(t, []badInput{
		{"both kinds", "check", `{"source":{"deployment":"c","watch":{"c":{"release":"a/b/c"}}}}`, "both watch and deployment"},
		{"neither kind", "check", `{"source":{}}`, "neither watch (components) nor deployment"},
		{"no source", "check", `{}`, "neither watch (components) nor deployment"},
	})
}

func TestDecode_refusesPeersThatCannotBeReachedSafely(t *testing.T) {
	refuses(t, []badInput{
		{"URL without scheme", "check", `{"source":{"watch":{"c":{"release":"a/b/c"}},"bosh_io":{"url":"bosh.io"}}}`, `validate source.bosh_io.url: want a URL that starts with http:// or https://, got "bosh.io"`},
		{"credentials in a URL", "check", `{"source":{"watch":{"c":{"release":"a/b/c"}},"bosh_io":{"url":"https://u:p@bosh.io"}}}`, "carries credentials"},
		{"a registry that is a URL", "check", `{"source":{"watch":{"c":{"image":"a/b"}},"registries":{"https://ghcr.io":{}}}}`, `validate source.registries: want a host as in the name of an image, such as ghcr.io or docker.io, got "https://ghcr.io"`},
		{"another name of Docker Hub", "check", `{"source":{"watch":{"c":{"image":"a/b"}},"registries":{"index.docker.io":{}}}}`, "validate source.registries: a registry has one name here, in lower case, and Docker Hub's is docker.io, got \"index.docker.io\""},
		{"a registry in upper case", "check", `{"source":{"watch":{"c":{"image":"a/b"}},"registries":{"GHCR.io":{}}}}`, "in lower case, and Docker Hub's is docker.io, got \"GHCR.io\""},
		{"a registry with half a login", "check", `{"source":{"watch":{"c":{"image":"a/b"}},"registries":{"ghcr.io":{"password":"hunter22"}}}}`, "validate source.registries.ghcr.io: username and password go together"},
		{"deployment with registries", "check", `{"source":{"deployment":"c",` + director + `,"registries":{"ghcr.io":{}}}}`, "github, bosh_io and registries belong to a resource with watch"},
		{"unknown key of a registry", "check", `{"source":{"registries":{"ghcr.io":{"user":"x"}}}}`, "decode source.registries.ghcr.io.user: unknown key; known here: ca_cert, password, username"},
		{"director without scheme", "check", `{"source":{"deployment":"c","director":{"url":"10.0.0.6:25555","username":"a","password":"b"}}}`, "validate source.director.url"},
		{"director over http", "check", `{"source":{"deployment":"c","director":{"url":"http://10.0.0.6","username":"a","password":"b"}}}`, "starts with https://"},
		{"director without credentials", "check", `{"source":{"deployment":"c","director":{"url":"https://10.0.0.6"}}}`, "it has no credentials"},
		{"director with half of them", "check", `{"source":{"deployment":"c","director":{"url":"https://10.0.0.6","client":"a"}}}`, "client and client_secret go together"},
		{"director with both", "check", `{"source":{"deployment":"c","director":{"url":"https://10.0.0.6","client":"a","client_secret":"b","username":"a","password":"b"}}}`, "client and username"},
		{"components with a director", "check", `{"source":{"watch":{"c":{"release":"a/b/c"}},` + director + `}}`, "belong to a resource with deployment"},
		{"deployment with github", "check", `{"source":{"deployment":"c",` + director + `,"github":{"token":"x"}}}`, "belong to a resource with watch"},
		{"concourse over http", "check", atc("http://ci.example.com"), `validate source.concourse.url: http://ci.example.com would send the password in clear; want https://`},
		{"concourse over http by address", "check", atc("http://10.0.0.7:8080"), "would send the password in clear"},
		{"concourse on a host that only looks local", "check", atc("http://localhost.example.com"), "would send the password in clear"},
		{"a token over http", "check", hub("http://ghe.example.com/api/v3"), `validate source.github.url: http://ghe.example.com/api/v3 would send the token in clear`},
		{"a proxy's key without a proxy", "check", proxied(`"proxy_private_key":"hunter22"`), "validate source.director.proxy_private_key: it is for a proxy that starts with ssh+socks5://"},
		{"a proxy's key for another proxy", "check", proxied(`"proxy":"socks5://10.0.0.5:1080","proxy_private_key":"hunter22"`), "it is for a proxy that starts with ssh+socks5://"},
		{"a proxy's host key without a proxy", "check", proxied(`"proxy_host_key":"SHA256:x"`), "validate source.director.proxy_host_key: it is for a proxy"},
	})
}

func TestDecode_refusesParamsThatMeanNothing(t *testing.T) {
	refuses(t, []badInput{
		{"in without a version", "in", watch(`{"release":"a/b/c"}`), "decode version: it is missing"},
		{"download of an unknown component", "in", `{"source":{"watch":{"c":{"release":"a/b/c"}}},"version":{"c":"1"},"params":{"download":["d"]}}`, `there is no component "d"`},
		{"download of what", "in", `{"source":{"watch":{"c":{"release":"a/b/c"}}},"version":{"c":"1"},"params":{"download":"some"}}`, "want all or a list"},
		{"verify of components", "in", `{"source":{"watch":{"c":{"release":"a/b/c"}}},"version":{"c":"1"},"params":{"verify":true}}`, "verify is for a deployment"},
		{"put of components", "out", watch(`{"release":"a/b/c"}`), "components can only be fetched"},
		{"max_in_flight", "out", `{"source":{"deployment":"c",` + director + `},"params":{"max_in_flight":"many"}}`, "want a number or a percentage"},
	})
}

// What never leaves the machine, and what carries no credential, may go over http.
func TestDecode_takesHTTPWhereNothingIsShown(t *testing.T) {
	for name, stdin := range map[string]string{
		"loopback IPv4":     atc("http://127.0.0.1:8080"),
		"loopback IPv6":     atc("http://[::1]:8080"),
		"localhost":         atc("http://localhost:8080"),
		"token to loopback": hub("http://127.0.0.1:8080/api/v3"),
	} {
		if err := decode("check", stdin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func decode(verb, stdin string) error {
	var err error
	switch verb {
	case "check":
		_, err = resource.DecodeCheck(strings.NewReader(stdin))
	case "in":
		_, err = resource.DecodeIn(strings.NewReader(stdin))
	case "out":
		_, err = resource.DecodeOut(strings.NewReader(stdin))
	}
	return err
}

func TestDecodeOut_takesEveryParam(t *testing.T) {
	req, err := resource.DecodeOut(strings.NewReader(`{
		"source": {"deployment": "concourse", ` + director + `, "concourse": {"url": "https://ci.example.com", "username": "u", "password": "atc-password"}},
		"params": {
			"components": "components", "manifest": "m.yml", "ops_files": ["o.yml"],
			"vars": {"n": 3, "db_password": "var-secret", "nested": {"token": ["list-secret"]}, "later": "((x))", "my_token": "((x))"},
			"vars_files": ["v.yml"], "cloud_config": "cc.yml",
			"pipeline": {"name": "p", "file": "p.yml", "vars": {"a": "b", "private_key": "pipeline-secret"}, "vars_files": [], "instance_vars": {"branch": "x"}},
			"detach": false, "dry_run": true, "recreate": true, "fix": true, "skip_drain": ["worker"], "canaries": 1, "max_in_flight": "10%",
			"lock_timeout": "5m", "timeout": "2h"
		}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	p := req.Params
	if p.Detached() || resource.Count(p.Canaries) != "1" || resource.Count(p.MaxInFlight) != "10%" || p.LockTimeout.Minutes() != 5 {
		t.Errorf("params = %+v", p)
	}
	var got []string
	for _, s := range req.Secrets() {
		if !s.Empty() {
			got = append(got, s.Reveal())
		}
	}
	for _, want := range []string{"hunter22", "atc-password", "var-secret", "list-secret", "pipeline-secret"} {
		if !strings.Contains(strings.Join(got, " "), want) {
			t.Errorf("%q is not among the secrets %q", want, got)
		}
	}
	if strings.Contains(strings.Join(got, " "), "((x))") {
		t.Errorf("a placeholder is not a secret: %q", got)
	}
	if detached := (resource.OutParams{}).Detached(); !detached {
		t.Error("detach is not the default")
	}
}

func TestVersion_ofATask(t *testing.T) {
	if id, err := resource.TaskVersion(42).Task(); err != nil || id != 42 {
		t.Errorf("Task() = %d, %v", id, err)
	}
	for _, bad := range []resource.Version{nil, {"task": "x"}, {"task": "-1"}, {"task": "1", "more": "2"}} {
		if _, err := bad.Task(); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestWrite_givesOneJSONValue(t *testing.T) {
	var out strings.Builder
	if err := resource.WriteVersions(&out, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("[]\n", out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	_ = resource.WriteResult(&out, resource.Result{Version: resource.TaskVersion(7), Metadata: []resource.Field{{Name: "a", Value: "1 → 2"}}})
	if diff := cmp.Diff(`{"version":{"task":"7"},"metadata":[{"name":"a","value":"1 → 2"}]}`+"\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

// Concourse's pages and fly show metadata as it is.
func TestWriteResult_hasNothingThatIsNotForTheEye(t *testing.T) {
	given := resource.Result{Version: resource.Version{"a": "1\u202e2"}, Metadata: []resource.Field{
		{Name: "failure\x1b[2J", Value: "line one\nline\u202e two\x07"}, {Name: "long", Value: "begin " + strings.Repeat("\u200b", 1<<20) + " end"},
	}}
	var out strings.Builder
	if err := resource.WriteResult(&out, given); err != nil {
		t.Fatal(err)
	}
	var got resource.Result
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := resource.Field{Name: `failure\u001b[2J`, Value: `line one line\u202e two\u0007`}
	if diff := cmp.Diff(want, got.Metadata[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got.Version.Equal(given.Version) {
		t.Errorf("the version has become %q, which no in would know", got.Version)
	}
	if long := got.Metadata[1].Value; len(long) > 1024 || !strings.HasPrefix(long, `begin \u200b`) || !strings.Contains(long, "bytes are left out") || !strings.HasSuffix(long, " end") {
		t.Errorf("%d bytes: %q", len(long), long)
	}
	if given.Metadata[0].Name != "failure\x1b[2J" {
		t.Error("the given result has changed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("check", `{"source":{"watch":{"c":{"release":"a/b/c"}}},"version":null}`)
	f.Add("in", `{"source":{"deployment":"c",`+director+`},"version":{"task":"1"},"params":{"verify":true}}`)
	f.Add("out", `{"source":{"deployment":"c",`+director+`},"params":{"vars":{"a":[1,{"b":null}]}}}`)
	f.Fuzz(func(t *testing.T, verb, stdin string) {
		if err := decode(verb, stdin); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	})
}
