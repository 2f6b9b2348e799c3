package director

import "maps"

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
	d.store.Lock()
	defer d.store.Unlock()
	var all []Deployment
	for _, dep := range d.deployments.ByName() {
		s := Deployment{Name: dep.Name, Releases: map[string]string{}, Stemcells: map[string]string{}, Locked: d.queue.Locked(dep.Name)}
		if dep.Manifest != nil {
			s.Manifest = dep.Text
		}
		for _, r := range *dep.ReleaseList() {
			s.Releases[r.Name] = r.Version
		}
		for _, sc := range *dep.StemcellList() {
			s.Stemcells[sc.Name] = sc.Version
		}
		all = append(all, s)
	}
	return all
}

// Instances lists the instances of a deployment, in the order in which they were made.
func (d *Director) Instances(deployment string) []Instance {
	d.store.Lock()
	defer d.store.Unlock()
	dep := d.deployments.Find(deployment)
	if dep == nil {
		return nil
	}
	var all []Instance
	for _, i := range dep.Instances {
		s := Instance{
			Group: i.Group, Index: i.Index, ID: i.ID, State: i.State, Running: i.Running, IP: i.IP,
			AgentID: i.AgentID(), Releases: maps.Clone(i.Releases), Stemcell: i.Stemcell.OS + "/" + i.Stemcell.Version,
		}
		if i.VM != nil {
			s.VM = i.VM.CID
		}
		all = append(all, s)
	}
	return all
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
	d.store.Lock()
	defer d.store.Unlock()
	if s.CloudConfig != "" {
		if err := d.configs.Seed(s.CloudConfig); err != nil {
			return err
		}
	}
	for _, sc := range s.Stemcells {
		d.stock.SeedStemcell(sc.Name, sc.OS, sc.Version)
	}
	for _, r := range s.Releases {
		d.stock.SeedRelease(r.Name, r.Version)
	}
	return nil
}
