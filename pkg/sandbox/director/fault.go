package director

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Places at which an instance can be made to fail.
const (
	faultCreateVM = "create vm"
	faultPreStart = "pre-start"
	faultRunning  = "running"
)

// instanceFault makes instances fail.
type instanceFault struct {
	place   string
	group   string
	index   int
	failure *Failure
	times   int // left; negative: forever
}

// FailInstance makes updates of an instance fail, times times, or until
// Repair if times is negative. With a message its pre-start script fails and
// the message is what the agent says; with "" its jobs do not come up.
func (d *Director) FailInstance(group string, index int, message string, times int) {
	f := &instanceFault{place: faultPreStart, group: group, index: index, times: times, failure: &Failure{450001, message}}
	if message == "" {
		f.place, f.failure = faultRunning, nil // the message names the instance
	}
	d.addFault(f)
}

// FailCreateVM makes the cloud refuse to create VMs for an instance, like FailInstance.
func (d *Director) FailCreateVM(group string, index int, message string, times int) {
	d.addFault(&instanceFault{place: faultCreateVM, group: group, index: index, times: times, failure: &Failure{100, message}})
}

func (d *Director) addFault(f *instanceFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// Repair ends every fault of FailInstance and FailCreateVM.
func (d *Director) Repair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// takeFault gives the failure that an instance is to meet at a place, nil if none.
func (d *Director) takeFault(place, deployment string, i *instance) *Failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.faults {
		if f.place != place || f.group != i.group || f.index != i.index || f.times == 0 {
			continue
		}
		f.times--
		if f.failure != nil {
			return f.failure
		}
		return failure(400007, "'%s' is not running after update. Review logs for failed jobs: %s", i.label(), i.group)
	}
	return nil
}

// HoldLock takes a deployment's lock, as the health monitor does while it
// repairs, and shows a task for it. It is held until release is called. A lock
// that is held already is taken from its holder.
func (d *Director) HoldLock(deployment string) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &task{description: "scan and fix", user: "hm", deployment: deployment, parked: true, minor: true}
	d.insert(t)
	t.state, t.started = StateProcessing, d.now()
	l := &lock{name: deploymentLock(deployment), uid: newUUID(), task: t.id, holder: t.id, acquired: d.now(), serial: d.next("lock")}
	d.locks[l.name] = l
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.locks[l.name] == l {
			delete(d.locks, l.name)
		}
		if !t.finished() {
			t.state, t.result, t.timestamp = StateDone, "scan and fix complete", d.now()
			close(t.done)
		}
	}
}

// LoseJob puts a deployment and the task of a deploy into their tables without a job
// for it, as a director does that dies in between. It stays queued; when it is cancelled, it becomes a timeout
// as one whose worker has died.
func (d *Director) LoseJob(deployment, contextID string) (id int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deployment(deployment) == nil { // its row comes before the task's
		d.newDeployment(submission{cloud: d.findConfigs("cloud", "", 1), runtime: d.findConfigs("runtime", "", 1)}, deployment)
	}
	t := &task{description: "create deployment", user: d.opts.Username, deployment: deployment, contextID: contextID}
	d.insert(t)
	t.frozen, t.killed = true, d.now()
	return t.id
}

// KillWorker kills the worker of a task, parent and child, while it runs. The
// task stays processing until someone looks at it after 180 s × Scale and
// finds a timeout; its locks expire after at most 241 s × Scale. It says
// whether there was such a worker.
func (d *Director) KillWorker(id int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.freeze(d.find(id))
}

// KillWorkerChild kills only the process that a worker has forked for a task:
// the parent notices, and the task ends at once as an error without a result.
// Its locks stay until they expire.
func (d *Director) KillWorkerChild(id int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.find(id)
	if !d.freeze(t) {
		return false
	}
	t.state = StateError
	close(t.done)
	return true
}

// freeze stops a running task where it is. The caller holds mu.
func (d *Director) freeze(t *task) bool {
	if t == nil || t.started.IsZero() || t.finished() || t.frozen || t.parked {
		return false
	}
	t.frozen, t.killed = true, d.now()
	t.timestamp = t.started
	t.kill()
	for _, l := range d.locks {
		if l.holder == t.id {
			l.died = t.killed
		}
	}
	return true
}

// Outage is how a director is down.
type Outage int

const (
	// BadGateway is nginx answering 502 while the director behind it is down.
	BadGateway Outage = iota
	// Refuse is nothing listening: connections are closed without an answer.
	Refuse
)

// outage is a director being down.
type outage struct{ kind Outage }

// Down makes the director unreachable until up is called. Its workers go on.
func (d *Director) Down(kind Outage) (up func()) {
	o := &outage{kind}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outage = o
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.outage == o {
			d.outage = nil
		}
	}
}

// Restart is Down for a while. The director keeps its state, as it is in a database.
func (d *Director) Restart(kind Outage, during time.Duration) {
	up := d.Down(kind)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	d.running.Go(func() {
		defer up()
		timer := time.NewTimer(during)
		defer timer.Stop()
		select {
		case <-d.ctx.Done():
		case <-timer.C:
		}
	})
}

// badGateway is nginx's page.
const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
	"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

// refused answers for a director that is down and says whether it is.
func (d *Director) refused(w http.ResponseWriter) bool {
	d.mu.Lock()
	o := d.outage
	d.mu.Unlock()
	if o == nil {
		return false
	}
	if hijacker, ok := w.(http.Hijacker); ok && o.kind == Refuse {
		if conn, _, err := hijacker.Hijack(); err == nil {
			_ = conn.Close()
			return true
		}
	}
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(badGateway)))
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, badGateway)
	return true
}

// LockHolders lists the tasks that hold or held the locks in the table, expired ones included.
func (d *Director) LockHolders() []int {
	var ids []int
	for _, l := range d.Locks() {
		if id, err := strconv.Atoi(l.Task); err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
