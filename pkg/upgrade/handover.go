package upgrade

import (
	"cmp"
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// handsOver says whether the new Perpetual of the set shall do the upgrade: where this
// one does not know the wanted Concourse, and the pipeline that it sets runs the new
// one from the next build on. A build of the new one finds its pipeline set already,
// so nothing is handed over twice.
func (o Out) handsOver(r *run) bool {
	if !r.Way.Changes() || compatibility.Concourse(r.Way.To).Match == compatibility.Exact {
		return false
	}
	newer, tag := r.NewerPerpetual()
	return newer != "" && o.Concourse != nil && o.Build.Job != "" && o.Build.Pipeline == r.Pipeline.Ref.Name &&
		r.Pipeline.Bundled && r.Pipeline.Kept[plan.OwnTag] != tag
}

// handOver starts the build that goes on with the new program. It runs when this one
// has ended, as the job is serial.
func (o Out) handOver(ctx context.Context, r *run) (string, error) {
	newer, _ := r.NewerPerpetual()
	build, err := o.Concourse.TriggerJob(ctx, r.Pipeline.Ref, o.Build.Job)
	if err != nil {
		return "", fmt.Errorf("start the build that goes on with Perpetual %s, which the pipeline has now: %w; trigger job %s by hand", newer, err, o.Build.Job)
	}
	tasks, err := r.compared.Tasks(ctx)
	if err != nil {
		return "", err
	}
	r.became(0, HandedOver)
	if last := task.Judge(r.compared.Operation(), tasks).Last; last != nil {
		r.result.Task = last.ID
	}
	return fmt.Sprintf("this Perpetual does not know Concourse %s: build #%s of %s goes on with Perpetual %s", r.Way.To, cmp.Or(build.Name, "?"), o.Build.Job, newer), nil
}
