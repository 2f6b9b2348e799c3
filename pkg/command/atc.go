package command

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// atc gives nothing for a source without a concourse section.
func (c *call) atc(s resource.Concourse) (upgrade.ATC, upgrade.Concourse, error) {
	if s == (resource.Concourse{}) {
		return nil, nil, nil
	}
	web, err := c.atcClient(s)
	if err != nil {
		return nil, nil, err
	}
	return web, web.client, nil
}

// atcClient opens a client of the Concourse API.
func (c *call) atcClient(s resource.Concourse) (atc, error) {
	client, err := c.concourseClient(s)
	return atc{client}, err
}

// concourseClient opens the adapter itself.
func (c *call) concourseClient(s resource.Concourse) (*concourse.Client, error) {
	client, err := concourse.New(concourse.Config{
		URL: s.URL, Team: s.Team, Username: s.Username, Password: s.Password, CACert: s.CACert, Notify: c.notify, Debug: c.debug,
		Retry: patience(retry.Default),
	})
	if err != nil {
		return nil, fmt.Errorf("source.concourse: %w", err)
	}
	return client, nil
}

// atc speaks upgrade's language over the adapter.
type atc struct{ client *concourse.Client }

// Info implements upgrade.ATC.
func (a atc) Info(ctx context.Context) (upgrade.ATCInfo, error) {
	info, err := a.client.Info(ctx)
	return upgrade.ATCInfo{Version: info.Version, WorkerVersion: info.WorkerVersion}, refused(err)
}

// Workers implements upgrade.ATC.
func (a atc) Workers(ctx context.Context) ([]upgrade.Worker, error) {
	list, err := a.client.Workers(ctx)
	out := make([]upgrade.Worker, len(list))
	for i, w := range list {
		out[i] = upgrade.Worker{Name: w.Name, State: w.State, Version: w.Version, StartTime: w.StartTime}
	}
	return out, refused(err)
}

// Pipeline implements upgrade.ATC.
func (a atc) Pipeline(ctx context.Context, p upgrade.PipelineRef) (upgrade.PipelineConfig, error) {
	config, err := a.client.PipelineConfig(ctx, concourse.Pipeline(p))
	return upgrade.PipelineConfig{YAML: config.YAML, Exists: config.Exists}, refused(err)
}

// DiffPipeline implements upgrade.ATC.
func (a atc) DiffPipeline(ctx context.Context, p upgrade.PipelineRef, config []byte) (upgrade.PipelineChange, error) {
	change, err := a.client.DiffPipeline(ctx, concourse.Pipeline(p), config)
	return pipelineChange(change), err
}

// SetPipeline implements upgrade.ATC.
func (a atc) SetPipeline(ctx context.Context, p upgrade.PipelineRef, config []byte) (upgrade.PipelineChange, error) {
	change, err := a.client.SetPipeline(ctx, concourse.Pipeline(p), config)
	return pipelineChange(change), err
}

func pipelineChange(c concourse.PipelineChange) upgrade.PipelineChange {
	out := upgrade.PipelineChange{Created: c.Created, Updated: c.Updated}
	for _, line := range c.Diff {
		out.Diff = append(out.Diff, upgrade.DiffLine{Op: line.Op, Text: line.Text})
	}
	return out
}
