// Package director simulates a BOSH director over HTTP: its routes, task
// queue, locks, event logs and deployments, without any VM behind them. It
// answers as a real director v283.1.6 behind nginx answered, down to status,
// headers, JSON keys and the bytes of the event log, and it lets tests script
// the faults that a real one meets.
package director

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a simulated director is set up. The zero value of a field is its default.
type Options struct {
	Name    string // /info's name; default "TestDirector"
	UUID    string // /info's uuid; default "deadbeef-0000-4000-8000-000000000001"
	Version string // /info's version; default "283.1.6 (170763c7)"
	CPI     string // /info's cpi; default "test-cpi"

	Username string // basic auth; default "admin"
	Password string // basic auth; default "admin"
	UAA      *UAA   // when set, requests need one of its bearer tokens instead of basic auth

	Workers  int              // background workers; default 3
	Scale    float64          // by which every duration of the director is multiplied; default 1
	LockWait time.Duration    // wait for a deployment's lock by Now's time, not scaled; default 10 s × Scale
	Now      func() time.Time // by which locks, waits for them and timeouts are counted; default time.Now
	Fetch    *http.Client     // downloads releases and stemcells from URLs

	// Drain is called during "executing drain" of an instance that was running, and
	// before one is deleted because its group has become smaller, unless drain is skipped. It may block as long as the jobs drain.
	Drain func(ctx context.Context, u Update) error
	// UpdateInstance is called during "executing pre-start", when the new jobs
	// of an instance are about to start. It may block. Its error fails the
	// task; a *Failure keeps its code.
	UpdateInstance func(ctx context.Context, u Update) error
	// DiskUsage is how full the persistent disk of an instance is, in percent; default 10.
	DiskUsage func(deployment, group string, index int) int
	// PostStart is called during "executing post-start", when the jobs of an
	// instance run. It may block; the next instance group waits for it. Its error
	// fails the task as post-start scripts that fail do; a *Failure keeps its code
	// and message.
	PostStart func(ctx context.Context, u Update) error
	// Logs gives the files below /var/vcap/sys/log of an instance, by their path:
	// "gate/post-start.stdout.log". Default: none.
	Logs func(u Update) map[string][]byte
	// StoreConfig is called between the comparison of a config's latest id with the
	// expected one and the write, which a real director does not do at once either.
	// It may block: everybody who is in it then writes.
	StoreConfig func(kind, name string)
	// NewDeployment is called for the first deploy of a deployment, between the look for
	// its row and the making of it, which a real director does not do at once either. It
	// may block: of all who are in it then, one gets a task and the others a 500.
	NewDeployment func(name string)
	// RunErrand gives what an errand prints and its exit code; default: nothing and 0.
	RunErrand func(ctx context.Context, e Errand) ErrandResult
}

// Update is one instance being updated by a deploy.
type Update struct {
	Deployment string            // "concourse"
	Group      string            // "web"
	Index      int               // 0
	ID         string            // the instance's UUID
	AgentID    string            // UUID of its VM's agent, another one after a recreate
	Jobs       []string          // names of the jobs that it gets: ["web", "gate", "bpm"]
	Canary     bool              // whether its step in the event log is marked "(canary)"
	Recreate   bool              // whether its VM is new or replaced
	Manifest   []byte            // the manifest as it was submitted
	Releases   map[string]string // versions of the releases that its jobs use, by name
	Stemcell   string            // "ubuntu-jammy/1.484"
	Task       int               // the task that updates it
}

// Director is a simulated director; it is an http.Handler. Close ends it.
type Director struct {
	opts     Options
	scale    float64
	now      func() time.Time
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	requests atomic.Int64
	routes   []route

	mu          sync.Mutex // guards everything below
	outage      *outage
	workers     int
	busy        int
	queue       []*task
	tasks       []*task
	locks       map[string]*lock
	deployments []*deployment
	stemcells   []*stemcell
	releases    []*release
	compiled    map[string]bool
	blobs       map[string][]byte // the blobstore, by id
	configs     []*config
	audit       []auditEvent
	effects     []Effect
	faults      []*instanceFault
	serial      map[string]int // counters for ids, by kind
}

// New makes a director with empty state. It lives until ctx ends or Close is called.
func New(ctx context.Context, o Options) *Director {
	ctx, cancel := context.WithCancel(ctx)
	d := &Director{
		opts: withDefaults(o), ctx: ctx, cancel: cancel,
		locks: map[string]*lock{}, compiled: map[string]bool{}, blobs: map[string][]byte{}, serial: map[string]int{},
	}
	d.scale, d.now, d.workers = d.opts.Scale, d.opts.Now, d.opts.Workers
	d.routes = d.table()
	d.bootEvents()
	return d
}

func withDefaults(o Options) Options {
	text := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	text(&o.Name, "TestDirector")
	text(&o.CPI, "test-cpi")
	text(&o.UUID, "deadbeef-0000-4000-8000-000000000001")
	text(&o.Version, "283.1.6 (170763c7)")
	text(&o.Username, "admin")
	text(&o.Password, "admin")
	if o.Workers == 0 {
		o.Workers = 3
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	if o.LockWait == 0 {
		o.LockWait = time.Duration(float64(10*time.Second) * o.Scale)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fetch == nil {
		o.Fetch = &http.Client{}
	}
	return o
}

// Close cancels what runs and waits for it. Tasks that were running stay as they are.
func (d *Director) Close() {
	d.mu.Lock() // so that nothing begins to run beside the wait
	d.cancel()
	d.mu.Unlock()
	d.running.Wait()
}

// Requests is how many requests have been received, the refused ones included.
func (d *Director) Requests() int { return int(d.requests.Load()) }

// scaled is a duration of the real director in the simulator's time.
func (d *Director) scaled(real time.Duration) time.Duration {
	return time.Duration(float64(real) * d.scale)
}

// next is the next number of a counter. The caller holds mu.
func (d *Director) next(kind string) int {
	d.serial[kind]++
	return d.serial[kind]
}
