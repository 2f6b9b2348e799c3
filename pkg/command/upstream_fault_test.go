package command_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// sick is one way in which a server does not give what is asked for.
type sick struct {
	fault fault.Fault // at every request that its Path chooses
	want  []string    // in the error, beside the place
}

// sicknesses are what every server may have, by name, at the requests to a path.
// The statuses carry a body that repeats credentials of the request.
func sicknesses(path string, secrets ...string) map[string]sick {
	status := func(code int, header http.Header) fault.Fault {
		echo := "refused: " + strings.Join(secrets, " ")
		return fault.Fault{Path: path, Times: -1, Kind: fault.Status, Code: code, Header: header, Body: echo}
	}
	return map[string]sick{
		"401":            {status(401, nil), []string{"401"}},
		"403":            {status(403, nil), []string{"403"}},
		"404":            {status(404, nil), []string{"404"}},
		"429":            {status(429, http.Header{"Retry-After": {"3600"}}), []string{"1h0m0s"}},
		"500":            {status(500, nil), []string{"500"}},
		"HTML with 200":  {fault.Fault{Path: path, Times: -1, Kind: fault.HTML}, nil},
		"body cut short": {fault.Fault{Path: path, Times: -1, Kind: fault.CutBody, Bytes: 3}, nil},
		"bytes":          {fault.Fault{Path: path, Times: -1, Kind: fault.Garbage}, nil},
	}
}

// upstreams are those that components come from, and the component that suffers.
var upstreams = []struct{ server, path, component string }{
	{"github", "", "component perpetual"},
	{"boshio", "/api/v1/releases/" + world.ConcourseRepository, "component concourse"},
	{"boshio", "/api/v1/stemcells", "component stemcell"},
}

func TestComponents_nameTheUpstreamThatFails(t *testing.T) {
	t.Parallel()
	for _, up := range upstreams {
		for name, c := range sicknesses(up.path, world.GitHubToken) {
			for _, verb := range []string{"check", "in"} {
				t.Run(up.component+" "+name+" "+verb, func(t *testing.T) {
					t.Parallel()
					s := newStage(t)
					s.Faults[up.server].Add(c.fault)
					request := object{"source": s.ComponentsSource()}
					dir := ""
					if verb == "in" {
						dir = filepath.Join(t.TempDir(), "components")
						request["version"], request["params"] = s.version(), object{"download": []string{"bpm"}}
					}
					p := s.unchanged(t, func() process { return ask(t, verb, request, dir) })
					refused(t, p, append(c.want, up.component, s.host(up.server))...)
					hides(t, p, credentials()...)
					if found := files(t, dir); dir != "" && len(found) != 0 {
						t.Errorf("it left %v", found)
					}
					if n := s.requests(up.server); n > 20 {
						t.Errorf("%s was asked %d times", up.server, n)
					}
				})
			}
		}
	}
}

// host is a server's address as errors name it.
func (s *stage) host(server string) string {
	_, host, _ := cutScheme(s.URLs[server])
	return host
}

// version is the published set.
func (s *stage) version() object {
	return object{
		"concourse": oldSet.Concourse, "bpm": oldSet.BPM, "postgres": oldSet.Postgres,
		"stemcell": oldSet.Stemcell, "perpetual": oldSet.Perpetual,
	}
}

// GitHub says when its limit ends, and the error says so and what helps.
func TestCheck_saysWhenGitHubsLimitEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	source := s.ComponentsSource()
	source["github"] = object{"url": s.URLs["github"] + "/api/v3", "ca_cert": s.CA}
	s.Faults["github"].Add(fault.Fault{
		Times: -1, Kind: fault.Status, Code: 403, Body: `{"message":"API rate limit exceeded for 127.0.0.1."}`,
		Header: http.Header{"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102444800"}},
	})
	p := ask(t, "check", object{"source": source}, "")
	refused(t, p, "component perpetual", "2100-01-01", "token")
	if n := s.requests("github"); n != 1 {
		t.Errorf("GitHub was asked %d times against its limit", n)
	}
}

// Transport faults: a server that is not there, or is not the one that is meant.
func TestConnection_errorsNameTheServer(t *testing.T) {
	t.Parallel()
	other, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + vacant.Address(t)
	for name, c := range map[string]badRequest{
		"GitHub is unreachable":       {"check in", with(components, "github", object{"url": closed + "/api/v3"}), []string{"component perpetual", "reach " + closed[8:]}},
		"bosh.io is unreachable":      {"check in", with(components, "bosh_io", object{"url": closed}), []string{"component", "reach " + closed[8:]}},
		"the director is unreachable": {all, with(deployment, "director", object{"url": closed}), []string{"director", "reach director " + closed[8:], "check the url"}},
		"the ATC is unreachable":      {"out", with(deployment, "concourse", object{"url": closed}), []string{"pipeline self-upgrade", "Concourse", closed[8:]}},
		"a name that does not exist":  {all, with(deployment, "director", object{"url": "https://director.invalid:25555"}), []string{"director.invalid"}},

		"wrong CA for GitHub":       {"check in", with(components, "github", object{"ca_cert": other.PEM()}), []string{"component perpetual", "certificate", "ca_cert"}},
		"no CA for GitHub":          {"check in", with(components, "github", object{"ca_cert": ""}), []string{"component perpetual", "certificate", "ca_cert is not set"}},
		"wrong CA for the director": {all, with(deployment, "director", object{"ca_cert": other.PEM()}), []string{"director", "certificate", "ca_cert"}},
		"no CA for the director":    {all, with(deployment, "director", object{"ca_cert": ""}), []string{"director", "certificate", "ca_cert"}},
		"wrong CA for the ATC":      {"out", with(deployment, "concourse", object{"ca_cert": other.PEM()}), []string{"pipeline self-upgrade", "certificate", "ca_cert"}},
		"wrong CA for bosh.io": {"check in", func(s *stage) (object, object) {
			source := s.ComponentsSource()
			source["bosh_io"] = object{"url": s.URLs["boshio-tls"], "ca_cert": other.PEM()}
			return source, nil
		}, []string{"component", "certificate", "ca_cert"}},
		"wrong CA for the UAA": {all, func(s *stage) (object, object) {
			s.UAA.SetURL(strangersUAA(t))
			return s.DeploymentSource(), nil
		}, []string{"UAA", "certificate", "ca_cert"}},
		"the UAA is unreachable": {all, func(s *stage) (object, object) {
			s.UAA.SetURL(closed)
			return s.DeploymentSource(), nil
		}, []string{"UAA", closed[8:]}},
	} {
		for _, verb := range words(c.verbs) {
			t.Run(name+" "+verb, func(t *testing.T) {
				t.Parallel()
				s := installed(t)
				source, _ := c.change(s)
				p := s.unchanged(t, func() process { return s.askAny(t, verb, source) })
				refused(t, p, c.want...)
				hides(t, p, credentials()...)
			})
		}
	}
}

// askAny runs a verb with a good request for a source, and wants no files left by in.
func (s *stage) askAny(t *testing.T, verb string, source object) process {
	t.Helper()
	_, components := source["watch"]
	request := object{"source": source}
	switch {
	case verb == "check":
		return ask(t, verb, request, "")
	case verb == "out":
		request = s.out(nil)
		request["source"] = source
		return ask(t, verb, request, s.dir)
	case components:
		request["version"] = s.version()
	default:
		request["version"] = object{"task": "1"}
	}
	dir := filepath.Join(t.TempDir(), "in")
	p := ask(t, verb, request, dir)
	if found := files(t, dir); len(found) != 0 {
		t.Errorf("it left %v", found)
	}
	return p
}

// An upstream that knows no such name is another error than one that is sick.
func TestCheck_namesWhatAnUpstreamDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.BoshIO.AddRelease(boshio.Release{Repository: "github.com/example/odd-release", Version: "1.0.0"})
	for name, c := range map[string]struct {
		keys object
		want []string
	}{
		"release":    {object{"release": "github.com/nobody/nothing-release"}, []string{"no such name", "not found"}},
		"stemcell":   {object{"stemcell": "bosh-nowhere"}, []string{"no such name", "not found"}},
		"repository": {object{"github": "nobody/nothing"}, []string{"404", "nobody/nothing"}},
		"version":    {object{"release": "github.com/example/odd-release", "version": ">=2"}, []string{"github.com/example/odd-release", "version >=2"}},
		"type":       {object{"stemcell": world.StemcellName, "regular": true, "version": "1.x"}, []string{"regular"}},
	} {
		t.Run(name, func(t *testing.T) {
			source, _ := watch(c.keys)(s)
			p := ask(t, "check", object{"source": source}, "")
			refused(t, p, append(c.want, "component concourse")...)
		})
	}
}
