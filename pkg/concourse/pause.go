package concourse

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoPipeline says that there is no pipeline of a name in the team.
var ErrNoPipeline = errors.New("no such pipeline")

// Unpause lets a pipeline run, which Concourse creates paused. Letting a running
// one run changes nothing. It fails with ErrNoPipeline, and otherwise as
// PipelineConfig does.
func (c *Client) Unpause(ctx context.Context, p Pipeline) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	doing := "unpause pipeline " + p.Name
	ref, err := p.ref()
	if err != nil {
		return err
	}
	found, err := c.lookup(ctx).UnpausePipeline(ref)
	if err == nil && !found {
		return fmt.Errorf("%s: %w", doing, ErrNoPipeline)
	}
	return c.explainIf(doing, err)
}
