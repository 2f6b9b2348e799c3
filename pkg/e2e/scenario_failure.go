package main

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// playCanary plays scenario 6: the first new worker does not come up.
func playCanary(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	s.world.director.FailInstance("worker", 0, "Action Failed get_task: Task 1 result: 1 of 1 pre-start scripts failed. Failed Jobs: worker.", 1)
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	s.expectStarted(r)
	s.expectPipelineFirst(ctx, r)
	s.expect(r.task.State == director.StateError, "the director's task failed", "it is %s", r.task.State)
	log := r.verify.log()
	s.expect(r.verify.Status == "failed" && r.verify.CreatedBy == nil, "another build, triggered by nobody, verified the result and is red", "it %s", r.verify.Status)
	s.expect(strings.Contains(log, "Updating instance"), "its log names the stage", "%s", tail(log, 300))
	s.expect(strings.Contains(log, "worker/") && strings.Contains(log, "pre-start"), "its log names the instance and why", "%s", tail(log, 300))
	other := s.workers[1].name
	s.expect(s.record.first("landing", other, r.begin).IsZero() && s.record.first(workerStopped, other, r.begin).IsZero(), "the other worker was left alone", "it was drained")
	s.expect(r.verify.on() == other, "it ran the verification", "that ran on %s", r.verify.on())
	if err := s.setOther(ctx, "after"); err != nil {
		return err
	}
	s.world.latch.give("after")
	if _, err := s.fly(ctx, "trigger-job", "--team", otherTeam, "-j", otherTeam+"/after"); err != nil {
		return err
	}
	b, err := s.ended(ctx, "after")
	s.expect(err == nil && b.Status == "succeeded" && b.on() == other, "it goes on to serve builds", "a build %s on %s (%v)", b.Status, b.on(), err)
	s.phases = []phase{{"accepted", r.accepted}, {"build ended", r.upgrade.ended}, {"director's task over", r.over}, {"red", r.verify.ended}}
	return nil
}
