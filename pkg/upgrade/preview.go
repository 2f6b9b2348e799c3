package upgrade

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// preview says what Run would do, and changes nothing.
func (o Out) preview(ctx context.Context, r *run) (resource.Result, error) {
	if err := o.previewPipeline(ctx, r); err != nil {
		return resource.Result{}, fmt.Errorf("compare pipeline: %w", err)
	}
	if len(r.input.CloudConfig) > 0 {
		var lines []string
		changed, err := o.Director.SetCloudConfig(ctx, r.input.CloudConfig, true, func(line string) { lines = append(lines, line) })
		if err != nil {
			return resource.Result{}, fmt.Errorf("compare cloud config: %w", err)
		}
		o.say("cloud config: would change: %t", changed)
		for _, line := range lines {
			o.tell(line)
		}
	}
	changed, err := o.previewManifest(ctx, r)
	if err != nil {
		return resource.Result{}, fmt.Errorf("compare manifest: %w", err)
	}
	tasks, err := o.tasks(ctx, r)
	if err != nil {
		return resource.Result{}, err
	}
	r.answer.note = noteDryRun
	v := judge(r.operation(o.Build), tasks)
	if v.last != nil {
		r.answer.task = v.last.ID
	}
	if !changed && v.last != nil && !v.good && v.running == nil {
		o.say("director task %d, the last deploy, ended as %s: would deploy again", v.last.ID, v.last.State)
		changed = true
	}
	if changed || r.Params.Recreate || r.Params.Fix {
		r.answer.note = noteWould
	}
	return r.result(), nil
}

// previewManifest prints the director's comparison. A director that lacks the
// stemcell or a release may refuse it; then it says what would be uploaded.
func (o Out) previewManifest(ctx context.Context, r *run) (changed bool, err error) {
	if len(r.upload) > 0 {
		o.say("would be uploaded: %s", describe(r.upload))
		o.tellOrigins(r.upload)
	}
	diff, err := o.diff(ctx, r)
	if err != nil && len(r.upload) > 0 {
		o.say("manifest of %s: the director cannot compare it before that: %v", r.Source.Deployment, err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !diff.Changed() {
		o.say("manifest of %s: unchanged", r.Source.Deployment)
		return len(r.upload) > 0, nil
	}
	o.say("manifest of %s would change:", r.Source.Deployment)
	o.print(diff.Lines)
	return true, nil
}

// tell shows a line of a difference.
func (o Out) tell(line string) { _, _ = fmt.Fprintf(o.Log, "  %s\n", line) }

// print shows a difference of manifests as diff does.
func (o Out) print(lines []bosh.DiffLine) {
	for _, line := range lines {
		mark := " "
		switch line.Op {
		case "added":
			mark = "+"
		case "removed":
			mark = "-"
		}
		_, _ = fmt.Fprintf(o.Log, "  %s %s\n", mark, line.Text)
	}
}

// printPipeline shows a difference of pipelines likewise.
func (o Out) printPipeline(lines []concourse.DiffLine) {
	for _, line := range lines {
		_, _ = fmt.Fprintf(o.Log, "  %s %s\n", line.Op, line.Text)
	}
}
