package command_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// clientsOf are the clients by the servers that they speak with.
var clientsOf = map[string][]string{
	"GitHub": {"GitHub", "GitHub's files", "a statement"}, "bosh.io": {"bosh.io"}, "files": {"files", "GitHub's files"},
	"director": {"director", "director, /info"}, "UAA": {"UAA"}, "ATC": {"ATC", "ATC's login"}, "S3": {"S3"}, "registry": {"registry", "registry's login"},
}

// promised are the faults at the wire that each client has to survive or to name,
// and how many kinds of each are played.
var promised = map[string]int{
	"refused": 1, "reset before it was read": 1, "reset after it took effect": 1, "reply dropped": 1, "slow header": 1, "slow body": 1,
	"cut at ": 15, "cut after the last byte": 1, "garbage": 1, "429": 8, "500": 1, "503": 2,
	"redirect to another host": 1, "redirect to http": 1,
}

// promisedTLS are the ways in which each server may fail to prove who it is.
var promisedTLS = []string{"expired certificate", "self-signed certificate", "another host's", "TLS 1.1 and nothing newer"}

// Each pair of a server and a fault is played through the binary: a new server, a
// new client or a new kind of fault that is not in the tables fails here.
func TestWire_playsEveryPairOfServerAndFault(t *testing.T) {
	t.Parallel()
	faults, pairs := wireFaults(), 0
	for name, n := range promised {
		found := 0
		for played := range faults {
			if strings.HasPrefix(played, name) {
				found++
			}
		}
		if found != n {
			t.Errorf("%d faults %q are played, want %d", found, name, n)
		}
	}
	played := map[string]bool{}
	for peer, clients := range clientsOf {
		for _, name := range clients {
			c, known := wireClients[name]
			if !known {
				t.Errorf("%s: there is no client %q", peer, name)
			}
			played[name] = true
			pairs += 2 * len(faults) // once, and forever
			if _, known := impostors[peer]; !known {
				t.Errorf("nobody takes the place of %s (%s)", peer, c.server)
			}
		}
		for _, name := range promisedTLS {
			if _, known := badTLS[name]; !known {
				t.Errorf("%s: nothing is played for %q", peer, name)
			}
			pairs++
		}
	}
	for name := range wireClients {
		if !played[name] {
			t.Errorf("client %q belongs to no peer", name)
		}
	}
	kinds := map[fault.Kind]bool{}
	for _, f := range faults {
		kinds[f.fault.Kind] = true
	}
	for kind := fault.Refuse; kind.String() != "unknown"; kind++ {
		// Hanging servers are in the tests of signals; a web page is garbage; an answer
		// that is altered is whole, and TestControls_ofNoServersTextComeThrough has those.
		if !kinds[kind] && kind != fault.Hang && kind != fault.HTML && kind != fault.Alter {
			t.Errorf("no client meets the fault %q", kind)
		}
	}
	t.Logf("%d pairs of clients and faults", pairs)
}
