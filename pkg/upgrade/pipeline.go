package upgrade

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// setPipeline sets the pipeline that the plan has.
func (o Out) setPipeline(ctx context.Context, r *run) (string, error) {
	if r.Pipeline.Skip != "" {
		return r.Pipeline.Skip, nil
	}
	o.Mask(resource.SecretVars(r.Pipeline.Kept)...)
	r.SayForeign()
	change, err := o.ATC.SetPipeline(ctx, r.Pipeline.Ref, r.Pipeline.Config)
	if err != nil {
		return "", err
	}
	r.result.Pipeline.Change = change
	o.printPipeline(change.Diff)
	return fmt.Sprintf("%s %s", r.Pipeline.Ref, change), nil
}

// previewPipeline says what setPipeline would change.
func (o Out) previewPipeline(ctx context.Context, r *run) error {
	if r.Pipeline.Skip != "" {
		o.say("pipeline: %s", r.Pipeline.Skip)
		return nil
	}
	o.Mask(resource.SecretVars(r.Pipeline.Kept)...)
	r.SayForeign()
	change, err := o.ATC.DiffPipeline(ctx, r.Pipeline.Ref, r.Pipeline.Config)
	if err != nil {
		return err
	}
	r.result.Pipeline.Change = change
	switch {
	case change.Created:
		o.say("pipeline %s would be created", r.Pipeline.Ref)
	case change.Updated:
		o.say("pipeline %s would change:", r.Pipeline.Ref)
	default:
		o.say("pipeline %s: unchanged", r.Pipeline.Ref)
	}
	o.printPipeline(change.Diff)
	return nil
}

// printPipeline shows a difference of pipelines as diff does.
func (o Out) printPipeline(lines []concourse.DiffLine) {
	for _, line := range lines {
		o.say("  %s %s", line.Op, line.Text)
	}
}
