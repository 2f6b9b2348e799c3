package cpi

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// task is one task of the agent.
type task struct {
	left  int // how often it is still running
	value any
}

// agentServer is the server that all VMs' agents share: there is one VM at a time,
// and its message bus has one address.
func (c *Cloud) agentServer() (*http.Server, error) {
	own, err := c.ca.Certificate(tlsca.Options{})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /agent", c.serveAgent)
	mux.HandleFunc("PUT /blobs/", c.serveBlob)
	var protocols http.Protocols
	protocols.SetHTTP1(true) // alone, as of a real agent (bosh-agent, mbus/https_dispatcher.go)
	return &http.Server{
		Handler: c.wrap(mux), ReadHeaderTimeout: time.Minute, Protocols: &protocols,
		ErrorLog: log.New(io.Discard, "", 0), // clients that were killed
		// create-env opens a connection for every call: the cheapest handshake.
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if vm, there := c.newest(); there {
				if certificate, key := certificateOf(vm.Env); certificate != "" {
					pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
					return &pair, err
				}
			}
			return &own, nil
		}},
	}, nil
}

// newest is the VM whose agent answers.
func (c *Cloud) newest() (VM, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cids := ordered(c.vms)
	if len(cids) == 0 {
		return VM{}, false
	}
	return *c.vms[cids[len(cids)-1]], true
}

// admitted says whether there is a VM and the password is right. Without a VM
// nobody answers at its address.
func (c *Cloud) admitted(w http.ResponseWriter, r *http.Request) (VM, bool) {
	vm, there := c.newest()
	if !there {
		panic(http.ErrAbortHandler)
	}
	_, password, _ := r.BasicAuth()
	if certificate, _ := certificateOf(vm.Env); certificate == "" && password != c.password {
		w.WriteHeader(http.StatusUnauthorized)
		return vm, false
	}
	return vm, true
}

// serveBlob takes a blob for OnBlob.
func (c *Cloud) serveBlob(w http.ResponseWriter, r *http.Request) {
	vm, ok := c.admitted(w, r)
	if !ok {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if c.o.OnBlob != nil {
		c.o.OnBlob(vm, body)
	}
	call, fault := c.begin("agent", "PUT blob")
	if fault == nil {
		call.Phase = During
		fault = c.hook(call)
	}
	if fault != nil {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
}

// serveAgent answers a method of the agent.
func (c *Cloud) serveAgent(w http.ResponseWriter, r *http.Request) {
	vm, ok := c.admitted(w, r)
	if !ok {
		return
	}
	var q request
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		return
	}
	call, fault := c.begin("agent", q.Method)
	if strikeAgent(w, fault) {
		return
	}
	value, message := c.act(vm.CID, q)
	call.Phase = During
	if strikeAgent(w, c.hook(call)) {
		return
	}
	if message != "" {
		_ = json.NewEncoder(w).Encode(map[string]any{"exception": map[string]string{"message": message}})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"value": value})
}

// strikeAgent answers with a fault, if there is one.
func strikeAgent(w http.ResponseWriter, f *Fault) bool {
	switch {
	case f == nil:
		return false
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Raw != "":
		_, _ = io.WriteString(w, f.Raw)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"exception": map[string]string{"message": f.Message}})
	}
	return true
}

// act is one method's effect and its value, or what the agent has against it.
func (c *Cloud) act(cid string, q request) (value any, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	vm := c.vms[cid]
	if vm == nil {
		return nil, "the VM is gone"
	}
	switch q.Method {
	case "ping":
		return "pong", ""
	case "get_state":
		return map[string]any{"job_state": vm.State, "networks": map[string]any{}}, ""
	case "list_disk":
		return append([]string{}, vm.Mounted...), ""
	case "start":
		vm.State = "running"
		return "started", ""
	case "get_task":
		return c.poll(argument[string](q, 0))
	}
	result, message := c.effect(vm, q)
	if message != "" {
		return nil, message
	}
	id := c.id("task")
	c.tasks[id] = &task{left: c.o.Polls, value: result}
	return map[string]string{"agent_task_id": id, "state": "running"}, ""
}

// poll is a task's value, or that it is still running.
func (c *Cloud) poll(id string) (any, string) {
	t := c.tasks[id]
	if t == nil {
		return nil, "Task with id " + id + " could not be found"
	}
	if t.left > 0 {
		t.left--
		return map[string]string{"agent_task_id": id, "state": "running"}, ""
	}
	return t.value, ""
}

// effect is what an asynchronous method does; it is done when the task is made.
func (c *Cloud) effect(vm *VM, q request) (value any, message string) {
	disk := argument[string](q, 0)
	switch q.Method {
	case "stop":
		vm.State = "stopped"
		return "stopped", ""
	case "drain":
		return 0, ""
	case "apply":
		vm.Jobs = jobsOf(q)
		return "applied", ""
	case "run_script":
		return map[string]any{}, ""
	case "mount_disk":
		if !slices.Contains(vm.Disks, disk) {
			return nil, disk + " is not attached"
		}
		if !slices.Contains(vm.Mounted, disk) {
			vm.Mounted = append(vm.Mounted, disk)
			c.disks[disk].Content = append(c.disks[disk].Content, vm.CID)
		}
		return map[string]any{}, ""
	case "unmount_disk", "remove_persistent_disk":
		vm.Mounted = slices.DeleteFunc(vm.Mounted, func(d string) bool { return d == disk })
		return map[string]any{}, ""
	case "add_persistent_disk":
		return map[string]any{}, ""
	case "migrate_disk":
		return c.migrate(vm)
	case "compile_package":
		return map[string]any{"result": map[string]string{"sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "blobstore_id": "compiled"}}, ""
	}
	return nil, fmt.Sprintf("unknown message %s", q.Method)
}

// migrate copies the first mounted disk's content to the second.
func (c *Cloud) migrate(vm *VM) (any, string) {
	if len(vm.Mounted) != 2 {
		return nil, fmt.Sprintf("%d disks are mounted, 2 are needed", len(vm.Mounted))
	}
	from, to := c.disks[vm.Mounted[0]], c.disks[vm.Mounted[1]]
	to.Content = slices.Clone(from.Content)
	return map[string]any{}, ""
}

// jobsOf are the names of the jobs in an apply's argument.
func jobsOf(q request) []string {
	spec := argument[struct {
		Job struct {
			Templates []struct{ Name string }
		}
	}](q, 0)
	var out []string
	for _, t := range spec.Job.Templates {
		out = append(out, t.Name)
	}
	return out
}
