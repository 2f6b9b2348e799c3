package world_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

const small = `name: concourse
releases: []
stemcells: []
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}
instance_groups: []
`

func newWorld(t *testing.T) *world.World {
	t.Helper()
	w, err := world.Start(t.Context(), world.Options{Scale: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestState_showsWhatIsThereBehindFaults(t *testing.T) {
	w := newWorld(t)
	w.Faults["director"].Add(fault.Fault{Times: -1, Kind: fault.Refuse})
	err := w.Director.Seed(director.Seed{
		CloudConfig: world.CloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: "s", OS: "ubuntu-jammy", Version: "1.1"}},
		Releases:    []director.SeedRelease{{Name: "r", Version: "2"}, {Name: "a", Version: "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Director.Deploy(t.Context(), []byte(small+"properties: {url: "+w.URLs["concourse"]+"}\n")); err != nil {
		t.Fatal(err)
	}
	got, err := w.State()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Manifest, "{url: concourse://}") || strings.Join(got.Releases, " ") != "a/1 r/2" ||
		strings.Join(got.Stemcells, " ") != "s/1.1" || got.CloudConfig != world.CloudConfig || got.Pipeline != "" {
		t.Errorf("State gives %+v", got)
	}
	if text := w.Named(w.Nameless("see " + w.URLs["uaa"] + "/x")); text != "see "+w.URLs["uaa"]+"/x" {
		t.Errorf("Named gives %q", text)
	}
}

// A task whose worker was killed ends only for those who look.
func TestSettle_looksAsClientsDo(t *testing.T) {
	w := newWorld(t)
	release := w.Director.HoldLock("concourse")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.Settle(ctx); err == nil {
		t.Error("it settled while a task runs")
	}
	release()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMirror_isTheServerAtAnotherAddress(t *testing.T) {
	w := newWorld(t)
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ca.Config(tlsca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	url, script, err := w.Mirror("director", config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/info", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca.PEM()))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || len(script.Seen()) != 1 || len(w.Faults["director"].Seen()) != 0 {
		t.Errorf("status %d, %d requests at the mirror", res.StatusCode, len(script.Seen()))
	}
}
