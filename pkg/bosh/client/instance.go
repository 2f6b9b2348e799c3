package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// instanceLine is a line of the result of the task that GET instances starts.
type instanceLine struct {
	Group     string         `json:"job_name"`  // "web"
	ID        string         `json:"id"`        // "436cb8d0-…"
	Index     int            `json:"index"`     // 0
	AZ        string         `json:"az"`        // "z1"
	State     string         `json:"job_state"` // "running"
	Wanted    string         `json:"state"`     // "started"
	Bootstrap bool           `json:"bootstrap"` // true
	IPs       []string       `json:"ips"`       // ["192.168.1.2"]
	VMCID     string         `json:"vm_cid"`    // "10867"
	AgentID   string         `json:"agent_id"`  // "c62809bf-…"
	VMType    string         `json:"vm_type"`   // "small"
	Processes []bosh.Process `json:"processes"`
	Stemcell  struct {
		Name    string `json:"name"`    // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
		Version string `json:"version"` // "1.484"
	} `json:"stemcell"`
}

// Instances asks the agents of a deployment how they are. The director does that
// in a task, for which this waits. Its error is bosh.ErrNotFound if there is no such
// deployment.
func (c *Client) Instances(ctx context.Context, name string) ([]bosh.Instance, error) {
	action := "ask for the instances of deployment " + name
	result, err := c.askAgents(ctx, name, action)
	if err != nil {
		return nil, err
	}
	instances, err := decodeInstances(result)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	return instances, nil
}

// ask starts a task that only reads, and waits until it has succeeded.
func (c *Client) ask(ctx context.Context, action, path string, query url.Values) (bosh.Task, error) {
	id, err := c.wire.Submit(ctx, transport.Submission{Action: action, Method: http.MethodGet, Path: path, Query: query})
	var uncertain *bosh.UncertainError
	if errors.As(err, &uncertain) { // it changes nothing: no need to look for it
		return bosh.Task{}, fmt.Errorf("%s: %w", action, uncertain.Err)
	}
	if err != nil {
		return bosh.Task{}, err
	}
	task, err := c.Wait(ctx, id, nil)
	if err != nil {
		return bosh.Task{}, fmt.Errorf("%s: %w", action, err)
	}
	if !task.Succeeded() {
		return bosh.Task{}, fmt.Errorf("%s: director task %d ended as %s: %s", action, id, task.State, task.Result)
	}
	return task, nil
}

// decodeInstances reads JSON lines.
func decodeInstances(result []byte) ([]bosh.Instance, error) {
	var instances []bosh.Instance
	for line := range bytes.Lines(result) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var l instanceLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("read an instance from the task's result: %w", err)
		}
		instances = append(instances, bosh.Instance{
			Group: l.Group, ID: l.ID, Index: l.Index, AZ: l.AZ, State: l.State, Wanted: l.Wanted,
			Bootstrap: l.Bootstrap, IPs: l.IPs, VMCID: l.VMCID, AgentID: l.AgentID, VMType: l.VMType, Processes: l.Processes,
			Stemcell: bosh.Stemcell{Name: l.Stemcell.Name, Version: l.Stemcell.Version},
		})
	}
	return instances, nil
}
