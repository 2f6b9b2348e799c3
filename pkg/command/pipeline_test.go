package command_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/concourse/concourse/atc"
)

// web is a Concourse that says what it says about itself, and notes what it is asked.
type web struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newWeb(t *testing.T, status int, info string) *web {
	t.Helper()
	w := &web{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, in.Method+" "+in.URL.Path+" "+in.Header.Get("Authorization"))
		w.mu.Unlock()
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		_, _ = out.Write([]byte(info))
	}))
	t.Cleanup(w.Close)
	return w
}

// watched is the constraint on Concourse of a pipeline that perpetual pipeline prints.
func watched(t *testing.T, p process) any {
	t.Helper()
	var config atc.Config
	if err := atc.UnmarshalConfig([]byte(p.stdout), &config); err != nil || p.code != 0 {
		t.Fatalf("exit code %d, %v\n%s", p.code, err, p.stderr)
	}
	components, _ := config.Resources.Lookup("components")
	return components.Source["watch"].(map[string]any)["concourse"].(map[string]any)["version"]
}

func TestPipeline_staysWithTheMajorThatIsDeployed(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]string{
		`{"version":"7.14.1","worker_version":"2.5"}`: "7.x", `{"version":"8.2.5","worker_version":"2.5"}`: "8.x", `{"version":"9.0.0"}`: "9.x",
	} {
		w := newWeb(t, http.StatusOK, info)
		p := invocation{path: perpetualBinary, args: []string{"pipeline", "-v", "atc_url=" + w.URL}}.run(t)
		if got := watched(t, p); got != want || p.stderr != "" {
			t.Errorf("%s: Concourse has version %v, want %s; stderr %q", info, got, want, p.stderr)
		}
		if !slices.Equal(w.asked, []string{"GET /api/v1/info "}) {
			t.Errorf("it was asked %q, want one question without a login", w.asked)
		}
	}
}

func TestPipeline_trustsTheGivenAuthority(t *testing.T) {
	t.Parallel()
	s := installed(t)
	args := []string{"pipeline", "-v", "atc_url=" + s.URLs["concourse"], "-v", "atc_ca_cert=" + s.CA}
	p := invocation{path: perpetualBinary, args: args}.run(t)
	if got := watched(t, p); got != "8.x" || p.stderr != "" {
		t.Errorf("Concourse has version %v; stderr %q", got, p.stderr)
	}
	p = invocation{path: perpetualBinary, args: args[:3]}.run(t)
	if got := watched(t, p); got != "8.x" || !strings.Contains(p.stderr, "certificate") {
		t.Errorf("without its authority: version %v, stderr %q", got, p.stderr)
	}
}

// Who has said what to take is asked no more, and nor is anybody else.
func TestPipeline_takesAGivenConstraintWithoutAsking(t *testing.T) {
	t.Parallel()
	w := newWeb(t, http.StatusOK, `{"version":"7.14.1"}`)
	for _, constraint := range []string{"8.x", "*", ">=7.9 <8", "((mine))"} {
		p := invocation{path: perpetualBinary, args: []string{"pipeline", "-v", "atc_url=" + w.URL, "-v", "concourse_constraint=" + constraint}}.run(t)
		if got := watched(t, p); got != constraint || p.stderr != "" {
			t.Errorf("Concourse has version %v, want %s; stderr %q", got, constraint, p.stderr)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("it was asked %q", w.asked)
	}
}

func TestPipeline_saysInOneLineThatNobodyKnowsTheMajor(t *testing.T) {
	t.Parallel()
	const gone = "http://127.0.0.1:1" // nobody listens there
	for name, of := range map[string]struct {
		args []string
		want string
	}{
		"no URL":         {nil, "atc_url is not given"},
		"a variable":     {[]string{"-v", "atc_url=((ci_url))"}, "atc_url is not given"},
		"a CA elsewhere": {[]string{"-v", "atc_url=" + gone, "-v", "atc_ca_cert=((ci_ca))"}, "atc_ca_cert is a variable"},
		"no answer":      {[]string{"-v", "atc_url=" + gone}, "connection refused"},
		"an error":       {[]string{"-v", "atc_url=" + newWeb(t, http.StatusNotFound, "{}").URL}, "404"},
		"another server": {[]string{"-v", "atc_url=" + newWeb(t, http.StatusOK, `{"hello":"world"}`).URL}, "is this really Concourse?"},
		"a build of ours": {[]string{"-v", "atc_url=" + newWeb(t, http.StatusOK, `{"version":"0.0.0-dev"}`).URL},
			`it calls itself "0.0.0-dev"`},
		"a bad URL": {[]string{"-v", "atc_url=ci.example.com"}, "is not absolute"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := invocation{path: perpetualBinary, args: append([]string{"pipeline"}, of.args...)}.run(t)
			if got := watched(t, p); got != "8.x" {
				t.Errorf("Concourse has version %v, want the newest major that is known", got)
			}
			for _, part := range []string{of.want, "concourse_constraint is 8.x", "-v concourse_constraint="} {
				if !strings.Contains(p.stderr, part) {
					t.Errorf("stderr lacks %q: %s", part, p.stderr)
				}
			}
			if strings.Count(p.stderr, "\n") != 1 {
				t.Errorf("stderr is not one line: %q", p.stderr)
			}
		})
	}
}

// A jumpbox needs the private key and its own host key: without values they stay
// variables, and are not empty.
func TestPipeline_leavesTheKeysOfAJumpboxOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want map[string]any
	}{
		{nil, map[string]any{"proxy": "", "proxy_private_key": "", "proxy_host_key": ""}},
		{[]string{"-v", "director_proxy=socks5://10.0.0.5:1080"}, map[string]any{"proxy_private_key": "", "proxy_host_key": ""}},
		{[]string{"-v", "director_proxy=ssh+socks5://j@10.0.0.5"}, map[string]any{"proxy_private_key": "((director_proxy_private_key))", "proxy_host_key": "((director_proxy_host_key))"}},
		{[]string{"-v", "director_proxy=ssh+socks5://j@10.0.0.5", "-v", "director_proxy_host_key=any"}, map[string]any{"proxy_host_key": "any"}},
		{[]string{"-v", "director_proxy=ssh+socks5://j@10.0.0.5?private-key=/k&host-key=any"}, map[string]any{"proxy_private_key": "", "proxy_host_key": ""}},
	} {
		p := invocation{path: perpetualBinary, args: append([]string{"pipeline", "-v", "concourse_constraint=8.x"}, c.args...)}.run(t)
		var config atc.Config
		if err := atc.UnmarshalConfig([]byte(p.stdout), &config); err != nil || p.code != 0 {
			t.Fatalf("exit code %d, %v\n%s", p.code, err, p.stderr)
		}
		deployment, _ := config.Resources.Lookup("finished-deployment")
		director, _ := deployment.Source["director"].(map[string]any)
		for key, want := range c.want {
			if director[key] != want {
				t.Errorf("%q: %s is %q, want %q", c.args, key, director[key], want)
			}
		}
	}
}
