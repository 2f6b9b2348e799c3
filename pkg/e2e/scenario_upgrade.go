package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// playUpgrade plays scenarios 1 and 4: the bundled pipeline upgrades its Concourse.
func playUpgrade(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	s.expectNothingToDo(ctx)
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	s.expectUpgrade(ctx, r)
	s.expectDrained(r, "landing")
	places, err := s.places(ctx)
	if err == nil {
		s.expectNoSecret(places)
	}
	return err
}

// expectNothingToDo is what holds for the first build, on a deployment that is
// as wanted.
func (s *stage) expectNothingToDo(ctx context.Context) {
	s.expect(len(s.world.deploys()) == 1, "the first build deployed nothing", "the director started %d deploys", len(s.world.deploys()))
	versions, err := s.api.versions(ctx, pipelineName, "components")
	s.expect(err == nil && len(versions) == 1 && versions[0].Version["concourse"] == s.oldSet().Concourse, "the components were checked", "%v (%v)", versions, err)
	now, err := s.api.config(ctx, pipelineName)
	s.expect(err == nil && now.version == s.set.version, "the pipeline that fly set is the one that Perpetual would set", "config version %s, %s by fly (%v)", now.version, s.set.version, err)
}

// playBeside plays scenario 2: other teams' builds run on both workers while
// the VMs under these are replaced, and one more begins in the middle of it.
func playBeside(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	jobs := []string{"long-0", "long-1", "long-2"}
	on, err := s.triggerEverywhere(ctx, jobs)
	if err != nil {
		return err
	}
	since := time.Now()
	s.background.Go(func() { s.endWhenDraining(ctx, jobs, since) })
	set := s.newSet()
	set.Stemcell = newStemcell
	r, err := s.carryThrough(ctx, set, "2")
	if err != nil {
		return err
	}
	s.expectUpgrade(ctx, r)
	s.expectDrained(r, "retiring")
	for _, job := range on[s.workers[0].name] {
		s.expectWaitedFor(ctx, s.workers[0].name, job, r)
	}
	for _, job := range on[s.workers[1].name] {
		b, err := s.ended(ctx, job)
		s.expect(err == nil && s.succeeded(b), job+" on the other worker succeeded", "it %s (%v)", b.Status, err)
	}
	s.expectWaitedFor(ctx, s.workers[1].name, "late", r)
	return nil
}

// triggerEverywhere makes builds of another team run on every worker, which wait
// for their latches, and gives the jobs by worker. There is one more job, "late".
func (s *stage) triggerEverywhere(ctx context.Context, jobs []string) (map[string][]string, error) {
	if err := s.setOther(ctx, append(slices.Clone(jobs), "late")...); err != nil {
		return nil, err
	}
	on := map[string][]string{}
	for _, job := range jobs {
		b, err := s.trigger(ctx, job)
		if err != nil {
			return nil, err
		}
		on[b.on()] = append(on[b.on()], job)
		s.line.add("other team", "%s runs on %s", job, b.on())
	}
	s.expect(len(on) == len(s.workers), "another team's builds run on every worker", "%v", on)
	return on, nil
}

// endWhenDraining lets builds end some seconds after the first worker began to
// drain. It waits for all that have any container on it, so also for those whose
// task runs on the other worker and whose image was checked on this one. Another
// build begins just then, on the other worker, which waits for that in turn.
func (s *stage) endWhenDraining(ctx context.Context, jobs []string, since time.Time) {
	if _, err := s.record.await(ctx, "retiring", s.workers[0].name, since, patience); err != nil {
		s.line.add("other team", "%v", err)
	}
	if _, err := s.trigger(ctx, "late"); err != nil {
		s.line.add("other team", "%v", err)
	}
	s.giveAll(ctx, jobs...)
	if _, err := s.record.await(ctx, "retiring", s.workers[1].name, since, patience); err != nil {
		s.line.add("other team", "%v", err)
	}
	s.giveAll(ctx, "late")
}

// giveAll lets builds end in some seconds.
func (s *stage) giveAll(ctx context.Context, jobs ...string) {
	select {
	case <-ctx.Done():
	case <-time.After(3 * time.Second):
	}
	for _, job := range jobs {
		s.line.add("other team", "%s may end", job)
		s.world.latch.give(job)
	}
}

// expectWaitedFor wants a build to have gone on while its worker drained, and
// the worker to have waited for it.
func (s *stage) expectWaitedFor(ctx context.Context, worker, job string, r *round) {
	b, err := s.ended(ctx, job)
	draining, stopped := s.record.first("retiring", worker, r.accepted), s.record.first(workerStopped, worker, r.accepted)
	ok := err == nil && b.on() == worker && s.succeeded(b) && b.ended.After(draining) && stopped.After(b.ended)
	s.expect(ok, fmt.Sprintf("%s ran on while %s drained, and succeeded before that stopped", job, worker),
		"on %s it %s at %s, draining %s, stopped %s (%v): %s", b.on(), b.Status, clock(b.ended), clock(draining), clock(stopped), err, b.lastEvents())
}

// playWebRestart plays scenario 3: the web restarts while the put waits for the
// director's answer.
func playWebRestart(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	since := time.Now()
	s.world.replies.hold(func(ctx context.Context) {
		if _, err := s.record.await(ctx, webAnswers, "web", since, patience); err != nil {
			s.line.add("BOSH", "%v", err)
		}
		s.line.add("BOSH", "the answer to the deploy is sent")
	})
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	restarted := s.record.first(webAnswers, "web", since)
	s.expect(restarted.After(r.accepted) && r.upgrade.ended.After(restarted), "the web restarted while the put ran",
		"accepted %s, restarted %s, ended %s", clock(r.accepted), clock(restarted), clock(r.upgrade.ended))
	s.expectUpgrade(ctx, r)
	s.expectDrained(r, "landing")
	return nil
}
