package director

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Deployment is the state of a deployment.
type Deployment struct {
	Name      string
	Manifest  string            // of the last deploy that succeeded; "" before
	Releases  map[string]string // versions by name, of the last deploy that succeeded or began
	Stemcells map[string]string // versions by name
	Locked    bool
}

// Instance is the state of an instance.
type Instance struct {
	Group    string // "web"
	Index    int
	ID       string
	State    string            // wanted: "started", "stopped", "detached"
	Running  bool              // whether its jobs run
	VM       string            // the cloud's id; "" without a VM
	AgentID  string            // UUID of the VM's agent; "" without a VM
	IP       string            // "192.168.1.2"
	Releases map[string]string // versions of what it runs
	Stemcell string            // "ubuntu-jammy/1.484"
}

// Deployments lists the deployments by name.
func (d *Director) Deployments() []Deployment {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Deployment
	for _, dep := range d.byName() {
		s := Deployment{Name: dep.name, Releases: map[string]string{}, Stemcells: map[string]string{}, Locked: d.locked(dep.name)}
		if dep.manifest != nil {
			s.Manifest = dep.text
		}
		for _, r := range *dep.releaseList() {
			s.Releases[r.Name] = r.Version
		}
		for _, sc := range *dep.stemcellList() {
			s.Stemcells[sc.Name] = sc.Version
		}
		all = append(all, s)
	}
	return all
}

// Instances lists the instances of a deployment, in the order in which they were made.
func (d *Director) Instances(deployment string) []Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deployment(deployment)
	if dep == nil {
		return nil
	}
	var all []Instance
	for _, i := range dep.instances {
		s := Instance{
			Group: i.group, Index: i.index, ID: i.id, State: i.state, Running: i.running, IP: i.ip,
			AgentID: i.agentID(), Releases: maps.Clone(i.releases), Stemcell: i.stemcell.os + "/" + i.stemcell.version,
		}
		if i.vm != nil {
			s.VM = i.vm.cid
		}
		all = append(all, s)
	}
	return all
}

// Tasks lists all tasks by id. Unlike a request it makes no timeout of a task.
func (d *Director) Tasks() []Task {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]Task, 0, len(d.tasks))
	for _, t := range d.tasks {
		all = append(all, t.view())
	}
	return all
}

// Events gives the event log of a task as it is now.
func (d *Director) Events(id int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.find(id)
	if t == nil {
		return ""
	}
	return t.events.String()
}

// Wait waits for the end of a task. It fails when ctx ends first, or when there is no such task.
func (d *Director) Wait(ctx context.Context, id int) (Task, error) {
	d.mu.Lock()
	t := d.find(id)
	d.mu.Unlock()
	if t == nil {
		return Task{}, fmt.Errorf("wait for task %d: no such task", id)
	}
	select {
	case <-ctx.Done():
		return Task{}, fmt.Errorf("wait for task %d: %w", id, ctx.Err())
	case <-t.done:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return t.view(), nil
}

// Ended is when a task ended; zero where it has not, or where there is no such task.
func (d *Director) Ended(id int) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.find(id); t != nil && t.finished() {
		return t.timestamp
	}
	return time.Time{}
}

// Seed is state to begin with, made without requests, tasks or effects.
type Seed struct {
	CloudConfig string
	Stemcells   []SeedStemcell
	Releases    []SeedRelease
}

// SeedStemcell is a stemcell that is there from the beginning.
type SeedStemcell struct{ Name, OS, Version string }

// SeedRelease is a release that is there from the beginning.
type SeedRelease struct{ Name, Version string }

// Seed adds state. It fails if the cloud config is not a YAML mapping.
func (d *Director) Seed(s Seed) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.CloudConfig != "" {
		parsed, f := parseContent(s.CloudConfig)
		if f != nil {
			return fmt.Errorf("read cloud config: %w", f)
		}
		d.saveConfig("cloud", "default", s.CloudConfig, parsed)
	}
	for _, sc := range s.Stemcells {
		d.addStemcell(stemcellManifest{name: sc.Name, os: sc.OS, version: sc.Version, api: 3}, newUUID())
	}
	for _, r := range s.Releases {
		d.releases = append(d.releases, &release{releaseManifest: releaseManifest{name: r.Name, version: r.Version}, seeded: true})
	}
	return nil
}

// Deploy deploys a manifest as a request would and waits for the end. It
// fails if the task does, and when ctx ends first.
func (d *Director) Deploy(ctx context.Context, manifest []byte) (Task, error) {
	v, err := parseYAML(manifest)
	document, ok := v.(mapping)
	if err != nil || !ok || document.text("name") == "" {
		return Task{}, errors.Join(errors.New("read manifest: not a mapping with a name"), err)
	}
	d.mu.Lock()
	s := submission{document: document, text: string(manifest)}
	s.cloud, s.runtime = d.findConfigs("cloud", "", 1), d.findConfigs("runtime", "", 1)
	t := d.accept(s, d.opts.Username, "")
	d.mu.Unlock()
	done, err := d.Wait(ctx, t.id)
	if err == nil && done.State != StateDone {
		err = fmt.Errorf("deploy %s: task %d is %s", document.text("name"), done.ID, done.State)
	}
	return done, err
}
