package main

import (
	"context"
	"fmt"
	"time"

	"github.com/concourse/concourse/go-concourse/concourse"
)

// restingPipeline is one that its team has paused.
const restingPipeline = "resting"

// quiet is a quiet upgrade being played: what other teams have when it begins.
type quiet struct {
	*stage
	round    *round
	waits    string // the build that is triggered while all is paused
	paused   time.Time
	unpaused time.Time
}

// playQuiet plays scenario 11: workers of another major. The pipelines of another
// team are paused, and it waits for a build of theirs.
func playQuiet(ctx context.Context, s *stage) error {
	q, err := s.beginQuiet(ctx)
	if err != nil {
		return err
	}
	s.line.add("other team", "%s may end", "before")
	s.world.latch.give("before")
	if err := s.finishRound(ctx, q.round, "2"); err != nil {
		return err
	}
	s.expectUpgrade(ctx, q.round)
	return q.expectQuiet(ctx)
}

// playQuietKilled plays scenario 14: the same, but the put is killed when all is
// paused, and somebody starts it again.
func playQuietKilled(ctx context.Context, s *stage) error {
	q, err := s.beginQuiet(ctx)
	if err != nil {
		return err
	}
	if err := s.killPut(); err != nil {
		return err
	}
	killed, err := s.finished(ctx, "upgrade", "2")
	if err != nil {
		return err
	}
	s.expect(killed.Status == "failed" && len(s.world.deploys()) == q.round.deploys, "the put was killed before it had deployed anything",
		"it %s, the director started %d deploys", killed.Status, len(s.world.deploys())-q.round.deploys)
	s.expect(q.first(unpaused).IsZero(), "the pipeline of the other team stays paused then", "unpaused %s", clock(q.first(unpaused)))
	s.world.latch.give("before")
	if _, err := s.fly(ctx, "trigger-job", "-j", pipelineName+"/upgrade"); err != nil {
		return err
	}
	r := q.round
	if r.upgrade, err = s.finished(ctx, "upgrade", "3"); err != nil {
		return err
	}
	if err := s.verified(ctx, r, "2"); err != nil {
		return err
	}
	s.expect(r.upgrade.Status == "succeeded", "the next build upgraded", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
	s.expectVerified(ctx, r)
	errored := s.errored(r.begin)
	s.expect(len(errored) == 0, "not one build of any team was errored", "%v", errored)
	return q.expectQuiet(ctx)
}

// beginQuiet publishes the set when another team has a build that runs and two
// pipelines, one of them paused; and waits until the other one is paused too.
// Then a build is triggered there.
func (s *stage) beginQuiet(ctx context.Context) (*quiet, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := s.setOther(ctx, "before", "meanwhile"); err != nil {
		return nil, err
	}
	if err := s.setResting(ctx); err != nil {
		return nil, err
	}
	if _, err := s.trigger(ctx, "before"); err != nil {
		return nil, err
	}
	q := &quiet{stage: s}
	var err error
	if q.round, err = s.begin(ctx, s.newSet()); err != nil {
		return nil, err
	}
	if q.paused, err = s.awaitPaused(ctx, q.round); err != nil {
		return nil, err
	}
	b := s.other("before")
	s.expect(b.ended.IsZero(), "the other team's build still ran when its pipeline was paused", "it %s", b.Status)
	s.world.latch.give("meanwhile")
	q.waits, err = s.request(ctx, "meanwhile")
	return q, err
}

// setResting sets the other team's second pipeline, which is paused like every new
// one.
func (s *stage) setResting(ctx context.Context) error {
	if err := s.writeOther("resting.yml", []string{"never"}); err != nil {
		return err
	}
	_, err := s.fly(ctx, "set-pipeline", "--team", otherTeam, "-n", "-p", restingPipeline, "-c", s.path("resting.yml"))
	return err
}

// awaitPaused waits until the other team's pipeline is paused. Meanwhile the
// checks' intervals pass.
func (s *stage) awaitPaused(ctx context.Context, r *round) (time.Time, error) {
	var at time.Time
	next := time.Now()
	err := eventually(ctx, patience, "the pause of the other team's pipeline", func(ctx context.Context) error {
		if at = s.record.first(paused, "pipeline "+otherTeam, r.begin); !at.IsZero() {
			return nil
		}
		if b, ok := s.find(pipelineName, "upgrade", "2"); ok || time.Now().Before(next) {
			if ok && !b.ended.IsZero() {
				return finalError{fmt.Errorf("the build %s: %s", b.Status, tail(b.log(), 600))}
			}
			return errNotYet
		}
		next = time.Now().Add(10 * time.Second)
		if err := s.passTime(ctx); err != nil {
			return err
		}
		return errNotYet
	})
	return at, err
}

// first is when the other team's pipeline was first paused or unpaused in the round.
func (q *quiet) first(kind string) time.Time {
	return q.record.first(kind, "pipeline "+otherTeam, q.round.begin)
}

// expectQuiet is what holds at the end of a quiet upgrade.
func (q *quiet) expectQuiet(ctx context.Context) error {
	r := q.round
	q.unpaused = q.first(unpaused)
	q.expectPausedMeanwhile()
	before := q.other("before")
	q.expect(before.Status == "succeeded" && before.ended.Before(r.accepted), "the deploy waited for its running build, which succeeded", "it %s at %s", before.Status, clock(before.ended))
	if err := q.awaitEnd(ctx, "meanwhile", q.waits); err != nil {
		return err
	}
	b, _ := q.find(otherTeam, "meanwhile", q.waits)
	var began time.Time
	if len(b.events) > 0 { // a build that is pending has none
		began = b.events[0].at
	}
	q.expect(b.Status == "succeeded" && began.After(q.unpaused), "a build that was triggered meanwhile stayed pending and then succeeded", "it %s, began %s, unpaused %s", b.Status, clock(began), clock(q.unpaused))
	q.expectPauses(ctx)
	q.expectAtOnce("version 3.0")
	return nil
}

// expectPausedMeanwhile wants a quiet upgrade.
func (q *quiet) expectPausedMeanwhile() {
	r := q.round
	q.expectWay(r, "quiet")
	q.expect(!q.paused.IsZero() && q.paused.Before(r.accepted) && q.unpaused.After(r.over) && q.unpaused.Before(r.verify.ended),
		"the other team's pipeline was paused before the deploy, and unpaused by the build that verified it",
		"paused %s, accepted %s, over %s, unpaused %s, verified %s", clock(q.paused), clock(r.accepted), clock(r.over), clock(q.unpaused), clock(r.verify.ended))
}

// expectPauses wants every pipeline to be as its team had it.
func (q *quiet) expectPauses(ctx context.Context) {
	for _, p := range []struct {
		team, name string
		paused     bool
	}{{q.team(), pipelineName, false}, {otherTeam, otherTeam, false}, {otherTeam, restingPipeline, true}} {
		found, err := ask(ctx, q.api, "the pipeline "+p.name, func(client concourse.Client) (bool, error) {
			got, _, err := client.Team(p.team).Pipeline(reference(p.name))
			return got.Paused, err
		})
		q.expect(err == nil && found == p.paused, fmt.Sprintf("at the end the pipeline %s/%s is as it was: paused %t", p.team, p.name, p.paused), "%t (%v)", found, err)
	}
	touched := q.record.first(unpaused, "pipeline "+restingPipeline, q.round.begin)
	q.expect(touched.IsZero(), "the pipeline that was paused before was never unpaused", "at %s", clock(touched))
}

// expectAtOnce wants the web to have been first, and then all workers at once. It
// notes when what happened.
func (q *quiet) expectAtOnce(version string) {
	r, answers := q.round, q.record.first(webAnswers, "web", q.round.accepted)
	q.phases = append(q.phases, phase{"accepted", r.accepted}, phase{"paused", q.paused}, phase{"build ended", r.upgrade.ended},
		phase{"web stopped", q.record.first(webStopped, "web", r.accepted)}, phase{"web answers", answers})
	for _, w := range q.workers {
		left, stopped := q.left(w.name, r.accepted), q.record.first(workerStopped, w.name, r.accepted)
		back := q.record.first("running", w.name, stopped)
		fresh := q.record.first(version, w.name, r.accepted)
		q.expect(!left.IsZero() && left.After(answers), w.name+" was left alone until the new web answered", "left %s, the web %s", clock(left), clock(answers))
		q.expect(!back.IsZero() && !fresh.IsZero(), w.name+" came back with worker "+version, "back %s, new version %s", clock(back), clock(fresh))
		q.phases = append(q.phases, phase{w.name + " left", left}, phase{w.name + " stopped", stopped}, phase{w.name + " back", back})
	}
	q.expectTogether()
	q.phases = append(q.phases, phase{"director's task over", r.over}, phase{"unpaused", q.unpaused}, phase{"verified", r.verify.ended})
}

// expectTogether wants each worker to have begun to leave before any other was
// started again.
func (q *quiet) expectTogether() {
	for _, w := range q.workers {
		for _, other := range q.workers {
			if w == other {
				continue
			}
			left, started := q.left(w.name, q.round.accepted), q.record.first(workerStarted, other.name, q.round.accepted)
			q.expect(left.Before(started), w.name+" did not wait for "+other.name, "left %s, the other was started %s", clock(left), clock(started))
		}
	}
}
