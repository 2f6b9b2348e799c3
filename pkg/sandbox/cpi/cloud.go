// Package cpi is a simulated IaaS with an agent on its VMs, and the CPI release,
// the stemcell and the other releases that create-env needs to use it. The
// agent's protocol and the CPI's are those that bosh-cli v7.8.6 was seen to speak.
package cpi

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// Phase says when in a call a hook runs.
type Phase string

// The phases of a call.
const (
	Before Phase = "before" // nothing has happened yet
	During Phase = "during" // the effect is there, the answer is not sent
)

// Call is one call of the CPI or of an agent.
type Call struct {
	To     string // "cpi" or "agent"
	Method string // "create_vm", "ping", "PUT blob"
	Number int    // counts all calls from 1
	Phase  Phase
}

// Fault is what a hook makes of a call.
type Fault struct {
	Type    string // an error of this type: "Bosh::Clouds::CloudError"
	Message string // with this text: "quota exceeded"
	Raw     string // this instead of an answer: "[]", "garbage"
	Drop    bool   // the connection is cut without an answer: the CPI dies
}

// Options describe a cloud. The zero value is one without faults.
type Options struct {
	// AgentAddress is where agents answer. Default "127.0.0.1:0".
	AgentAddress string
	// OnCreateVM and OnDeleteVM are called for VMs, outside of any lock.
	OnCreateVM func(VM)
	OnDeleteVM func(VM)
	// OnDeleteDisk is called for disks that are deleted, outside of any lock.
	OnDeleteDisk func(cid string)
	// OnBlob gets what is sent to an agent: the archive of all rendered jobs, and the
	// sources of packages.
	OnBlob func(vm VM, body []byte)
	// Hook sees every call in both phases and may wait, end somebody's process, or
	// give a Fault; nil is none.
	Hook func(Call) *Fault
	// Wrap is put before the handlers of the CPI and of the agents; nil: nothing is.
	Wrap func(http.Handler) http.Handler
	// Judge decides on what the CPI calls; nil: everything is allowed.
	Judge Judge
	// Polls is how often a task of the agent is still running when asked.
	Polls int
}

// Cloud is the IaaS. All its methods may be called at the same time.
type Cloud struct {
	o        Options
	ca       *tlsca.CA
	web      *http.Server
	agents   *http.Server
	url      string
	mbus     string // "127.0.0.1:41234"
	password string

	mu        sync.Mutex
	next      int
	vms       map[string]*VM
	ended     map[string]*VM // by AWS, and still to be seen for a while
	disks     map[string]*Disk
	stemcells map[string]*Stemcell
	tasks     map[string]*task
	calls     []Call
	tokens    []string
	artifacts map[string][]byte
	fetched   []string
}

// Start serves a cloud on 127.0.0.1 until Close.
func Start(o Options) (*Cloud, error) {
	if o.AgentAddress == "" {
		o.AgentAddress = "127.0.0.1:0"
	}
	ca, err := tlsca.New()
	if err != nil {
		return nil, err
	}
	c := &Cloud{
		o: o, ca: ca, password: "mbus-password-of-the-sandbox",
		vms: map[string]*VM{}, ended: map[string]*VM{}, disks: map[string]*Disk{}, stemcells: map[string]*Stemcell{},
		tasks: map[string]*task{}, artifacts: map[string][]byte{},
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the CPI: %w", err)
	}
	agents, err := net.Listen("tcp", o.AgentAddress)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the agent: %w", err), web.Close())
	}
	c.url, c.mbus = "http://"+web.Addr().String(), agents.Addr().String()
	c.web = &http.Server{Handler: c.wrap(c.routes()), ReadHeaderTimeout: time.Minute}
	if c.agents, err = c.agentServer(); err != nil {
		return nil, errors.Join(err, web.Close(), agents.Close())
	}
	go func() { _ = c.web.Serve(web) }()
	go func() { _ = c.agents.ServeTLS(agents, "", "") }()
	return c, nil
}

// wrap puts the option's handler before one.
func (c *Cloud) wrap(next http.Handler) http.Handler {
	if c.o.Wrap == nil {
		return next
	}
	return c.o.Wrap(next)
}

// Close ends the cloud and its agents.
func (c *Cloud) Close() error { return errors.Join(c.web.Close(), c.agents.Close()) }

// Address is where the CPI finds the cloud, "127.0.0.1:41233".
func (c *Cloud) Address() string { return c.url[len("http://"):] }

// Mbus is cloud_provider.mbus, with user and password.
func (c *Cloud) Mbus() string { return "https://mbus:" + c.password + "@" + c.mbus }

// AgentAddress is where agents answer, "127.0.0.1:41234".
func (c *Cloud) AgentAddress() string { return c.mbus }

// MbusPassword is the password in Mbus.
func (c *Cloud) MbusPassword() string { return c.password }

// CA is cloud_provider.cert.ca, unless a VM's env brings a certificate.
func (c *Cloud) CA() string { return c.ca.PEM() }

// VMs are the VMs that exist, in the order of their making.
func (c *Cloud) VMs() []VM {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []VM
	for _, cid := range ordered(c.vms) {
		out = append(out, c.vms[cid].clone())
	}
	return out
}

// Disks are the disks that exist, in the order of their making.
func (c *Cloud) Disks() []Disk {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Disk
	for _, cid := range ordered(c.disks) {
		out = append(out, c.disks[cid].clone())
	}
	return out
}

// Stemcells are the stemcells that exist, in the order of their making.
func (c *Cloud) Stemcells() []Stemcell {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Stemcell
	for _, cid := range ordered(c.stemcells) {
		out = append(out, *c.stemcells[cid])
	}
	return out
}

// Calls are all calls that have come in, without "info", in order.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.calls), func(call Call) bool { return call.Method == "info" })
}

// Methods are the methods called of "cpi" or "agent", without "info" and "get_task".
func (c *Cloud) Methods(to string) []string {
	var out []string
	for _, call := range c.Calls() {
		if call.To == to && call.Method != "get_task" {
			out = append(out, call.Method)
		}
	}
	return out
}

// Tokens are the secrets that the CPI had of its job's properties, once each.
func (c *Cloud) Tokens() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(c.tokens)))
}

// Forget empties the record of calls and of downloads, not the cloud.
func (c *Cloud) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.fetched = nil, nil
}

// Remove makes a VM, disk or stemcell disappear behind everybody's back.
func (c *Cloud) Remove(cid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.vms, cid)
	delete(c.disks, cid)
	delete(c.stemcells, cid)
}

// Plant makes VMs, disks and stemcells exist that others have made.
func (c *Cloud) Plant(things ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, thing := range things {
		switch t := thing.(type) {
		case VM:
			t = t.clone() // whoever plants it keeps what it has
			c.vms[t.CID] = &t
		case Disk:
			t = t.clone()
			c.disks[t.CID] = &t
		case Stemcell:
			c.stemcells[t.CID] = &t
		}
	}
}

// Reclaim ends a VM as AWS ends a spot instance: for a while it is still to be seen,
// with its tags, and without the profile that it had.
func (c *Cloud) Reclaim(vm string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.vms[vm]; v != nil {
		c.ended[vm] = v
		delete(c.vms, vm)
	}
}

// ordered are the cids of a map in the order of their numbers.
func ordered[T any](m map[string]T) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return number(a) - number(b) })
}

// number is the counter in a cid: "vm-12".
func number(cid string) int {
	for i := range len(cid) {
		if n, err := strconv.Atoi(cid[i:]); err == nil && n >= 0 {
			return n
		}
	}
	return 0
}

// id gives the next cid. The caller holds mu.
func (c *Cloud) id(prefix string) string {
	c.next++
	return prefix + "-" + strconv.Itoa(c.next)
}

// begin records a call and runs the hook before its effect.
func (c *Cloud) begin(to, method string) (Call, *Fault) {
	c.mu.Lock()
	call := Call{To: to, Method: method, Number: len(c.calls) + 1, Phase: Before}
	c.calls = append(c.calls, call)
	c.mu.Unlock()
	return call, c.hook(call)
}

// hook runs the hook, if there is one.
func (c *Cloud) hook(call Call) *Fault {
	if c.o.Hook == nil {
		return nil
	}
	return c.o.Hook(call)
}
