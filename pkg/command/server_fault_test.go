package command_test

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// strangersUAA is a UAA whose certificate another CA has signed.
func strangersUAA(t *testing.T) string {
	server := httptest.NewUnstartedServer(&director.UAA{})
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// peers are the servers behind a deployment, the requests that suffer, the verbs
// that make them, and what the error says of the place.
var peers = []struct {
	server, path, verbs string
	want                []string
}{
	{"director", "/info", "check", []string{"ask the director how to log in"}},
	{"director", "/tasks", "check", []string{"list tasks of concourse"}},
	{"director", "/tasks", "in", []string{"read director task 1"}},
	{"director", "/deployments", "in out", []string{"read deployment concourse"}},
	{"uaa", "/", all, []string{"UAA"}},
	{"concourse", "/api/v1/teams", "out", []string{"prepare pipeline: read pipeline self-upgrade:"}},
	{"concourse", "/sky/issuer/token", "out", []string{"prepare pipeline: read pipeline self-upgrade:"}},
}

func TestDeployment_namesTheServerThatFails(t *testing.T) {
	t.Parallel()
	for _, peer := range peers {
		for name, c := range sicknesses(peer.path, world.DirectorSecret, world.ConcoursePass) {
			for _, verb := range words(peer.verbs) {
				if peer.path == "/api/v1/teams" && name == "404" {
					continue // a team that does not exist, below
				}
				t.Run(peer.server+peer.path+" "+name+" "+verb, func(t *testing.T) {
					t.Parallel()
					s := installed(t)
					s.Faults[peer.server].Add(c.fault)
					p := s.unchanged(t, func() process { return s.askAny(t, verb, s.DeploymentSource()) })
					if peer.path == "/sky/issuer/token" && name == "401" {
						c.want = []string{"log in as perpetual: wrong username or password"}
					}
					refused(t, p, append(c.want, peer.want...)...)
					if peer.server == "director" && !strings.Contains(p.stderr, s.host(peer.server)) && !strings.Contains(p.stderr, peer.path) {
						t.Errorf("the error names neither %s nor the address of the %s", peer.path, peer.server)
					}
					hides(t, p, credentials()...)
				})
			}
		}
	}
}

// Wrong credentials and rights that are missing, as the servers themselves say so.
func TestDeployment_namesTheCredentialThatIsRefused(t *testing.T) {
	t.Parallel()
	const wrong = "a-wrong-credential"
	for name, c := range map[string]badRequest{
		"client_secret": {all, with(deployment, "director", object{"client_secret": wrong}), []string{"UAA", "client ci", "client_secret"}},
		"user at a UAA": {all, with(deployment, "director", object{"client": "", "client_secret": "", "username": "admin", "password": wrong}), []string{"UAA", "user admin"}},
		"password":      {"out", with(deployment, "concourse", object{"password": wrong}), []string{"log in as perpetual", "wrong username or password"}},
		"team":          {"out", with(deployment, "concourse", object{"team": "nobodies"}), []string{"nobodies"}},
	} {
		for _, verb := range words(c.verbs) {
			t.Run(name+" "+verb, func(t *testing.T) {
				t.Parallel()
				s := installed(t)
				source, _ := c.change(s)
				p := s.unchanged(t, func() process { return s.askAny(t, verb, source) })
				refused(t, p, c.want...)
				hides(t, p, append(credentials(), wrong)...)
			})
		}
	}
}

// The pipeline comes first, so when it cannot be set nothing is deployed.
func TestOut_deploysNothingWhenThePipelineCannotBeSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault fault.Fault
		want  []string
	}{
		"403":  {fault.Fault{Kind: fault.Status, Code: 403}, []string{"403", "role member or owner"}},
		"400":  {fault.Fault{Kind: fault.Status, Code: 400, Body: `{"errors":["jobs.upgrade: bad"]}`}, []string{"jobs.upgrade: bad"}},
		"500":  {fault.Fault{Kind: fault.Status, Code: 500, Body: "out of order"}, []string{"500"}},
		"HTML": {fault.Fault{Kind: fault.HTML}, []string{"web page"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			c.fault.Method, c.fault.Path, c.fault.Times = "PUT", "/api/v1/teams", -1
			s.Faults["concourse"].Add(c.fault)
			p := s.unchanged(t, func() process { return ask(t, "out", s.out(nil), s.dir) })
			refused(t, p, append(c.want, "set pipeline")...)
			hides(t, p, credentials()...)
		})
	}
}

// A director that refuses the deploy has one request to show for it.
func TestOut_sendsARefusedDeployOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault fault.Fault
		want  []string
	}{
		"400": {fault.Fault{Kind: fault.Status, Code: 400, Body: `{"code":40001,"description":"Manifest should contain releases"}`}, []string{"40001", "Manifest should contain releases"}},
		"401": {fault.Fault{Kind: fault.Status, Code: 401}, []string{"401", "client ci"}},
		"403": {fault.Fault{Kind: fault.Status, Code: 403}, []string{"403", "client ci"}},
		"429": {fault.Fault{Kind: fault.Status, Code: 429}, []string{"429"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			before := len(s.deploys())
			c.fault.Method, c.fault.Path, c.fault.Times = "POST", "/deployments", -1
			c.fault.Skip = 1 // the comparison
			s.Faults["director"].Add(c.fault)
			p := ask(t, "out", s.out(nil), s.dir)
			refused(t, p, append(c.want, "deploy")...)
			hides(t, p, credentials()...)
			if n := len(s.deploys()) - before; n != 0 {
				t.Errorf("%d deploys were accepted", n)
			}
		})
	}
}

// A 5xx may have come after the director made the task: the task is then found
// and joined by its context id, and there is one.
func TestOut_findsTheDeployWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]fault.Kind{"the connection is cut": fault.DropReply, "it is reset": fault.ResetAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			before := len(s.deploys())
			s.Faults["director"].Add(fault.Fault{Method: "POST", Path: "/deployments*", Kind: kind})
			p := ask(t, "out", s.out(nil), s.dir)
			r := answer[result](t, p)
			deploys := s.deploys()[before:]
			if len(deploys) != 1 || r.Version["task"] != itoa(deploys[0].Task) {
				t.Errorf("deploys %+v, version %v: want one deploy, and its task", deploys, r.Version)
			}
			hides(t, p, credentials()...)
			s.idle(t)
		})
	}
}

// What the director may get twice without harm is sent again: one bad gateway more or
// less is no reason for a red build. The whole put still makes one deploy.
func TestOut_repeatsWhatMayBeRepeated(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault.Fault{
		"502":        {Kind: fault.HTML, Code: 502},
		"504, taken": {Kind: fault.HTML, Code: 504, Acted: true},
		"lost reply": {Kind: fault.DropReply},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			s.Publish(newSet)
			s.fetch(t, nil)
			write(t, s.dir, map[string]string{"cloud-config.yml": world.CloudConfig + "\nvm_extensions: []\n"})
			before := len(s.deploys())
			f.Method = "POST"
			for _, f.Path = range []string{"/deployments/concourse/diff", "/releases", "/stemcells", "/configs"} {
				s.Faults["director"].Add(f)
			}
			r := answer[result](t, ask(t, "out", s.out(object{"cloud_config": "cloud-config.yml"}), s.dir))
			deploys := s.deploys()[before:]
			if len(deploys) != 1 || r.Version["task"] != itoa(deploys[0].Task) {
				t.Errorf("deploys %+v, version %v: want one deploy, and its task", deploys, r.Version)
			}
			s.idle(t)
		})
	}
}

// An ATC that fails makes the verification red; the files of in tell why.
func TestIn_verifyNamesTheATCThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path string
		code int
		want []string
	}{
		"version":           {"/api/v1/info", 500, []string{"Concourse version", "params.timeout of 20s is over"}},
		"workers":           {"/api/v1/workers", 500, []string{"workers", "params.timeout of 20s is over"}},
		"version, for good": {"/api/v1/info", 403, []string{"Concourse version", "403"}},
		"workers, for good": {"/api/v1/workers", 403, []string{"workers", "403"}},
		"login, for good":   {"/sky/issuer/token", 403, []string{"log in as " + world.ConcourseUser, "403"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			s.Faults["concourse"].Add(fault.Fault{Path: c.path, Times: -1, Kind: fault.Status, Code: c.code, Body: world.ConcoursePass})
			params := object{"verify": true} // what is refused for good ends by itself
			if c.code != 403 {
				params["timeout"] = "20s" // long enough to come to Concourse on a busy machine
			}
			request := object{"source": s.DeploymentSource(), "version": object{"task": "1"}, "params": params}
			p := s.unchanged(t, func() process { return ask(t, "in", request, s.dir+"/in") })
			refused(t, p, append(c.want, "verify deployment concourse")...)
			if n := s.requests("concourse"); c.code == 403 && n > 4 {
				t.Errorf("it asked %d times what was refused", n)
			}
			hides(t, p, credentials()...)
			if report := files(t, s.dir+"/in")["report.md"]; report == "" {
				t.Error("there is no report.md to look at")
			}
		})
	}
}

// The director fetches what it lacks by itself, and says when that fails.
func TestOut_deploysNothingWhenTheDirectorCannotFetch(t *testing.T) {
	t.Parallel()
	file := "/bosh-hub-release-tarballs/*concourse*"
	for name, c := range map[string]struct {
		wrongSHA256 string
		fault       *fault.Fault
		want        []string
	}{
		"digest mismatch": {strings.Repeat("c", 64), nil, []string{"director task"}},
		"404":             {"", &fault.Fault{Path: file, Times: -1, Kind: fault.Status, Code: 404}, []string{"director task"}},
		"HTML with 200":   {"", &fault.Fault{Path: file, Times: -1, Kind: fault.HTML}, []string{"director task"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			s.BoshIO.AddRelease(boshio.Release{Repository: world.ConcourseRepository, Version: newSet.Concourse, WrongSHA256: c.wrongSHA256})
			s.fetch(t, nil)
			if c.fault != nil {
				s.Faults["boshio"].Add(*c.fault)
			}
			p := ask(t, "out", s.out(nil), s.dir)
			refused(t, p, append(c.want, "bring stemcell and releases", "upload concourse/8.2.5", "ended as error")...)
			hides(t, p, credentials()...)
			if n := len(s.deploys()); n != 1 {
				t.Errorf("%d deploys were accepted, want the first alone", n)
			}
		})
	}
}
