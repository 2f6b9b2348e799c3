// Package world starts simulators of everything that an upgrade touches and
// joins them: BOSH deploys make the simulated Concourse drain its workers and
// change its version.
package world

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// What the world's servers accept.
const (
	DirectorClient   = "ci"
	DirectorSecret   = "director-client-secret"
	ConcourseUser    = "perpetual"
	ConcoursePass    = "concourse-password"
	GitHubToken      = "github-token"
	Team             = "main"
	OwnTeam          = "perpetual" // which the installer makes for the pipeline
	OtherTeam        = "apps"      // whose builds an upgrade must not harm
	OtherUser        = "developer" // a member of it, and of no other
	otherPass        = "developer-password"
	defaultDrainTime = time.Minute
)

// Options say how the world is set up. The zero value of a field is its default.
type Options struct {
	// Scale shortens the director's own durations; default 0.02.
	Scale float64
	// DrainTimeout is how long BOSH waits for a worker's builds; default 1 minute.
	DrainTimeout time.Duration
	// ReleaseSize is the size of a release in GitHub's lists; default: as small as it is.
	ReleaseSize int
	// Listen is the IP address on which the servers listen, with a port of its own
	// each; default 127.0.0.1. Their certificates hold it.
	Listen string
	// CA signs the servers' certificates; default: a new one.
	CA *tlsca.CA
	// Empty leaves director and Concourse out: BootDirector makes the one, and its
	// first deploy the other, as in a first install.
	Empty bool
	// Web answers where an Empty world has its Concourse, instead of the simulated one.
	Web http.Handler
	// WebDrain is how long a web that is told to stop waits for its builds; default:
	// until bpm kills it after 20 s, shortened by Scale.
	WebDrain time.Duration
	// Migration is how long the migrations of a newer Concourse take, as real time
	// that Scale shortens; default 10 s. Until then its web does not answer.
	Migration time.Duration
	// GateLimit is how long the job gate waits for its web, as real time that Scale
	// shortens; default 2 hours.
	GateLimit time.Duration
	// NewDeployment is the director's option.
	NewDeployment func(name string)
	// Observe gets what the director and the ATC do, in words for people.
	Observe func(who, what string)
}

// World is a running set of simulators on an address of this machine.
type World struct {
	GitHub    *github.Server
	BoshIO    *boshio.Server
	Director  *director.Director
	UAA       *director.UAA
	Concourse *concourse.Server
	// Faults spoil requests, by server: github, boshio, boshio-tls, director, uaa, concourse.
	Faults map[string]*fault.Script
	// URLs by server, and the CA that signed the certificates of those with https.
	URLs map[string]string
	CA   string

	options Options
	mu      sync.Mutex // guards what BootDirector changes
	servers []*http.Server
	boot    *boot
	tlsca   *tlsca.CA
	nodes   nodes
	closing chan struct{} // closed by Close, once
	close   sync.Once
	beside  sync.WaitGroup // what goes on in the background
}

// Start starts the simulators. They run until Close. bosh.io is served over
// HTTP and, as boshio-tls, HTTPS; the others over HTTPS.
func Start(ctx context.Context, o Options) (*World, error) {
	o, err := withDefaults(o)
	if err != nil {
		return nil, err
	}
	w := &World{
		options: o, tlsca: o.CA, CA: o.CA.PEM(), Faults: map[string]*fault.Script{}, URLs: map[string]string{},
		closing: make(chan struct{}),
	}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func withDefaults(o Options) (Options, error) {
	o.Scale = cmp.Or(o.Scale, 0.02)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, defaultDrainTime)
	o.WebDrain = cmp.Or(o.WebDrain, time.Duration(float64(killWait)*o.Scale))
	o.Migration = cmp.Or(o.Migration, defaultMigration)
	o.GateLimit = cmp.Or(o.GateLimit, defaultGateLimit)
	o.Listen = cmp.Or(o.Listen, "127.0.0.1")
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	if o.CA == nil {
		ca, err := tlsca.New()
		if err != nil {
			return o, err
		}
		o.CA = ca
	}
	return o, nil
}

func (w *World) start(ctx context.Context) error {
	w.GitHub = github.New(github.Options{Tokens: []string{GitHubToken}, ReleaseSize: w.options.ReleaseSize})
	w.BoshIO = boshio.New(boshio.Options{})
	if err := w.serve("github", w.GitHub, true); err != nil {
		return err
	}
	if err := w.serve("boshio", w.BoshIO, false); err != nil {
		return err
	}
	if err := w.serve("boshio-tls", w.BoshIO, true); err != nil {
		return err
	}
	if w.options.Empty {
		return nil
	}
	w.Concourse = concourse.New(concourse.Options{
		Collect: w.scaled(collectWait), Reconnect: w.scaled(reconnectWait),
		Users: map[string]string{ConcourseUser: ConcoursePass, OtherUser: otherPass}, Teams: teams(ConcourseUser),
		Observe: w.observeConcourse,
	})
	w.UAA = &director.UAA{Clients: map[string]string{DirectorClient: DirectorSecret}}
	if err := w.serve("concourse", w.Concourse, true); err != nil {
		return err
	}
	if err := w.serve("uaa", w.UAA, true); err != nil {
		return err
	}
	w.UAA.SetURL(w.URLs["uaa"])
	w.Director = director.New(ctx, director.Options{
		UAA: w.UAA, Scale: w.options.Scale, Fetch: w.client(),
		Drain: w.drain, UpdateInstance: w.update, PostStart: w.postStart,
		Logs: w.logs, NewDeployment: w.options.NewDeployment,
	})
	return w.serve("director", w.Director, true)
}

// teams are those of the Concourse: main, owned by these users, and another one.
func teams(owners ...string) map[string]map[string]string {
	all := map[string]map[string]string{Team: {}, OtherTeam: {OtherUser: concourse.Member}}
	for _, user := range owners {
		all[Team][user] = concourse.Owner
	}
	return all
}

// serve puts a handler behind its faults on a port of its own.
func (w *World) serve(name string, handler http.Handler, secure bool) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(w.options.Listen, "0"))
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	scheme := "http"
	if secure {
		config, err := w.tlsca.Config(tlsca.Options{Hosts: []string{"127.0.0.1", "::1", "localhost", w.options.Listen}})
		if err != nil {
			return err
		}
		listener, scheme = tls.NewListener(listener, config), "https"
	}
	script := &fault.Script{}
	server := &http.Server{
		Handler: script.Wrap(handler), ConnState: script.Watch, ReadHeaderTimeout: time.Minute,
		ErrorLog: log.New(discard{}, "", 0), // what clients do to connections is theirs to report
	}
	w.Faults[name], w.URLs[name] = script, scheme+"://"+listener.Addr().String()
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(listener) }()
	return nil
}

// Mirror serves a server's handler at one more address, with a TLS configuration
// that clients may have to refuse. Its script sees only what is asked there.
func (w *World) Mirror(name string, config *tls.Config) (url string, script *fault.Script, err error) {
	handlers := map[string]http.Handler{
		"github": w.GitHub, "boshio": w.BoshIO, "concourse": w.Concourse, "uaa": w.UAA, "director": w.Director,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for a mirror of %s: %w", name, err)
	}
	script = &fault.Script{}
	server := &http.Server{
		Handler: script.Wrap(handlers[name]), ConnState: script.Watch, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(discard{}, "", 0),
	}
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(tls.NewListener(listener, config)) }()
	return "https://" + listener.Addr().String(), script, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// client is how the director fetches artifacts.
func (w *World) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(w.CA))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// Close ends everything that Start started.
func (w *World) Close() error {
	for _, script := range w.Faults {
		script.Close()
	}
	w.mu.Lock()
	servers, d := slices.Clone(w.servers), w.Director
	w.mu.Unlock()
	if d != nil {
		d.Close()
	}
	w.close.Do(func() { close(w.closing) })
	w.beside.Wait()
	var errs []error
	for _, server := range servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// Credentials are what the pipeline's placeholders stand for.
func (w *World) Credentials() map[string]string {
	return map[string]string{
		"director_client_secret": DirectorSecret,
		"director_ca_cert":       w.CA,
		"atc_password":           ConcoursePass,
		"github_token":           GitHubToken,
	}
}

// boshIO is how bosh.io is reached: through a network over HTTPS alone, since anybody
// between could change what it says.
func (w *World) boshIO() map[string]any {
	if ip := net.ParseIP(w.options.Listen); ip != nil && !ip.IsLoopback() {
		return map[string]any{"url": w.URLs["boshio-tls"], "ca_cert": w.CA}
	}
	return map[string]any{"url": w.URLs["boshio"], "ca_cert": ""}
}

// PipelineVars are the values with which the bundled pipeline works here.
func (w *World) PipelineVars() map[string]any {
	return map[string]any{
		"director_url": w.URLs["director"], "director_client": DirectorClient,
		"atc_url": w.URLs["concourse"], "atc_ca_cert": w.CA, "atc_username": ConcourseUser,
		"github_url": w.URLs["github"] + "/api/v3", "github_ca_cert": w.CA, "github_token": "((github_token))",
		"bosh_io_url": w.boshIO()["url"], "bosh_io_ca_cert": w.boshIO()["ca_cert"],
		// The releases here are as old as this world, and signed by a key of its own.
		"perpetual_keys": []any{publisher.Key}, "perpetual_min_age": "0s",
	}
}

// observeConcourse tells what happens to workers and the web.
func (w *World) observeConcourse(e concourse.Event) {
	switch e.Kind {
	case concourse.KindRegister, concourse.KindLanding, concourse.KindLanded, concourse.KindRetiring,
		concourse.KindRetired, concourse.KindStalled, concourse.KindLeft, concourse.KindPruned:
		w.options.Observe("Concourse", strings.Replace(e.Kind, "worker", e.Worker, 1))
	case concourse.KindUpgrade:
		w.options.Observe("Concourse", "the web has the new version")
	case concourse.KindMigrate:
		w.options.Observe("Concourse", "the web migrates its database: it has no API and no gateway for workers")
	case concourse.KindRestart:
		w.options.Observe("Concourse", "the web answers")
	case concourse.KindPause, concourse.KindUnpause:
		w.options.Observe("Concourse", fmt.Sprintf("%s: %s of team %s", e.Kind, e.Pipeline, e.Team))
	case concourse.KindCreate, concourse.KindUpdate:
		w.options.Observe("Concourse", fmt.Sprintf("%s: %s, config version %d", e.Kind, e.Pipeline, e.ConfigVersion))
	}
}
