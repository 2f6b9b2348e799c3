package cpi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// request is what bosh-cli sends to a CPI.
type request struct {
	Method    string            `json:"method"`
	Arguments []json.RawMessage `json:"arguments"`
}

// refusal is an error of the CPI.
type refusal struct {
	Type    string `json:"type"` // "Bosh::Clouds::VMNotFound"
	Message string `json:"message"`
	Retry   bool   `json:"ok_to_retry"`
}

// Error implements error.
func (r *refusal) Error() string { return r.Type + ": " + r.Message }

// notFound is the refusal of a cid that is not there.
func notFound(kind, cid string) error {
	return &refusal{Type: "Bosh::Clouds::" + kind + "NotFound", Message: cid + " is not there"}
}

// routes are the CPI's endpoint and the tarballs.
func (c *Cloud) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cpi", c.serveCPI)
	mux.HandleFunc("GET /artifacts/{name}", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		body, found := c.artifacts[r.PathValue("name")]
		c.fetched = append(c.fetched, r.PathValue("name"))
		c.mu.Unlock()
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	})
	return mux
}

// Publish serves a tarball and gives its URL.
func (c *Cloud) Publish(name string, body []byte) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.artifacts[name] = body
	return c.url + "/artifacts/" + name
}

// Fetched are the names of the tarballs that were downloaded, in order.
func (c *Cloud) Fetched() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.fetched)
}

// serveCPI answers the script of the CPI release.
func (c *Cloud) serveCPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // who asks was killed while it sent: nothing happens
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	if token := r.Header.Get("Token"); token != "" {
		c.mu.Lock()
		c.tokens = append(c.tokens, token)
		c.mu.Unlock()
	}
	call, fault := c.begin("cpi", q.Method)
	if strike(w, fault) {
		return
	}
	var result any
	err = c.judged(r.Header.Get("Token"), q)
	if err == nil {
		result, err = c.do(q)
	}
	call.Phase = During
	if strike(w, c.hook(call)) {
		return
	}
	answer := map[string]any{"result": result, "error": nil, "log": ""}
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		answer["error"] = refused
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// strike answers with a fault, if there is one.
func strike(w http.ResponseWriter, f *Fault) bool {
	switch {
	case f == nil:
		return false
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Raw != "":
		_, _ = io.WriteString(w, f.Raw)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"result": nil, "error": refusal{Type: f.Type, Message: f.Message}, "log": ""})
	}
	return true
}

// do is one method's effect.
func (c *Cloud) do(q request) (any, error) {
	switch q.Method {
	case "info":
		return map[string]any{"stemcell_formats": []string{"sandbox-light"}, "api_version": 2}, nil
	case "create_vm":
		return c.createVM(q)
	case "delete_vm":
		return nil, c.deleteVM(argument[string](q, 0))
	case "delete_disk":
		return nil, c.deleteDisk(argument[string](q, 0))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch q.Method {
	case "create_stemcell":
		s := &Stemcell{Properties: argument[map[string]any](q, 1)}
		if s.CID = lightCID(s.Properties); s.CID == "" {
			s.CID = c.id("sc")
		}
		c.stemcells[s.CID] = s
		return s.CID, nil
	case "delete_stemcell":
		if cid := argument[string](q, 0); strings.HasSuffix(cid, lightSuffix) { // AWS' CPI deletes none
			delete(c.stemcells, cid)
			return nil, nil
		}
		return nil, drop(c.stemcells, "Stemcell", argument[string](q, 0))
	case "create_disk":
		p := argument[properties](q, 1)
		d := &Disk{CID: c.id("disk"), Size: argument[int](q, 0), Encrypted: p.Encrypted, Tags: p.Tags}
		c.disks[d.CID] = d
		return d.CID, nil
	case "has_vm":
		_, there := c.vms[argument[string](q, 0)]
		return there, nil
	case "set_vm_metadata":
		return nil, c.setMetadata(argument[string](q, 0), argument[map[string]string](q, 1))
	case "set_disk_metadata":
		d := c.disks[argument[string](q, 0)]
		if d == nil {
			return nil, notFound("Disk", argument[string](q, 0))
		}
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		maps.Copy(d.Tags, argument[map[string]string](q, 1))
		return nil, nil
	case "attach_disk":
		return c.attach(argument[string](q, 0), argument[string](q, 1))
	case "detach_disk":
		return nil, c.detach(argument[string](q, 0), argument[string](q, 1))
	}
	return nil, &refusal{Type: "Bosh::Clouds::NotImplemented", Message: q.Method + " is not known"}
}

// lightSuffix ends the CID of a light stemcell.
const lightSuffix = " light"

// lightCID is the CID of a light stemcell as AWS' CPI makes it, of the image that the
// stemcell names; "" for a regular one.
func lightCID(properties map[string]any) string {
	images, _ := properties["ami"].(map[string]any)
	for _, image := range images {
		if id, _ := image.(string); id != "" {
			return id + lightSuffix
		}
	}
	return ""
}

// argument reads one argument; what is not there is its zero.
func argument[T any](q request, i int) T {
	var v T
	if i < len(q.Arguments) {
		_ = json.Unmarshal(q.Arguments[i], &v)
	}
	return v
}

// drop deletes a thing that must be there.
func drop[T any](m map[string]T, kind, cid string) error {
	if _, there := m[cid]; !there {
		return notFound(kind, cid)
	}
	delete(m, cid)
	return nil
}

// createVM makes a VM; its disks must exist, as AWS looks up their zone.
func (c *Cloud) createVM(q request) ([]any, error) {
	c.mu.Lock()
	stemcell := argument[string](q, 1)
	if c.stemcells[stemcell] == nil {
		c.mu.Unlock()
		return nil, notFound("Stemcell", stemcell)
	}
	for _, disk := range argument[[]string](q, 4) {
		if c.disks[disk] == nil {
			c.mu.Unlock()
			return nil, notFound("Disk", disk)
		}
	}
	vm := &VM{
		CID: c.id("vm"), AgentID: argument[string](q, 0), Stemcell: stemcell,
		Env: argument[map[string]any](q, 5), Created: time.Now(), State: "stopped",
		Profile: argument[properties](q, 2).Profile, Type: argument[properties](q, 2).InstanceType, Tags: argument[environment](q, 5).Bosh.Tags,
	}
	c.vms[vm.CID] = vm
	made := *vm
	networks := argument[map[string]any](q, 3)
	c.mu.Unlock()
	if c.o.OnCreateVM != nil {
		c.o.OnCreateVM(made)
	}
	return []any{made.CID, networks}, nil
}

// deleteVM ends a VM and frees its disks.
func (c *Cloud) deleteVM(cid string) error {
	c.mu.Lock()
	vm := c.vms[cid]
	if vm == nil {
		_, ended := c.ended[cid]
		c.mu.Unlock()
		if ended { // EC2 ends again what it has ended, and says that it did
			return nil
		}
		return notFound("VM", cid)
	}
	gone := *vm
	delete(c.vms, cid)
	c.mu.Unlock()
	if c.o.OnDeleteVM != nil {
		c.o.OnDeleteVM(gone)
	}
	return nil
}

// deleteDisk refuses disks that are attached, as a cloud does.
func (c *Cloud) deleteDisk(cid string) error {
	if err := c.dropDisk(cid); err != nil {
		return err
	}
	if c.o.OnDeleteDisk != nil {
		c.o.OnDeleteDisk(cid)
	}
	return nil
}

func (c *Cloud) dropDisk(cid string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, vm := range c.vms {
		if slices.Contains(vm.Disks, cid) {
			return &refusal{Type: "Bosh::Clouds::CloudError", Message: cid + " is attached to " + vm.CID}
		}
	}
	return drop(c.disks, "Disk", cid)
}

func (c *Cloud) setMetadata(cid string, metadata map[string]string) error {
	vm := c.vms[cid]
	if vm == nil {
		return notFound("VM", cid)
	}
	vm.Metadata = metadata
	return nil
}

// attach gives the device, the hint for the agent.
func (c *Cloud) attach(vm, disk string) (string, error) {
	v := c.vms[vm]
	if v == nil {
		return "", notFound("VM", vm)
	}
	if c.disks[disk] == nil {
		return "", notFound("Disk", disk)
	}
	for _, other := range c.vms {
		if other != v && slices.Contains(other.Disks, disk) {
			return "", &refusal{Type: "Bosh::Clouds::CloudError", Message: disk + " is attached to " + other.CID}
		}
	}
	if !slices.Contains(v.Disks, disk) {
		v.Disks = append(v.Disks, disk)
	}
	return fmt.Sprintf("/dev/sd%c", 'f'+len(v.Disks)-1), nil
}

func (c *Cloud) detach(vm, disk string) error {
	v := c.vms[vm]
	if v == nil {
		return notFound("VM", vm)
	}
	if !slices.Contains(v.Disks, disk) {
		return &refusal{Type: "Bosh::Clouds::DiskNotAttached", Message: disk + " is not attached to " + vm}
	}
	v.Disks = slices.DeleteFunc(v.Disks, func(d string) bool { return d == disk })
	return nil
}

// certificateOf is the certificate in a VM's env, as stemcells take it:
// env.bosh.mbus.cert.
func certificateOf(env map[string]any) (certificate, key string) {
	var at any = env
	for _, name := range []string{"bosh", "mbus", "cert"} {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	m, _ := at.(map[string]any)
	certificate, _ = m["certificate"].(string)
	key, _ = m["private_key"].(string)
	return strings.TrimSpace(certificate), strings.TrimSpace(key)
}
