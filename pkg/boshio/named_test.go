package boshio_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// A list may name files on the internet and where its own server is, and nothing else.
func TestClient_passesOverFilesWhereTheListMayNotSendAnybody(t *testing.T) {
	refused := map[string]string{
		"http://169.254.169.254/latest/meta-data/": "a link-local address, which no server may name",
		"http://[fd00:ec2::254]/":                  "a metadata address, which no server may name",
		"http://10.0.0.6/f.tgz":                    "a private address, and the server that named it is not at one",
		"http://2130706433/f.tgz":                  "an address in an unusual form",
		"http://u:canary@127.0.0.1/f.tgz":          "a user or password",
	}
	for url, want := range refused {
		good := []string{"/f.tgz", "http://127.0.0.1:1/f.tgz", "https://bosh.io/f.tgz"}
		var entries []string
		for _, u := range append(good, url) {
			entries = append(entries, fmt.Sprintf(`{"version":"1","url":%q,"regular":{"url":%q}}`, u, u))
		}
		c, _, said := serve(t, kind, "["+strings.Join(entries, ",")+"]")
		releases, err := c.Releases(t.Context(), repository)
		if err != nil || len(releases) != len(good) {
			t.Fatalf("%s: %d releases, error %v", url, len(releases), err)
		}
		stemcells, err := c.Stemcells(t.Context(), jammy)
		if err != nil || len(stemcells) != len(good) {
			t.Fatalf("%s: %d stemcells, error %v", url, len(stemcells), err)
		}
		for i := range good {
			if releases[i].Network != dial.Loopback || stemcells[i].Regular.Network != dial.Loopback {
				t.Errorf("%s was named from %q and %q", good[i], releases[i].Network, stemcells[i].Regular.Network)
			}
		}
		if text := strings.Join(*said, "\n"); strings.Count(text, want) != 2 || strings.Contains(text, "canary") {
			t.Errorf("%s: said %q, want %q twice", url, text, want)
		}
	}
}

func TestLastModified_goesNowhereThatTheListMayNotName(t *testing.T) {
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := client(t, boshio.Config{URL: server.URL})
	for _, from := range []dial.Network{dial.Loopback, dial.Internet} {
		_, err := c.LastModified(t.Context(), server.URL+"/f.tgz", from)
		checkError(t, err)
		want := map[dial.Network]string{dial.Loopback: "169.254.169.254: it is a link-local address", dial.Internet: "127.0.0.1: it is a loopback address"}[from]
		if err == nil || !strings.Contains(err.Error(), "refuse to fetch from "+want) {
			t.Errorf("from %q: error %v, want %q", from, err, want)
		}
		if requests := map[dial.Network]int{dial.Loopback: 1}[from]; len(asked) != requests {
			t.Errorf("from %q: %d requests, want %d", from, len(asked), requests)
		}
		for len(asked) > 0 {
			<-asked
		}
	}
}
