package artifact_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/names"
)

// to redirects.
func to(location string) fault.Fault {
	return fault.Fault{Kind: fault.Redirect, To: location}
}

func TestFetch_goesOnlyWhereTheServerThatNamedTheFileMaySend(t *testing.T) {
	dns := names.New()
	dns.Set("files.example.com", "127.0.0.1")
	dns.Set("metadata.example.com", "169.254.169.254")
	const metadata = "http://169.254.169.254/latest/meta-data/"
	for _, c := range []struct {
		name     string
		edit     func(f *artifact.File)
		script   func(w *world) []fault.Fault
		want     string // "" is fetched
		requests int
	}{
		{"from where the list is", nil, nil, "", 1},
		{"by its name", func(f *artifact.File) { f.URL = strings.Replace(f.URL, "127.0.0.1", "files.example.com", 1) }, nil, "", 1},
		{"from this machine, for a list on the internet", func(f *artifact.File) { f.Network = dial.Internet }, nil,
			"refuse to fetch from 127.0.0.1: it is a loopback address, and the server that named it is not at one", 0},
		{"by its name, for a list on the internet", func(f *artifact.File) {
			f.URL, f.Network = strings.Replace(f.URL, "127.0.0.1", "files.example.com", 1), dial.Internet
		}, nil, "refuse to fetch from files.example.com: it is at 127.0.0.1, a loopback address", 0},
		{"with a password", func(f *artifact.File) { f.URL = strings.Replace(f.URL, "://", "://u:"+canary+"@", 1) }, nil, "refuse the url: it holds a user or password", 0},
		{"by a redirect to itself", nil, func(w *world) []fault.Fault { return []fault.Fault{to(w.url + "/file.tgz")} }, "", 2},
		{"by a redirect to a metadata service", nil, func(*world) []fault.Fault { return []fault.Fault{to(metadata)} }, "refuse to fetch from 169.254.169.254: it is a link-local address", 1},
		{"by a chain that ends at one", nil, func(w *world) []fault.Fault { return []fault.Fault{to(w.url + "/a"), to(w.url + "/b"), to(metadata)} }, "refuse to fetch from 169.254.169.254", 3},
		{"by a chain that ends at its name", nil, func(w *world) []fault.Fault {
			return []fault.Fault{to(w.url + "/a"), to("http://metadata.example.com/")}
		}, "refuse to fetch from metadata.example.com: it is at 169.254.169.254, a link-local address, which no server may name", 2},
		{"by a redirect with a password", nil, func(w *world) []fault.Fault {
			return []fault.Fault{to(strings.Replace(w.url, "://", "://u:"+canary+"@", 1))}
		}, "refuse the url: it holds a user or password", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, 1000, nil)
			file := w.file()
			if c.edit != nil {
				c.edit(&file)
			}
			if c.script != nil {
				w.script.Add(c.script(w)...)
			}
			err := w.fetch(t, artifact.Config{Resolver: dns.Resolver()}, file)
			if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), "fetch file.tgz: "+c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if n := len(w.script.Seen()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if err == nil {
				w.holds(t, "file.tgz")
			} else {
				w.holds(t)
			}
		})
	}
}

// The name of a file's server may mean one address at the first look, and this machine
// when the file is fetched.
func TestFetch_isNotMisledByANameThatChanges(t *testing.T) {
	w := start(t, 1000, nil)
	dns := names.New()
	dns.Set("files.example.com", "198.51.100.7", "127.0.0.1")
	resolver := dns.Resolver()
	if first, err := resolver.LookupNetIP(t.Context(), "ip4", "files.example.com"); fmt.Sprint(first) != fmt.Sprint([]netip.Addr{netip.MustParseAddr("198.51.100.7")}) {
		t.Fatalf("at the first look %v, error %v", first, err)
	}
	file := w.file()
	file.URL, file.Network = strings.Replace(file.URL, "127.0.0.1", "files.example.com", 1), dial.Internet
	err := w.fetch(t, artifact.Config{Resolver: resolver}, file)
	if err == nil || !strings.Contains(err.Error(), "refuse to fetch from files.example.com: it is at 127.0.0.1") || len(w.script.Seen()) > 0 {
		t.Errorf("error %v, %d requests", err, len(w.script.Seen()))
	}
	w.holds(t)
}
