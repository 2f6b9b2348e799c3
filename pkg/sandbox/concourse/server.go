// Package concourse simulates a Concourse web node (ATC) and the workers behind
// it, so far as a program that keeps Concourse upgraded can tell them from real
// ones: the API with its statuses and texts, logins, pipelines with config
// versions, and workers that drain only after their builds. What it answers
// follows the handlers of Concourse 7.14 (atc/api) and, where they differ, those
// of the 8.x that it is; what its workers do follows what real ones were seen
// doing.
package concourse

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Roles of a user in a team, each including those before it.
const (
	Viewer           = "viewer"
	PipelineOperator = "pipeline-operator"
	Member           = "member"
	Owner            = "owner"
)

var ranks = []string{Viewer, PipelineOperator, Member, Owner}

// Options describe the Concourse that New simulates.
type Options struct {
	Version       string                       // default: 7.14.0
	WorkerVersion string                       // default: 2.5
	Migration     int64                        // see Release; default: unknown
	ExternalURL   string                       // https://ci.example.com
	ClusterName   string                       // default: none
	Users         map[string]string            // local users: name → password
	Teams         map[string]map[string]string // team → user → role; default: all users own main
	TokenLife     time.Duration                // default: 24 h
	Now           func() time.Time             // default: time.Now
	// Collect is how long after a worker's last build the web's collector sees
	// that it has drained: up to 30 s on a real one. Default: at once.
	Collect time.Duration
	// Reconnect is how long after the web went away a worker that drains finds
	// no gateway and leaves with its builds: 5 s on a real one. Default: it waits
	// for the web to come back.
	Reconnect time.Duration
	// AfterFunc calls a function after Collect or Reconnect, in a goroutine of its
	// own or not, but never before it returns. Default: by the time of this machine.
	AfterFunc func(time.Duration, func())
	// Observe gets each Event as it happens. It must not call the Server.
	Observe func(Event)
}

// Event is something that the Server did, for tests to assert on and for a demo
// to tell. Fields that do not apply are empty.
type Event struct {
	At            time.Time
	Kind          string // one of the Kind constants
	User          string // who logged in, paused or triggered: admin
	Team          string // main
	Pipeline      string // self-upgrade, or self-upgrade/environment:production
	ConfigVersion int    // 14
	Job           string // upgrade
	Build         int    // id of the build: 7
	Worker        string // worker-1
	Version       string // of the web after its upgrade: 8.3.0
	Status        string // of a build that finished: succeeded, failed, errored, aborted
}

// Kinds of events.
const (
	KindLogin    = "login"
	KindTeam     = "team set"
	KindCreate   = "pipeline created"
	KindUpdate   = "pipeline updated"
	KindPause    = "pipeline paused"
	KindUnpause  = "pipeline unpaused"
	KindArchive  = "pipeline archived"
	KindTrigger  = "build triggered"
	KindStart    = "build started"
	KindFinish   = "build finished"
	KindRegister = "worker running"
	KindLanding  = "worker landing"
	KindLanded   = "worker landed"
	KindRetiring = "worker retiring"
	KindRetired  = "worker retired"
	KindStalled  = "worker stalled"
	KindLeft     = "worker left with its builds"
	KindPruned   = "worker pruned"
	KindStop     = "web stopped"
	KindMigrate  = "web migrating"
	KindRestart  = "web started"
	KindUpgrade  = "web upgraded"
)

// Request is one that the Server has answered, or dropped.
type Request struct {
	Method     string // GET
	Path       string // /api/v1/workers
	Query      string // vars.environment=%22production%22
	Authorized bool   // whether it had an Authorization header, right or wrong
	Status     int    // of the answer; 0: the connection was cut
}

// Server is a simulated Concourse. Serve it with httptest or net/http.
type Server struct {
	options Options
	mux     *http.ServeMux

	mu        sync.Mutex
	web       web
	tokens    map[string]token
	pipelines []*pipeline
	version   int // the last config version; one sequence for all pipelines, as in the database
	jobs      int // the last id of a job
	workers   []*worker
	builds    []*Build
	events    []Event
	requests  []Request
	changed   chan struct{} // closed, and replaced, at each change of a worker
}

// New makes a Server without pipelines and workers.
func New(o Options) *Server {
	if o.Version == "" {
		o.Version = "7.14.0"
	}
	if o.WorkerVersion == "" {
		o.WorkerVersion = "2.5"
	}
	if o.TokenLife == 0 {
		o.TokenLife = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	if o.Teams == nil {
		o.Teams = map[string]map[string]string{"main": {}}
		for user := range o.Users {
			o.Teams["main"][user] = Owner
		}
	}
	o.Teams = maps.Clone(o.Teams) // an owner may change them
	s := &Server{options: o, mux: http.NewServeMux(), tokens: map[string]token{}, changed: make(chan struct{})}
	s.web.release = Release{Version: o.Version, Worker: o.WorkerVersion, Migration: o.Migration}
	s.migrated()
	s.routes()
	return s
}

// Events lists what happened so far.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Requests lists what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// record notes an event; the caller holds the lock.
func (s *Server) record(e Event) {
	e.At = s.options.Now()
	s.events = append(s.events, e)
	if s.options.Observe != nil {
		s.options.Observe(e)
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	s.mu.Lock()
	if err != nil || s.web.state != answering {
		s.log(r, 0)
		s.mu.Unlock()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	s.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mux.ServeHTTP(w, r)
}

// log notes a request; the caller holds the lock.
func (s *Server) log(r *http.Request, status int) {
	s.requests = append(s.requests, Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Authorized: r.Header.Get("Authorization") != "", Status: status,
	})
}

// opaque makes a text that tells nothing, as access tokens are.
func opaque() string {
	raw := make([]byte, 36)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(raw)
}
