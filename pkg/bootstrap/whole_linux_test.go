package bootstrap_test

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	boshclient "github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// webPort is where Concourse answers: the usual one is for root.
const webPort = 8443

// webAddress is a loopback address that no other process of this machine has; only Linux
// has them all. It is the same for every installation of this process, so that the web's
// certificate is made once.
var webAddress = sync.OnceValues(func() (string, error) {
	for i := range 250 {
		address := fmt.Sprintf("127.63.%d.1", i+1)
		claim, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, webPort-1))
		if err == nil {
			webClaim = claim
			return address, nil
		}
	}
	return "", fmt.Errorf("every loopback address 127.63.x.1 is in use")
})

// webClaim keeps other processes out of the address until this one ends: a listener that
// nobody holds is closed with the garbage.
var webClaim net.Listener

// whole is an installation whose director and Concourse are simulated as they are, and
// made by its deploys.
type whole struct {
	*cloud
	*world.World
	director atomic.Pointer[director.Director]
	mute     atomic.Bool       // the director has no VM, and does not answer
	url, ca  string            // of the director
	atc      *concourse.Client // that was opened last
	poll     time.Duration
	files    map[string]string    // the user's
	alter    func(*config.Config) // what else the user gives; nil: nothing
	unread   error                // with which the list of paused pipelines is refused

	seen, asked int               // effects of the director, requests to Concourse
	texts       map[string]string // of the state
}

func newWhole(t *testing.T) *whole {
	t.Helper()
	around, err := world.Start(t.Context(), world.Options{Empty: true, Scale: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = around.Close() })
	w := &whole{cloud: newCloud(), World: around, poll: time.Millisecond, texts: map[string]string{}}
	if w.web, err = webAddress(); err != nil {
		t.Fatal(err)
	}
	w.pipelineUser, w.open = "pipeline", w.store(t)
	w.at = func(effect string) {
		if effect == "vm" {
			if err := w.BootDirector(context.WithoutCancel(t.Context()), world.Director{Username: "perpetual", Password: "x"}); err != nil {
				t.Error(err)
			}
			w.director.Store(w.Director)
			w.mute.Store(false)
		}
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		if d := w.director.Load(); d != nil && !w.mute.Load() {
			d.ServeHTTP(to, r)
		} else {
			to.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	w.url, w.ca = server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	w.Publish(world.Set{Concourse: "8.2.4", BPM: "1.4.33", Stemcell: "1.1340"})
	return w
}

// wanted is what the user gives.
func (w *whole) wanted() *config.Config {
	c := given()
	c.Access.Port, c.BoshIO.URL = webPort, w.URLs["boshio"]
	return c
}

// installation is install with the director and the Concourse that there are.
func (w *whole) installation(t *testing.T, cfg *config.Config) (*bootstrap.Installation, *progress) {
	t.Helper()
	i, shown := w.install(t, cfg)
	once := retry.Policy{Attempts: 1}
	i.Director = func(d resource.Director) (bootstrap.Director, func(), error) {
		c, err := boshclient.New(boshclient.Config{Config: transport.Config{URL: w.url, CACert: w.ca, Username: "perpetual", Password: secret.New("x"), Retry: once}, Poll: w.poll})
		return simulated{c, w.unread}, func() { _ = c.Close() }, err
	}
	i.ATC = func(s resource.Concourse) (bootstrap.ATC, error) {
		atc, err := concourse.New(concourse.Config{Config: session.Config{URL: s.URL, CACert: s.CACert, Username: s.Username, Password: s.Password, Retry: once}, Team: s.Team})
		w.atc = atc
		return atc, err
	}
	i.Components = func(ctx context.Context, source resource.Source, version resource.Version) ([]component.Component, error) {
		delete(source.Watch, "perpetual")
		c, err := boshio.New(boshio.Config{URL: source.BoshIO.URL, Policy: once})
		if err != nil {
			return nil, err
		}
		return upstream.Set{Upstreams: upstream.Upstreams{BoshIO: c}, Now: time.Now, Log: io.Discard, Deadline: time.Minute}.Find(ctx, source, version)
	}
	i.Files = files(w.files)
	i.Poll, i.Still, i.Settle = w.poll, w.poll, time.Minute
	if w.now != nil {
		i.Now = w.now
	}
	return i, shown
}

// simulated is a director as the installer has it.
type simulated struct {
	*boshclient.Client
	unread error // with which the list of paused pipelines is refused
}

// Admit implements upgrade.Director: everything here is on loopback.
func (simulated) Admit(context.Context, stock.Artifact) error { return nil }

// Upload implements upgrade.Director.
func (d simulated) Upload(ctx context.Context, a stock.Artifact) (int, error) {
	u := bosh.Upload{Name: a.Name, Version: a.Version, URL: a.URL, SHA1: a.SHA1, SHA256: a.SHA256, Fix: a.Fix, ContextID: a.ContextID}
	switch {
	case a.Content != nil:
		return d.UploadRelease(ctx, a.Name+"/"+a.Version, a.Content, a.ContextID)
	case a.Stemcell:
		return d.UploadStemcellURL(ctx, u)
	}
	return d.UploadReleaseURL(ctx, u)
}

// ConfigServer implements upgrade.Director.
func (simulated) ConfigServer(context.Context) (bool, error) { return false, nil }

// Version implements bootstrap.Director.
func (d simulated) Version(ctx context.Context) (string, error) {
	info, err := d.Info(ctx)
	version, _, _ := strings.Cut(info.Version, " ")
	return version, err
}

// CPI implements bootstrap.Director.
func (simulated) CPI(context.Context) (string, error) { return "aws_cpi", nil }

// CloudConfigs implements bootstrap.Director.
func (d simulated) CloudConfigs(ctx context.Context) (texts [][]byte, err error) {
	list, err := d.Configs(ctx, "cloud", "")
	for _, c := range list {
		texts = append(texts, []byte(c.Content))
	}
	return texts, err
}

// DeleteDeployment implements bootstrap.Director.
func (d simulated) DeleteDeployment(ctx context.Context, name, contextID string) (int, error) {
	return d.Client.DeleteDeployment(ctx, name, bosh.DeleteOptions{ContextID: contextID})
}

// Keeper implements bootstrap.Director.
func (d simulated) Keeper(deployment string) pause.Keeper {
	if d.unread != nil {
		return refusing{err: d.unread}
	}
	return pause.InDirector(d.Client, deployment)
}

// refusing lets nobody read the list of paused pipelines.
type refusing struct {
	pause.Keeper
	err error
}

// Load implements pause.Keeper.
func (r refusing) Load(context.Context) (pause.List, string, error) { return pause.List{}, "", r.err }

// effects are what has been written since the last call, wherever that is: in the account,
// on the director, in Concourse, and in the state as far as it is not about runs.
func (w *whole) effects(t *testing.T) []string {
	t.Helper()
	list := w.written()
	if d := w.director.Load(); d != nil {
		all := d.Effects()
		for _, e := range all[min(w.seen, len(all)):] {
			list = append(list, fmt.Sprintf("director: %s %s", e.Kind, e.Name))
		}
		w.seen = len(all)
	}
	if w.Concourse != nil {
		all := w.Concourse.Requests()
		for _, r := range all[min(w.asked, len(all)):] {
			if r.Method != http.MethodGet && !strings.HasPrefix(r.Path, "/sky/") {
				list = append(list, "concourse: "+r.Method+" "+r.Path)
			}
		}
		w.asked = len(all)
	}
	store := w.stores["ci"]
	if store == nil {
		return list
	}
	names, err := store.List(t.Context(), "operator/")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text := ""
		if name == "operator/configuration.json" {
			text = w.configuration(t)
		} else {
			text = w.document(t, name)
		}
		if w.texts[name] != text {
			list = append(list, "state: "+name)
			w.texts[name] = text
		}
	}
	return list
}

// everything is each document of the state with its revision, also of runs and leases.
func (w *whole) everything(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	store := w.stores["ci"]
	if store == nil {
		return all
	}
	names, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		found, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = found.Revision + " " + fmt.Sprintf("%x", sha256.Sum256(found.Body))
	}
	return all
}

// DiskUsage implements bootstrap.Director.
func (simulated) DiskUsage(context.Context, string, string) (int, bool, error) { return 20, true, nil }
