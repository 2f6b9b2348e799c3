package upgrade

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/component"
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
	for _, c := range r.input.Components {
		before := r.before(c)
		switch {
		case before == "":
			add(c.Name, c.Version)
		case before == c.Version:
			add(c.Name, c.Version+" (unchanged)")
		default:
			add(c.Name, before+" → "+c.Version)
		}
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
		if changed := r.change.parts(); r.change.Updated && len(changed) > 0 {
			add("pipeline changed", strings.Join(changed, ", "))
		}
	}
	return result
}

// before is the version of a component that is deployed now, or that the
// running pipeline uses. The program is called as the BOSH release with its gate,
// whose versions are others.
func (r *run) before(c component.Component) string {
	own := c.Kind == component.KindGitHub && c.Name == boshrelease.Name
	for _, list := range [][]NameVersion{r.deployed.Releases, r.deployed.Stemcells} {
		for _, nv := range list {
			if !own && (nv.Name == c.Name || nv.Name == c.Upstream) {
				return nv.Version
			}
		}
	}
	version, _ := r.pipeline.kept[strings.ReplaceAll(c.Name, "-", "_")+"_version"].(string)
	return version
}
