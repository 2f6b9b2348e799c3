package upgrade

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/task"
)

// preview says what Run would do, and changes nothing.
func (o Out) preview(ctx context.Context, r *run) error {
	if err := o.previewPipeline(ctx, r); err != nil {
		return fmt.Errorf("compare pipeline: %w", err)
	}
	if len(r.Request.Input.CloudConfig.Text) > 0 {
		var err error
		if _, r.result.CloudConfig, err = r.CompareCloudConfig(ctx); err != nil {
			return fmt.Errorf("compare cloud config: %w", err)
		}
		o.show(cloudConfigLines(r.result.CloudConfig))
	}
	changed, err := o.previewManifest(ctx, r)
	if err != nil {
		return fmt.Errorf("compare manifest: %w", err)
	}
	tasks, err := r.compared.Tasks(ctx)
	if err != nil {
		return err
	}
	r.result.Became = NothingWould
	v := task.Judge(r.compared.Operation(), tasks)
	if v.Last != nil {
		r.result.Task = v.Last.ID
	}
	if v.Running != nil && len(r.result.CloudConfig) == 0 { // with another cloud config it is waited for
		o.say("%s", joinLine(*v.Running))
		r.result.Joins, r.result.Became = v.Running, WouldJoin
		return nil
	}
	if !changed && v.Last != nil && !v.Good && v.Running == nil {
		o.say("%s", repeatLine(*v.Last))
		r.result.Repeats, changed = v.Last, true
	}
	if changed || r.Request.Recreate || r.Request.Fix {
		r.result.Became = WouldDeploy
	}
	return nil
}

// previewManifest prints the director's comparison. A director that lacks the
// stemcell or a release may refuse it; then it says what would be uploaded.
func (o Out) previewManifest(ctx context.Context, r *run) (changed bool, err error) {
	r.result.Uploads = r.Stock.Missing
	if len(r.Stock.Missing) > 0 {
		o.show(uploadLines(r.Stock.Missing))
	}
	diff, err := r.compared.Diff(ctx)
	if err != nil && len(r.Stock.Missing) > 0 {
		o.say("%s", uncomparedLine(r.Request.Deployment, err))
		r.result.Uncompared = err
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r.result.Diff = diff.Lines
	if !diff.Changed() {
		o.say("manifest of %s: unchanged", r.Request.Deployment)
		return len(r.Stock.Missing) > 0, nil
	}
	o.show(manifestLines(r.Request.Deployment, diff.Lines))
	return true, nil
}
