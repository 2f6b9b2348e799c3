package director

import (
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

func (t *deployments) instanceRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/deployments/:deployment/vms", Needs: api.NeedsDeploymentRead, Handle: func(c *api.Call) { t.listInstances(c, true) }},
		{Method: "GET", Path: "/deployments/:deployment/instances", Needs: api.NeedsDeploymentRead, Handle: func(c *api.Call) { t.listInstances(c, false) }},
	}
}

// instanceView is an instance of GET /deployments/NAME/instances and /vms.
type instanceView struct {
	Agent     string   `json:"agent_id"`
	CID       string   `json:"cid"`   // "12187"
	Job       string   `json:"job"`   // "web"
	Index     int      `json:"index"` // 0
	ID        string   `json:"id"`
	AZ        string   `json:"az"`  // "z1"
	IPs       []string `json:"ips"` // ["192.168.1.2"]
	Created   string   `json:"vm_created_at,omitempty"`
	ExpectsVM *bool    `json:"expects_vm,omitempty"`                 // only in /instances
	Active    *bool    `json:"active,omitempty"`                     // only in /vms
	Permanent *bool    `json:"permanent_nats_credentials,omitempty"` // only in /vms
}

// vmStats is a line of the result of GET /deployments/NAME/vms?format=full.
type vmStats struct {
	CID             *string       `json:"vm_cid"`        // "10867"
	Active          *bool         `json:"active"`        // whether the VM is the instance's current one
	Created         *string       `json:"vm_created_at"` // "2026-11-21T09:40:43Z"
	CloudProperties any           `json:"cloud_properties"`
	DiskCID         *string       `json:"disk_cid"`
	DiskCIDs        []string      `json:"disk_cids"`
	IPs             []string      `json:"ips"`
	Agent           *string       `json:"agent_id"`
	Job             string        `json:"job_name"`  // "web"
	Index           int           `json:"index"`     // 0
	JobState        string        `json:"job_state"` // what the agent says: "running", "stopped", "failing"
	State           string        `json:"state"`     // what is wanted: "started", "stopped", "detached"
	VMType          string        `json:"vm_type"`   // "small"
	Vitals          any           `json:"vitals"`
	Processes       []processView `json:"processes"`
	AZ              string        `json:"az"` // "z1"
	ID              string        `json:"id"`
	Bootstrap       bool          `json:"bootstrap"`
	Ignore          bool          `json:"ignore"`
	Stemcell        stemcellOf    `json:"stemcell"`
}

type processView struct {
	Name   string             `json:"name"`   // "web"
	State  string             `json:"state"`  // "running"
	Uptime map[string]int     `json:"uptime"` // {"secs": 144987}
	Mem    map[string]any     `json:"mem"`    // {"kb": 100, "percent": 0.1}
	CPU    map[string]float64 `json:"cpu"`    // {"total": 0.1}
}

type stemcellOf struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	API     int    `json:"api_version"`
}

// listInstances answers for instances, or only for those with a VM; with
// format=full by a task whose result is a line of JSON for each.
func (t *deployments) listInstances(c *api.Call, onlyVMs bool) {
	t.Lock()
	defer t.Unlock()
	dep := t.of(c)
	if dep == nil {
		return
	}
	if c.Query.Get("format") == "full" {
		c.Redirect(t.queue.Enqueue(&task.Row{
			Description: "retrieve vm-stats", User: c.User, ContextID: c.ContextID, Deployment: dep.name, Minor: true,
			Work: func(j *task.Job) (string, error) { return "", t.printStats(j, dep, onlyVMs) },
		}))
		return
	}
	views := []instanceView{}
	for _, i := range dep.instances {
		if i.vm == nil && onlyVMs {
			continue
		}
		view := instanceView{Job: i.group, Index: i.index, ID: i.id, AZ: i.az, IPs: []string{i.ip}}
		if i.vm != nil {
			view.Agent, view.CID, view.Created = i.vm.agent, i.vm.cid, i.vm.created.UTC().Format(time.RFC3339)
		}
		if onlyVMs {
			view.Active, view.Permanent = new(true), new(false)
		} else {
			view.ExpectsVM = new(i.state != "detached")
		}
		views = append(views, view)
	}
	c.List(views)
}

func (t *deployments) printStats(j *task.Job, dep *deployment, onlyVMs bool) error {
	t.Lock()
	instances := slices.Clone(dep.instances)
	var lines []string
	for _, i := range instances {
		if i.vm != nil || !onlyVMs {
			lines = append(lines, string(api.Encode(i.stats(t.Now(), t.diskVitals(dep, i))))+"\n")
		}
	}
	t.Unlock()
	for _, line := range lines {
		j.Print(line)
	}
	return j.Sleep(200 * time.Millisecond)
}

// stats is what the agent of an instance would say, with the vitals of its disks. The
// caller holds mu.
func (i *instance) stats(now time.Time, disks map[string]any) vmStats {
	s := vmStats{
		CloudProperties: struct{}{}, DiskCIDs: []string{}, IPs: []string{i.ip}, Job: i.group, Index: i.index,
		State: i.state, VMType: i.vmType, AZ: i.az, ID: i.id, Bootstrap: i.bootstrap, Processes: []processView{},
		Stemcell: stemcellOf{i.stemcell.Name, i.stemcell.Version, i.stemcell.API},
	}
	if i.vm == nil {
		return s
	}
	s.CID, s.Agent, s.Active = &i.vm.cid, &i.vm.agent, new(true)
	s.Created = new(i.vm.created.UTC().Format(time.RFC3339))
	uptime := int(now.Sub(i.vm.created).Seconds())
	s.Vitals = map[string]any{
		"cpu":  map[string]string{"sys": "3.0", "user": "7.6", "wait": "0.1"},
		"disk": disks,
		"load": []string{"1.25", "1.08", "1.33"},
		"mem":  map[string]string{"kb": "1141068", "percent": "5"}, "swap": map[string]string{"kb": "0", "percent": "0"},
		"uptime": map[string]int{"secs": uptime},
	}
	process := "running"
	switch {
	case i.running:
		s.JobState = "running"
	case i.jobSpec == failedSpec:
		s.JobState, process = "failing", "failing"
	default:
		s.JobState, process = "stopped", "stopped"
	}
	for n, name := range i.jobs {
		s.Processes = append(s.Processes, processView{
			Name: name, State: process, Uptime: map[string]int{"secs": uptime},
			Mem: map[string]any{"kb": 100 * (n + 1), "percent": 0.1}, CPU: map[string]float64{"total": 0.1},
		})
	}
	return s
}
