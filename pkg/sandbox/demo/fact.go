package demo

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// facts are what the demo has seen and judges by.
type facts struct {
	upgrade, verify, again player.Outcome
	events                 []concourse.Event // until the upgrade was verified
	effects                []director.Effect // of the upgrade
	worker                 string            // that the upgrade build ran on
	deploysAgain           int               // deploys of the second round
	triggeredAgain         int               // jobs that the second round started

	mu        sync.Mutex
	newest    player.Version // the last component set that check found
	taskEnded time.Time      // of the last put's task
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

func (f *facts) ended() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taskEnded
}

// newSet says whether the new component set has been found.
func (f *facts) newSet() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest["concourse"] == after.Concourse
}

func upgrade(e concourse.Event) bool { return e.Job == "upgrade" }
func every(concourse.Event) bool     { return true }

// observeWorld puts what the simulators do on the timeline.
func (d *demo) observeWorld(who, what string) {
	d.line.add(who, what)
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
		d.line.add(job, text)
	case "get":
		d.line.add(job, fmt.Sprintf("got %s %s", h.Resource, versionText(h.Versions[0])))
	case "put":
		d.line.add(job, fmt.Sprintf("put %s: %s", h.Resource, versionText(h.Versions[0])))
		for _, f := range h.Metadata {
			d.line.add("", fmt.Sprintf("    %-14s %s", f.Name, f.Value))
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
	d.facts.mu.Lock()
	d.facts.taskEnded = time.Now()
	d.facts.mu.Unlock()
	d.line.add("BOSH", fmt.Sprintf("director task %d is over: %s", id, task.State))
}

func (d *demo) observeCheck(h player.Happening) {
	if h.Err != nil {
		d.line.add("Concourse", fmt.Sprintf("check of %s fails: %v", h.Resource, h.Err))
		return
	}
	for _, v := range h.Versions {
		if h.Resource == "components" {
			d.facts.mu.Lock()
			d.facts.newest = v
			d.facts.mu.Unlock()
		}
		d.line.add("Concourse", fmt.Sprintf("check of %s finds %s", h.Resource, versionText(v)))
	}
}

func versionText(v player.Version) string {
	if task := v["task"]; task != "" {
		return "director task " + task
	}
	return describe(v)
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

func (d *demo) expectSuccess() error {
	f := &d.facts
	put := f.upgrade.Results["deployment"]
	worker := func(e concourse.Event) bool { return e.Worker == f.worker }
	landing, landed := f.at(concourse.KindLanding, worker), f.at(concourse.KindLanded, worker)
	set, ended := f.at(concourse.KindUpdate, every), f.at(concourse.KindFinish, upgrade)
	one := len(f.effects) == 1
	return d.line.judge([]expectation{
		{"the build that started the upgrade is green", f.upgrade.Status == "succeeded"},
		{"its put answered with the director's task", put.Version["task"] != ""},
		{"the director started exactly one deploy", one},
		{"the pipeline was set before that", one && !set.IsZero() && set.Before(f.effects[0].At)},
		{"the pipeline uses the new Perpetual", strings.Contains(d.pipelineText(), after.Perpetual)},
		{"its worker was landing while the build still ran", !landing.IsZero() && landing.Before(ended)},
		{"its worker drained only after the build had ended", landed.After(ended)},
		{"the director's task ended after that", f.ended().After(landed)},
		{"another build verified that task and is green", f.verify.Status == "succeeded" && f.verify.Results["finished-deployment"].Version["task"] == put.Version["task"]},
		{"Concourse runs the new version", d.version() == after.Concourse},
		{"the second round triggered nothing", f.triggeredAgain == 0},
		{"the upgrade by hand was green and deployed nothing", f.again.Status == "succeeded" && f.deploysAgain == 0},
	})
}

func (d *demo) expectFailure() error {
	f := &d.facts
	other := func(e concourse.Event) bool { return e.Worker == "worker-1" }
	message := ""
	if f.verify.Err != nil {
		message = f.verify.Err.Error()
	}
	return d.line.judge([]expectation{
		{"the build that started the upgrade is green", f.upgrade.Status == "succeeded"},
		{"the director started exactly one deploy", len(f.effects) == 1},
		{"another build verified the result and is red", f.verify.Status == "failed"},
		{"it names the stage", strings.Contains(message, "Updating instance")},
		{"it names the instance", strings.Contains(message, "worker/")},
		{"the other worker was left alone", f.at(concourse.KindLanding, other).IsZero()},
		{"it ran the verification", !f.at(concourse.KindStart, func(e concourse.Event) bool { return e.Job == "verify" && other(e) }).IsZero()},
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
	text, err := atc{d.world.Concourse}.Config()
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
