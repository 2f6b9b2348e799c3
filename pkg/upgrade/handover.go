package upgrade

import (
	"cmp"
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// ownComponent is what the bundled pipeline calls this program in a component set.
const ownComponent = resource.ProgramComponent

// ownTag is the bundled pipeline's variable for the image of this program: a digest, or a
// version.
const ownTag = "perpetual_image_tag"

// handsOver says whether the new Perpetual of the set shall do the upgrade: where this
// one does not know the wanted Concourse, and the pipeline that it sets runs the new
// one from the next build on. A build of the new one finds its pipeline set already,
// so nothing is handed over twice.
func (o Out) handsOver(r *run) bool {
	if !r.way.changes() || compatibility.Concourse(r.way.to).Match == compatibility.Exact {
		return false
	}
	newer, tag := r.newerPerpetual(o.Program)
	return newer != "" && o.Concourse != nil && o.Build.Job != "" && o.Build.Pipeline == r.pipeline.ref.Name &&
		r.pipeline.bundled && r.pipeline.kept[ownTag] != tag
}

// newerPerpetual is the version of this program in the set, if it is newer than running,
// and the tag or digest of its image.
func (r *run) newerPerpetual(running string) (version, tag string) {
	for _, c := range r.Input.Components {
		if c.Name == ownComponent && c.Kind == component.KindGitHub && running != "" && component.Lower(running, c.Version) {
			return c.Version, c.ImageTag()
		}
	}
	return "", ""
}

// handOver starts the build that goes on with the new program. It runs when this one
// has ended, as the job is serial.
func (o Out) handOver(ctx context.Context, r *run) (string, error) {
	newer, _ := r.newerPerpetual(o.Program)
	build, err := o.Concourse.TriggerJob(ctx, r.pipeline.ref, o.Build.Job)
	if err != nil {
		return "", fmt.Errorf("start the build that goes on with Perpetual %s, which the pipeline has now: %w; trigger job %s by hand", newer, err, o.Build.Job)
	}
	tasks, err := o.tasks(ctx, r)
	if err != nil {
		return "", err
	}
	r.became(0, HandedOver)
	if last := task.Judge(r.operation(o.Build), tasks).Last; last != nil {
		r.result.Task = last.ID
	}
	return fmt.Sprintf("this Perpetual does not know Concourse %s: build #%s of %s goes on with Perpetual %s", r.way.to, cmp.Or(build.Name, "?"), o.Build.Job, newer), nil
}
