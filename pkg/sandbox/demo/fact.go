package demo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// facts are what the demo has seen and judges by.
type facts struct {
	upgrade, verify, again player.Outcome
	events                 []concourse.Event // until the upgrade was verified
	effects                []director.Effect // of the upgrade
	worker                 string            // that the upgrade build ran on
	ways                   []string          // what it said of the way of the upgrade
	deploysAgain           int               // deploys of the second round
	triggeredAgain         int               // jobs that the second round started

	taskEnded time.Time // of its put's task

	mu     sync.Mutex
	newest player.Version // the last component set that check found
}

// at is when something happened last on the ATC until the upgrade was verified; zero for never.
func (f *facts) at(kind string, match func(concourse.Event) bool) time.Time {
	var when time.Time
	for _, e := range f.events {
		if e.Kind == kind && match(e) {
			when = e.At
		}
	}
	return when
}

// last is when one of several kinds of events happened last; zero for never.
func (f *facts) last(match func(concourse.Event) bool, kinds ...string) (when time.Time) {
	for _, kind := range kinds {
		if at := f.at(kind, match); at.After(when) {
			when = at
		}
	}
	return when
}

// accepted is when the director has accepted the upgrade's deploy; zero for never.
func (f *facts) accepted() time.Time {
	if len(f.effects) == 0 {
		return time.Time{}
	}
	return f.effects[0].At
}

// found says whether a version of Concourse has been found.
func (f *facts) found(version string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest["concourse"] == version
}

func upgrade(e concourse.Event) bool { return e.Job == "upgrade" }
func every(concourse.Event) bool     { return true }

// observeWorld puts what the simulators do on the timeline.
func (d *demo) observeWorld(who, what string) {
	d.line.Add(who, what)
}

// observePlayer puts what Concourse does on the timeline.
func (d *demo) observePlayer(h player.Happening) {
	job := fmt.Sprintf("%s #%s", h.Job, h.Build)
	switch h.Kind {
	case "check":
		d.observeCheck(h)
	case "build":
		text := "build " + h.Status
		if h.Err != nil {
			text += ": " + h.Err.Error()
		}
		d.line.Add(job, text)
	case "get":
		d.line.Add(job, fmt.Sprintf("got %s %s", h.Resource, stage.VersionText(h.Versions[0])))
	case "put":
		d.line.Add(job, fmt.Sprintf("put %s: %s", h.Resource, stage.VersionText(h.Versions[0])))
		for _, f := range h.Metadata {
			d.line.Add("", fmt.Sprintf("    %-14s %s", f.Name, f.Value))
			if f.Name == "way" {
				d.facts.ways = append(d.facts.ways, f.Value)
			}
		}
		if d.deploying() {
			d.beside.Go(func() { d.follow(h.Versions[0]) })
		}
	}
}

// deploying says whether the director is at work.
func (d *demo) deploying() bool {
	for _, t := range d.world.Director.Tasks() {
		if t.State == director.StateQueued || t.State == director.StateProcessing {
			return true
		}
	}
	return false
}

// follow tells when the task of a put ends. Nobody in the pipeline does.
func (d *demo) follow(v player.Version) {
	id, err := strconv.Atoi(v["task"])
	if err != nil {
		return
	}
	task, err := d.world.Director.Wait(d.ctx, id)
	if err != nil {
		return
	}
	d.line.Add("BOSH", fmt.Sprintf("director task %d is over: %s", id, task.State))
}

func (d *demo) observeCheck(h player.Happening) {
	if h.Err != nil {
		d.line.Add("Concourse", fmt.Sprintf("check of %s fails: %v", h.Resource, h.Err))
		return
	}
	for _, v := range h.Versions {
		if h.Resource == "components" {
			d.facts.mu.Lock()
			d.facts.newest = v
			d.facts.mu.Unlock()
		}
		d.line.Add("Concourse", fmt.Sprintf("check of %s finds %s", h.Resource, stage.VersionText(v)))
	}
}

// deploys are the deploy tasks that the director has accepted.
func (d *demo) deploys() []director.Effect {
	var list []director.Effect
	for _, e := range d.world.Director.Effects() {
		if e.Kind == director.EffectDeploy {
			list = append(list, e)
		}
	}
	return list
}

// expectSuccess are all that must have been seen of an upgrade that works.
func (d *demo) expectSuccess() []stage.Expectation {
	f := &d.facts
	put := f.upgrade.Results["deployment"]
	set := f.at(concourse.KindUpdate, every)
	one := len(f.effects) == 1
	return slices.Concat([]stage.Expectation{
		stage.Seen("the build that started the upgrade is green", f.upgrade.Status == "succeeded"),
		stage.Seen("its put answered with the director's task", put.Version["task"] != ""),
		stage.Seen("the director started exactly one deploy", one),
		stage.Seen("the pipeline was set before that", one && !set.IsZero() && set.Before(f.effects[0].At)),
		stage.Seen("the pipeline uses the new Perpetual, by its signed digest", strings.Contains(d.pipelineText(), publisher.ImageDigest(d.after.Perpetual, "resource"))),
	}, d.expectWay(), []stage.Expectation{
		stage.Seen("another build verified that task and is green", f.verify.Status == "succeeded" && f.verify.Results["finished-deployment"].Version["task"] == put.Version["task"]),
		stage.Seen("Concourse runs the new version", d.version() == d.after.Concourse),
		stage.Seen("the second round triggered nothing", f.triggeredAgain == 0),
		stage.Seen("the upgrade by hand was green and deployed nothing", f.again.Status == "succeeded" && f.deploysAgain == 0),
	})
}

// expectWay are those of the way in which web and workers were replaced.
func (d *demo) expectWay() []stage.Expectation {
	f := &d.facts
	ended := f.at(concourse.KindFinish, upgrade)
	if d.team == nil {
		worker := func(e concourse.Event) bool { return e.Worker == f.worker }
		leaving := f.last(worker, concourse.KindLanding, concourse.KindRetiring)
		left := f.last(worker, concourse.KindLanded, concourse.KindRetired)
		return []stage.Expectation{
			stage.Seen("its worker was leaving while the build still ran", !leaving.IsZero() && leaving.Before(ended)),
			stage.Seen("its worker had drained only after the build had ended", left.After(ended)),
			stage.Seen("the director's task ended after that", f.taskEnded.After(left)),
		}
	}
	return append(stage.ExpectQuiet(f.events, f.ways), d.team.Expect(f.events, f.accepted(), f.taskEnded)...)
}

// expectFailure are those of an upgrade whose deploy fails at a worker.
func (d *demo) expectFailure() []stage.Expectation {
	f := &d.facts
	message := ""
	if f.verify.Err != nil {
		message = f.verify.Err.Error()
	}
	verified := f.last(func(e concourse.Event) bool { return e.Job == "verify" }, concourse.KindStart)
	return slices.Concat([]stage.Expectation{
		stage.Seen("the build that started the upgrade is green", f.upgrade.Status == "succeeded"),
		stage.Seen("the director started exactly one deploy", len(f.effects) == 1),
	}, d.expectWay(), []stage.Expectation{
		stage.Seen("another build verified the result and is red", f.verify.Status == "failed" && !verified.IsZero()),
		stage.Seen("it names the stage", strings.Contains(message, "Updating instance")),
		stage.Seen("it names the instance", strings.Contains(message, "worker/")),
	})
}

// builtOn is the worker that the last upgrade build runs or ran on.
func builtOn(events []concourse.Event) string {
	name := ""
	for _, e := range events {
		if e.Kind == concourse.KindStart && upgrade(e) {
			name = e.Worker
		}
	}
	return name
}

// pipelineText is the pipeline as it is set.
func (d *demo) pipelineText() string {
	text, err := stage.NewATC(d.world.Concourse, world.Team).Config()
	if err != nil {
		return ""
	}
	return string(text)
}

// version is the one that Concourse reports.
func (d *demo) version() string {
	version := ""
	for _, e := range d.world.Concourse.Events() {
		if e.Kind == concourse.KindUpgrade {
			version = e.Version
		}
	}
	return version
}
