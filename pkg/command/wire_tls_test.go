package command_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// badTLS are the ways in which a server may fail to prove who it is.
var badTLS = map[string]struct {
	options tlsca.Options
	old     bool
	want    string
}{
	"expired certificate":       {options: tlsca.Options{Expired: true}, want: "expired"},
	"self-signed certificate":   {options: tlsca.Options{SelfSigned: true}, want: "certificate"},
	"another host's":            {options: tlsca.Options{Hosts: []string{"elsewhere.example.com", "10.9.8.7"}}, want: "10.9.8.7"},
	"TLS 1.1 and nothing newer": {old: true, want: "protocol version"},
}

// impostors make each client's commands talk to a mirror of their server.
var impostors = map[string]struct {
	server, verb string
	request      func(t *testing.T, s *stage, mirror string) object
	place        string
}{
	"GitHub": {"github", "check", func(t *testing.T, s *stage, mirror string) object {
		request := wireClients["GitHub"].request(t, s)
		request["source"].(object)["github"].(object)["url"] = mirror + "/api/v3"
		return request
	}, "component perpetual"},
	"bosh.io": {"boshio", "check", func(t *testing.T, s *stage, mirror string) object {
		request := wireClients["bosh.io"].request(t, s)
		request["source"].(object)["bosh_io"] = object{"url": mirror, "ca_cert": s.CA}
		return request
	}, "component bpm"},
	"files": {"boshio", "in", func(t *testing.T, s *stage, mirror string) object {
		s.Faults["boshio"].Add(fault.Fault{Path: "/d/", Times: -1, Kind: fault.Redirect, To: mirror + "/bosh-hub-release-tarballs/github.com-cloudfoundry-bpm-release-1.4.33.tgz"})
		return wireClients["files"].request(t, s)
	}, "fetch bpm"},
	"registry": {"registry", "check", func(_ *testing.T, s *stage, mirror string) object {
		return object{"source": imageSource(s, mirror)}
	}, "component tool"},
	"director": {"director", "check", func(t *testing.T, s *stage, mirror string) object {
		request := aDeployment(t, s)
		request["source"].(object)["director"].(object)["url"] = mirror
		return request
	}, "director"},
	"UAA": {"uaa", "check", func(t *testing.T, s *stage, mirror string) object {
		s.UAA.SetURL(mirror)
		return aDeployment(t, s)
	}, "UAA"},
	"ATC": {"concourse", "out", func(t *testing.T, s *stage, mirror string) object {
		request := aPreview(t, s)
		request["source"].(object)["concourse"].(object)["url"] = mirror
		return request
	}, "pipeline self-upgrade"},
	"S3": {"s3", "out", func(t *testing.T, s *stage, mirror string) object {
		request := s.out(object{"lock_timeout": "1s"})
		section := s.bucket(t)
		section["endpoint"], section["ca_cert"] = mirror, s.CA
		request["source"] = altered(s.DeploymentSource(), map[string]object{"state": section})
		return request
	}, "lease of deployment concourse"},
}

// mirror is another address of a server, with a certificate of its own. The S3 server and
// the registry are none of the world's: there are new ones.
func (s *stage) mirror(t *testing.T, server string, config *tls.Config) (url string, script *fault.Script) {
	t.Helper()
	var handler http.Handler
	var err error
	switch server {
	case "s3":
		handler, err = s3.New("state")
	case "registry":
		handler = toolRegistry()
	default:
		url, script, err = s.Mirror(server, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	if handler != nil {
		return serveTLS(t, handler, config)
	}
	return url, script
}

// A server that cannot prove who it is hears nothing from us: no request, and so
// no credential.
func TestWire_tellsNothingToAServerThatProvesNothing(t *testing.T) {
	t.Parallel()
	for client, i := range impostors {
		for fault, bad := range badTLS {
			t.Run(client+", "+fault, func(t *testing.T) {
				t.Parallel()
				s := installed(t)
				config, err := authority(t).Config(bad.options)
				if err != nil {
					t.Fatal(err)
				}
				if bad.old {
					config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 // that is the point
				}
				mirror, script := s.mirror(t, i.server, config)
				c := wireClient{verb: i.verb}
				request := i.request(t, s, mirror)
				p := s.unchanged(t, func() process { return c.ask(t, s, request) })
				refused(t, p, i.place, bad.want)
				if strings.Contains(p.stderr, "next try") || strings.Contains(p.stderr, "again in") || strings.Contains(p.stderr, "going on at") {
					t.Error("it tried again what does not change")
				}
				if seen := script.Seen(); len(seen) > 0 {
					t.Errorf("the server was asked %d times: %+v", len(seen), seen)
				}
			})
		}
	}
}

// The same servers with a good certificate are asked, so the test above shows
// what it says.
func TestWire_asksAMirrorThatProvesItself(t *testing.T) {
	t.Parallel()
	for client, i := range impostors {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			config, err := authority(t).Config(tlsGood)
			if err != nil {
				t.Fatal(err)
			}
			mirror, script := s.mirror(t, i.server, config)
			p := wireClient{verb: i.verb}.ask(t, s, i.request(t, s, mirror))
			if p.code != 0 || len(script.Seen()) == 0 {
				t.Errorf("exit code %d after %d requests:\n%s", p.code, len(script.Seen()), p.stderr)
			}
		})
	}
}

// A token that is withdrawn while a command runs is asked for again, once.
func TestWire_renewsATokenThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	s := installed(t)
	revoked := 0
	for _, server := range []string{"director", "concourse"} {
		n := 0
		s.Faults[server].Choose(func(fault.Request) *fault.Fault {
			if n++; n != 3 {
				return nil
			}
			return &fault.Fault{Kind: fault.None, Before: func() {
				revoked++
				s.UAA.Revoke()
				s.Concourse.RevokeTokens()
			}}
		})
	}
	grants := s.UAA.Grants("client_credentials")
	answer[result](t, ask(t, "out", s.out(nil), s.dir))
	s.idle(t)
	if revoked != 2 {
		t.Fatalf("the tokens were withdrawn %d times", revoked)
	}
	if n := s.UAA.Grants("client_credentials") - grants; n < 2 || n > 3 {
		t.Errorf("the UAA gave %d tokens", n)
	}
	if n := len(s.deploys()); n != 2 {
		t.Errorf("%d deploys were started, want one beside the first", n-1)
	}
}
