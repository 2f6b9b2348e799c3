package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// diskLine is what is read of the line of an instance.
type diskLine struct {
	Group  string `json:"job_name"` // "db"
	ID     string `json:"id"`
	Index  int    `json:"index"` // 0
	Vitals struct {
		Disk struct {
			Persistent struct {
				Percent string `json:"percent"` // "37"
			} `json:"persistent"`
		} `json:"disk"`
	} `json:"vitals"`
}

// PersistentDisks asks the agents of a deployment how full their persistent disks are.
// Instances without such a disk are left out, and so are those whose agent does not
// answer. Its error is bosh.ErrNotFound if there is no such deployment.
func (c *Client) PersistentDisks(ctx context.Context, name string) ([]bosh.Disk, error) {
	action := "ask for the disks of deployment " + name
	result, err := c.askAgents(ctx, name, action)
	if err != nil {
		return nil, err
	}
	disks, err := decodeDisks(result)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	return disks, nil
}

// decodeDisks reads JSON lines.
func decodeDisks(result []byte) ([]bosh.Disk, error) {
	var disks []bosh.Disk
	for line := range bytes.Lines(result) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var l diskLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("read an instance from the task's result: %w", err)
		}
		text := l.Vitals.Disk.Persistent.Percent
		if text == "" {
			continue
		}
		percent, err := strconv.Atoi(text)
		if err != nil || percent < 0 {
			return nil, errors.New("read a disk from the task's result: its usage is not a percentage")
		}
		disks = append(disks, bosh.Disk{Group: l.Group, ID: l.ID, Index: l.Index, Percent: percent})
	}
	return disks, nil
}

// askAgents gives the result of the task in which the director asks the agents of a
// deployment: a line of JSON for each instance.
func (c *Client) askAgents(ctx context.Context, name, action string) ([]byte, error) {
	path, err := deploymentPath(name)
	if err != nil {
		return nil, err
	}
	task, err := c.ask(ctx, action, path+"/instances", url.Values{"format": {"full"}})
	if err != nil {
		return nil, err
	}
	result, err := c.TaskResult(ctx, task.ID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	return result, nil
}
