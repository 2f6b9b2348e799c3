package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// round is one upgrade: what was before it, and what came of it.
type round struct {
	begin    time.Time
	set      simulated.Set
	deploys  int    // that the director had accepted before
	before   config // of the pipeline
	accepted time.Time
	task     director.Task
	over     time.Time // the end of the task
	upgrade  build
	verify   build
}

// begin publishes a set.
func (s *stage) begin(ctx context.Context, set simulated.Set) (*round, error) {
	r := &round{begin: time.Now(), set: set, deploys: len(s.world.deploys())}
	var err error
	if r.before, err = s.api.config(ctx, pipelineName); err != nil {
		return nil, err
	}
	s.line.add("upstream", "concourse %s, bpm %s, stemcell %s, perpetual %s appear", set.Concourse, set.BPM, set.Stemcell, set.Perpetual)
	s.world.publish(set)
	return r, nil
}

// carryThrough publishes a set and waits for the end of the upgrade's build, of
// the director's task, and of the build that verifies it.
func (s *stage) carryThrough(ctx context.Context, set simulated.Set, number string) (*round, error) {
	r, err := s.begin(ctx, set)
	if err != nil {
		return nil, err
	}
	return r, s.finishRound(ctx, r, number)
}

// finishRound waits for those ends.
func (s *stage) finishRound(ctx context.Context, r *round, number string) error {
	var err error
	if r.upgrade, err = s.finished(ctx, "upgrade", number); err != nil {
		return err
	}
	return s.verified(ctx, r, number)
}

// verified waits for the end of the director's task and of its verification.
func (s *stage) verified(ctx context.Context, r *round, number string) error {
	accepted := s.world.deploys()[r.deploys:]
	if len(accepted) == 0 {
		return fmt.Errorf("no deploy was accepted; the build %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 500))
	}
	r.accepted = accepted[0].At
	var err error
	if r.task, err = s.world.director.Wait(ctx, accepted[0].Task); err != nil {
		return err
	}
	r.over = time.Now()
	s.line.add("BOSH", "task %d is %s", r.task.ID, r.task.State)
	r.verify, err = s.finished(ctx, "verify", number)
	return err
}

// expectUpgrade is what holds for an upgrade by the bundled pipeline wherever
// it runs.
func (s *stage) expectUpgrade(ctx context.Context, r *round) {
	s.expectStarted(r)
	s.expectPipelineFirst(ctx, r)
	s.expectVerified(ctx, r)
	bad := s.notSucceeded(r.begin)
	s.expect(len(bad) == 0, "not one build of any team was errored by the upgrade", "%s", strings.Join(bad, "; "))
}

// expectStarted is what holds for the build that started the upgrade.
func (s *stage) expectStarted(r *round) {
	s.expect(r.upgrade.CreatedBy == nil, "the upgrade was triggered by the new component set, by nobody", "it was not")
	s.expect(s.succeeded(r.upgrade), "the build that started the upgrade succeeded", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
	accepted := s.world.deploys()[r.deploys:]
	s.expect(len(accepted) == 1, "the director started exactly one deploy", "it started %d", len(accepted))
	put := r.upgrade.put()["task"]
	lost := put == "" && r.upgrade.lostEnd(s.record.allMarks())
	s.expect(put == strconv.Itoa(r.task.ID) || lost, "the put gave the director's task", "it gave %q", put)
}

// expectPipelineFirst wants the pipeline to have been the new one when the
// director was asked for the deploy.
func (s *stage) expectPipelineFirst(ctx context.Context, r *round) {
	at := s.world.replies.seenAt(r.deploys)
	s.expect(at.version != r.before.version && tag(at.Config) == s.images.digest(r.set.Perpetual), "the pipeline was set before the deploy was asked for",
		"its config version was %s (%s before), its Perpetual %s", at.version, r.before.version, tag(at.Config))
	now, err := s.api.config(ctx, pipelineName)
	s.expect(err == nil && now.version == at.version, "it was set once", "config version %s, then %s (%v)", at.version, now.version, err)
}

// tag is the image of Perpetual that a pipeline uses, by its digest.
func tag(c atc.Config) string {
	for _, t := range c.ResourceTypes {
		if t.Name == "perpetual" {
			text, _ := t.Source["tag"].(string)
			return text
		}
	}
	return ""
}

// expectVerified wants the result to have been verified, and to be as verified.
func (s *stage) expectVerified(ctx context.Context, r *round) {
	s.expect(r.task.State == director.StateDone, "the director's task is done", "it is %s", r.task.State)
	s.expect(r.verify.Status == "succeeded" && r.verify.CreatedBy == nil, "another build, triggered by nobody, verified the result and is green",
		"it %s: %s", r.verify.Status, tail(r.verify.log(), 300))
	got := r.verify.got()["task"]
	s.expect(got == strconv.Itoa(r.task.ID), "it verified that task", "it verified %q", got)
	info, err := ask(ctx, s.api, "the web's version", concourse.Client.GetInfo)
	s.expect(err == nil && info.Version == r.set.Concourse, "the ATC is of the new version", "it is %s (%v)", info.Version, err)
	running, err := ask(ctx, s.api, "the workers", runningWorkers)
	s.expect(err == nil && running == len(s.workers), "all workers run", "%d of %d (%v)", running, len(s.workers), err)
}

func runningWorkers(client concourse.Client) (int, error) {
	list, err := client.ListWorkers()
	n := 0
	for _, w := range list {
		if w.State == "running" {
			n++
		}
	}
	return n, err
}

// expectDrained wants every worker to have waited for its builds, gone and come
// back, and notes when.
func (s *stage) expectDrained(r *round, state string) {
	s.phases = append(s.phases, phase{"accepted", r.accepted}, phase{"build ended", r.upgrade.ended})
	for _, w := range s.workers {
		landing := s.record.first(state, w.name, r.accepted)
		stopped := s.record.first(workerStopped, w.name, r.accepted)
		late := s.record.first(drainTimedOut, w.name, r.accepted)
		back := s.record.first("running", w.name, stopped)
		s.expect(!landing.IsZero() && stopped.After(landing) && late.IsZero(), w.name+" was "+state+" and its process ended by itself",
			"%s %s, stopped %s, timed out %s", state, clock(landing), clock(stopped), clock(late))
		s.expect(stopped.After(r.upgrade.ended), w.name+" drained only after the build had ended", "stopped %s, ended %s", clock(stopped), clock(r.upgrade.ended))
		s.expect(back.After(stopped) && !stopped.IsZero(), w.name+" came back", "back %s", clock(back))
		s.phases = append(s.phases, phase{w.name + " " + state, landing}, phase{w.name + " drained", stopped}, phase{w.name + " back", back})
	}
	s.phases = append(s.phases, phase{"director's task over", r.over}, phase{"verified", r.verify.ended})
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.0")
}

// notSucceeded lists the builds since a time that ended otherwise, with what they said last.
func (s *stage) notSucceeded(since time.Time) []string {
	var bad []string
	for _, b := range s.record.all() {
		if b.JobName != "" && b.ended.After(since) && !s.succeeded(b) {
			bad = append(bad, fmt.Sprintf("%s %s on %s: %s", b.name(), b.Status, b.on(), b.lastEvents()))
		}
	}
	return bad
}
