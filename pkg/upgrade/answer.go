package upgrade

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// NothingToDeploy is the metadata "deploy" of an out that has found nothing to deploy.
const NothingToDeploy = noteNothing

// WouldDeploy is that of a dry run that has found something to deploy.
const WouldDeploy = noteWould

// What became of a deploy.
const (
	noteStarted    = "started"
	noteJoined     = "joined: it was running already"
	noteOwn        = "started by this build before"
	noteNothing    = "nothing to deploy"
	noteHandedOver = "handed over to the new Perpetual"
	noteDryRun     = "dry run: nothing was changed"
	noteWould      = "dry run: it would be deployed; nothing was changed"
)

// resultOpen stands in the metadata of a deploy that nobody has waited for.
const resultOpen = "open: the deploy may still fail, or not get the deployment's lock; a get with verify: true judges it"

// answer is what out says in the end.
type answer struct {
	task    int
	note    string
	dropped []string // the params that do not count, because another put has submitted the task
}

// result is out's answer.
func (r *run) result() resource.Result {
	result := resource.Result{Version: resource.TaskVersion(r.answer.task)}
	add := func(name, value string) {
		result.Metadata = append(result.Metadata, resource.Field{Name: name, Value: value})
	}
	for _, t := range r.taken() {
		add(t.name, t.text())
	}
	if r.way.changes() || r.way.Way != "" && r.way.Way != compatibility.WebFirst {
		add("way", r.way.String())
	}
	add("deploy", r.answer.note)
	if len(r.answer.dropped) > 0 {
		add("does not count", strings.Join(r.answer.dropped, ", "))
	}
	if r.answer.task != 0 {
		add("director task", strconv.Itoa(r.answer.task))
		add("follow it", fmt.Sprintf("bosh -e %s task %d", r.Source.Director.URL, r.answer.task))
	}
	if r.Params.Detached() && (r.answer.note == noteStarted || r.answer.note == noteJoined) {
		add("result", resultOpen)
	}
	switch {
	case r.Params.DryRun:
	case r.pipeline.skip != "":
		add("pipeline", r.pipeline.skip)
	default:
		add("pipeline", fmt.Sprintf("%s: %s", r.pipeline.ref, r.change))
		if changed := r.change.Headings(); r.change.Updated && len(changed) > 0 {
			add("pipeline changed", strings.Join(changed, ", "))
		}
	}
	return result
}
