package deployment

import (
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

func (t *Table) instanceRoutes() []api.Route {
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
func (t *Table) listInstances(c *api.Call, onlyVMs bool) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	if c.Query.Get("format") == "full" {
		c.Redirect(t.queue.Enqueue(&task.Row{
			Description: "retrieve vm-stats", User: c.User, ContextID: c.ContextID, Deployment: dep.Name, Minor: true,
			Work: func(j *task.Job) (string, error) { return "", t.printStats(j, dep, onlyVMs) },
		}))
		return
	}
	views := []instanceView{}
	for _, i := range dep.Instances {
		if i.VM == nil && onlyVMs {
			continue
		}
		view := instanceView{Job: i.Group, Index: i.Index, ID: i.ID, AZ: i.AZ, IPs: []string{i.IP}}
		if i.VM != nil {
			view.Agent, view.CID, view.Created = i.VM.Agent, i.VM.CID, i.VM.Created.UTC().Format(time.RFC3339)
		}
		if onlyVMs {
			view.Active, view.Permanent = new(true), new(false)
		} else {
			view.ExpectsVM = new(i.State != "detached")
		}
		views = append(views, view)
	}
	c.List(views)
}

func (t *Table) printStats(j *task.Job, dep *Deployment, onlyVMs bool) error {
	t.Lock()
	instances := slices.Clone(dep.Instances)
	var lines []string
	for _, i := range instances {
		if i.VM != nil || !onlyVMs {
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
func (i *Instance) stats(now time.Time, disks map[string]any) vmStats {
	s := vmStats{
		CloudProperties: struct{}{}, DiskCIDs: []string{}, IPs: []string{i.IP}, Job: i.Group, Index: i.Index,
		State: i.State, VMType: i.VmType, AZ: i.AZ, ID: i.ID, Bootstrap: i.bootstrap, Processes: []processView{},
		Stemcell: stemcellOf{i.Stemcell.Name, i.Stemcell.Version, i.Stemcell.API},
	}
	if i.VM == nil {
		return s
	}
	s.CID, s.Agent, s.Active = &i.VM.CID, &i.VM.Agent, new(true)
	s.Created = new(i.VM.Created.UTC().Format(time.RFC3339))
	uptime := int(now.Sub(i.VM.Created).Seconds())
	s.Vitals = map[string]any{
		"cpu":  map[string]string{"sys": "3.0", "user": "7.6", "wait": "0.1"},
		"disk": disks,
		"load": []string{"1.25", "1.08", "1.33"},
		"mem":  map[string]string{"kb": "1141068", "percent": "5"}, "swap": map[string]string{"kb": "0", "percent": "0"},
		"uptime": map[string]int{"secs": uptime},
	}
	process := "running"
	switch {
	case i.Running:
		s.JobState = "running"
	case i.JobSpec == FailedSpec:
		s.JobState, process = "failing", "failing"
	default:
		s.JobState, process = "stopped", "stopped"
	}
	for n, name := range i.Jobs {
		s.Processes = append(s.Processes, processView{
			Name: name, State: process, Uptime: map[string]int{"secs": uptime},
			Mem: map[string]any{"kb": 100 * (n + 1), "percent": 0.1}, CPU: map[string]float64{"total": 0.1},
		})
	}
	return s
}
