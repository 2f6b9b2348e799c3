// Package engine is what a simulated Concourse has and does, whoever asks for it: pipelines, builds
// and their schedule, workers, and the web node with what its database remembers.
package engine

import (
	"slices"
	"sync"
	"time"
)

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

// Engine is what the database and the web node of a Concourse have: pipelines, builds and
// workers, and who of them waits for whom.
type Engine struct {
	sync.Mutex // guards everything, the server's own included

	Options   Options
	Web       web
	Pipelines []*Pipeline
	version   int // the last config version; one sequence for all pipelines, as in the database
	jobs      int // the last id of a job
	Workers   []*Worker
	Builds    []*Build
	events    []Event
	changed   chan struct{} // closed, and replaced, at each change of a worker
}

// New makes an engine without pipelines and workers.
func New(o Options) *Engine {
	if o.Version == "" {
		o.Version = "7.14.0"
	}
	if o.WorkerVersion == "" {
		o.WorkerVersion = "2.5"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	s := &Engine{Options: o, changed: make(chan struct{})}
	s.Web.Release = Release{Version: o.Version, Worker: o.WorkerVersion, Migration: o.Migration}
	s.migrated()
	return s
}

// Events lists what happened so far.
func (s *Engine) Events() []Event {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.events)
}

// Record notes an event; the caller holds the lock.
func (s *Engine) Record(e Event) {
	e.At = s.Options.Now()
	s.events = append(s.events, e)
	if s.Options.Observe != nil {
		s.Options.Observe(e)
	}
}
