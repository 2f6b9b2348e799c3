// Package director simulates a BOSH director over HTTP: its routes, task
// queue, locks, event logs and deployments, without any VM behind them. It
// answers as a real director v283.1.6 behind nginx answered, down to status,
// headers, JSON keys and the bytes of the event log, and it lets tests script
// the faults that a real one meets.
package director

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deploy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Options say how a simulated director is set up. The zero value of a field is its default.
type Options struct {
	Name    string // /info's name; default "TestDirector"
	UUID    string // /info's uuid; default "deadbeef-0000-4000-8000-000000000001"
	Version string // /info's version; default "283.1.6 (170763c7)"
	CPI     string // /info's cpi; default "test-cpi"

	Username string   // basic auth; default "admin"
	Password string   // basic auth; default "admin"
	UAA      *api.UAA // when set, requests need one of its bearer tokens instead of basic auth

	Workers  int              // background workers; default 3
	Scale    float64          // by which every duration of the director is multiplied; default 1
	LockWait time.Duration    // wait for a deployment's lock by Now's time, not scaled; default 10 s × Scale
	Now      func() time.Time // by which locks, waits for them and timeouts are counted; default time.Now
	Fetch    *http.Client     // downloads releases and stemcells from URLs

	// Drain is called during "executing drain" of an instance that was running, and
	// before one is deleted because its group has become smaller, unless drain is skipped. It may block as long as the jobs drain.
	Drain func(ctx context.Context, u deployment.Update) error
	// UpdateInstance is called during "executing pre-start", when the new jobs
	// of an instance are about to start. It may block. Its error fails the
	// task; a *Failure keeps its code.
	UpdateInstance func(ctx context.Context, u deployment.Update) error
	// DiskUsage is how full the persistent disk of an instance is, in percent; default 10.
	DiskUsage func(deployment, group string, index int) int
	// PostStart is called during "executing post-start", when the jobs of an
	// instance run. It may block; the next instance group waits for it. Its error
	// fails the task as post-start scripts that fail do; a *Failure keeps its code
	// and message.
	PostStart func(ctx context.Context, u deployment.Update) error
	// Logs gives the files below /var/vcap/sys/log of an instance, by their path:
	// "gate/post-start.stdout.log". Default: none.
	Logs func(u deployment.Update) map[string][]byte
	// StoreConfig is called between the comparison of a config's latest id with the
	// expected one and the write, which a real director does not do at once either.
	// It may block: everybody who is in it then writes.
	StoreConfig func(kind, name string)
	// NewDeployment is called for the first deploy of a deployment, between the look for
	// its row and the making of it, which a real director does not do at once either. It
	// may block: of all who are in it then, one gets a task and the others a 500.
	NewDeployment func(name string)
	// RunErrand gives what an errand prints and its exit code; default: nothing and 0.
	RunErrand func(ctx context.Context, e deployment.Errand) deployment.ErrandResult
}

// Director is a simulated director; it is an http.Handler. Close ends it.
type Director struct {
	opts        Options
	store       *store.Store
	access      *api.Access
	queue       *task.Queue
	configs     *config.Table
	stock       *artifact.Stock
	deployments *deployment.Table
	deployer    *deploy.Deployer
}

// New makes a director with empty state. It lives until ctx ends or Close is called.
func New(ctx context.Context, o Options) *Director {
	o = withDefaults(o)
	d := &Director{opts: o, store: store.New(o.Now, o.Scale)}
	d.queue = task.New(ctx, d.store, o.Workers, o.LockWait)
	d.configs = config.New(d.store, o.StoreConfig)
	d.deployments = deployment.New(d.store, o.Name, d.queue, d.configs, deployment.Agents{DiskUsage: o.DiskUsage, Logs: o.Logs, RunErrand: o.RunErrand})
	d.queue.TeamsOf = d.deployments.TeamsOf
	d.stock = artifact.New(d.store, d.queue, o.Fetch, d.deployments)
	d.deployer = deploy.New(d.store, o.Username, d.queue, d.configs, d.stock, d.deployments, deploy.Scripts{
		Drain: o.Drain, UpdateInstance: o.UpdateInstance, PostStart: o.PostStart, NewDeployment: o.NewDeployment,
	})
	d.access = api.New(o.UUID, api.Credentials{Username: o.Username, Password: o.Password, UAA: o.UAA}, owner{d.deployments, d.queue})
	d.addRoutes()
	d.bootEvents()
	return d
}

// owner knows whose deployments and tasks are.
type owner struct {
	*deployment.Table
	*task.Queue
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
func (d *Director) Close() { d.queue.Close() }

// ServeHTTP implements http.Handler.
func (d *Director) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.access.ServeHTTP(w, r) }

// Requests is how many requests have been received, the refused ones included.
func (d *Director) Requests() int { return d.access.Received() }

// addRoutes adds every route that is simulated.
func (d *Director) addRoutes() {
	for _, routes := range [][]api.Route{
		d.queue.Routes(), d.configs.Routes(), d.deployments.Routes(), d.deployer.Routes(), d.stock.Routes(),
	} {
		d.access.Add(routes...)
	}
	d.access.Add(
		api.Route{Method: "GET", Path: "/info", Open: true, Handle: d.info},
		api.Route{Method: "GET", Path: "/events", Needs: api.NeedsConfigList, Handle: d.store.ListEvents},
		api.Route{Method: "GET", Path: "/orphan_disks", Handle: func(c *api.Call) { c.JSON([]any{}) }},
	)
}

// bootEvents records what a director records when it starts.
func (d *Director) bootEvents() {
	d.store.Lock()
	defer d.store.Unlock()
	for i := range d.opts.Workers {
		d.store.AddEvent(store.Event{User: "_director", Action: "start", ObjectType: "worker", ObjectName: fmt.Sprintf("worker_%d", i)})
	}
	d.store.AddEvent(store.Event{User: "_director", Action: "start", ObjectType: "director", ObjectName: d.opts.UUID,
		Context: map[string]any{"version": d.opts.Version}})
}
