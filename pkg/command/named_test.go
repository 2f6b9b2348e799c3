package command_test

import (
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// The director is inside, where a list on the internet must not be able to send it.
func TestOut_sendsTheDirectorOnlyWhereTheListMayNameAFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url     string
		network dial.Network
		want    string
	}{
		"a metadata service":            {"http://169.254.169.254/latest/meta-data/", dial.Loopback, "refuse to fetch from 169.254.169.254: it is a link-local address, which no server may name"},
		"this machine, by its name":     {"http://localhost:8080/f.tgz", dial.Internet, "refuse to fetch from localhost: it is at 127.0.0.1, a loopback address, and the server that named it is not at one"},
		"the director":                  {"https://10.0.0.6:25555/f.tgz", dial.Internet, "refuse to fetch from 10.0.0.6: it is a private address, and the server that named it is not at one"},
		"a network that nobody knows":   {"https://10.0.0.6:25555/f.tgz", "inside", "refuse to fetch from 10.0.0.6"},
		"an address in decimal":         {"http://2852039166/latest/meta-data/", dial.Loopback, "its host is an address in an unusual form"},
		"a server, with a password":     {"https://u:canary@bosh.io/f.tgz", dial.Internet, "it holds a user or password"},
		"an address that holds another": {"http://[64:ff9b::a9fe:a9fe]/", dial.Private, "a link-local address, which no server may name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			set := s.set()
			set[0].Version, set[0].URL, set[0].Network = newSet.Concourse, c.url, c.network
			if err := component.WriteSet(filepath.Join(s.dir, "components"), set); err != nil {
				t.Fatal(err)
			}
			for _, dry := range []bool{true, false} {
				p := s.unchanged(t, func() process { return ask(t, "out", s.out(object{"dry_run": dry}), s.dir) })
				refused(t, p, "have the director fetch concourse/"+newSet.Concourse, c.want, "nothing was changed")
				hides(t, p, append(credentials(), "canary")...)
			}
		})
	}
}
