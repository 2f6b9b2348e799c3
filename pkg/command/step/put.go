// Package step holds the verbs of the resource type, as a build or a person runs them: what
// a step is given becomes a request of the packages that do it, and what they have done
// becomes the version and the metadata that Concourse shows.
package step

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Put is what a put on a deployment asks for. Every file that its params name is read, below
// the build's directory, so that a missing one is found before anything is changed.
func Put(req resource.OutRequest, dir string) (plan.Request, error) {
	p := req.Params
	in, err := readInput(p, dir)
	if err != nil {
		return plan.Request{}, fmt.Errorf("read inputs: %w", err)
	}
	asked := plan.Request{
		Deployment: req.Source.Deployment, Team: req.Source.Concourse.Team, Input: in,
		DryRun: p.DryRun, Wait: !p.Detached(), Recreate: p.Recreate, Fix: p.Fix,
		SkipDrain: p.SkipDrain, Canaries: resource.Count(p.Canaries), MaxInFlight: resource.Count(p.MaxInFlight),
		Way: p.Upgrade.Way, QuietTimeout: p.Upgrade.QuietTimeout.Duration,
		GoOn: p.Upgrade.OnQuietTimeout == resource.QuietGo, NoGate: !p.Upgrade.Colocated(),
		AllowDowngrade: p.AllowDowngrade, Adopt: p.Adopt, IgnoreSet: p.IgnoreSet, Attempts: p.Attempts,
		Timeout: p.Timeout.Duration, LockTimeout: p.LockTimeout.Duration,
	}
	if p.Pipeline != nil {
		asked.Pipeline = &plan.Pipeline{Skip: p.Pipeline.Skip, Name: p.Pipeline.Name, InstanceVars: p.Pipeline.InstanceVars}
	}
	return asked, nil
}

// resultOpen stands in the metadata of a deploy that nobody has waited for.
const resultOpen = "open: the deploy may still fail, or not get the deployment's lock; a get with verify: true judges it"

// PutResult is a put's answer.
func PutResult(req resource.OutRequest, did upgrade.Result) resource.Result {
	result := resource.Result{Version: resource.TaskVersion(did.Task)}
	add := func(name, value string) {
		result.Metadata = append(result.Metadata, resource.Field{Name: name, Value: value})
	}
	for _, t := range did.Taken {
		add(t.Name, t.String())
	}
	if did.Upgrades() || did.Way.Way != "" && did.Way.Way != compatibility.WebFirst {
		add("way", did.Way.String())
	}
	add("deploy", string(did.Became))
	if len(did.Dropped) > 0 {
		add("does not count", strings.Join(did.Dropped, ", "))
	}
	if did.Task != 0 {
		add("director task", strconv.Itoa(did.Task))
		add("follow it", fmt.Sprintf("bosh -e %s task %d", req.Source.Director.URL, did.Task))
	}
	if req.Params.Detached() && (did.Became == upgrade.Started || did.Became == upgrade.Joined) {
		add("result", resultOpen)
	}
	p := did.Pipeline
	switch {
	case req.Params.DryRun:
	case p.Skipped != "":
		add("pipeline", p.Skipped)
	default:
		add("pipeline", fmt.Sprintf("%s: %s", p.Ref, p.Change))
		if changed := p.Change.Headings(); p.Change.Updated && len(changed) > 0 {
			add("pipeline changed", strings.Join(changed, ", "))
		}
	}
	return result
}
