package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The newest migrations of the sources: what `concourse migrate
// --supported-db-version` prints.
const migration79, migration714 = 1666754000, 1746768931

// playRelease plays scenario 10: from one release to another that has a newer
// schema and newer workers, which would cut off what the old web starts on them.
// Another team's builds begin and end all the while, or wait for the end of it.
func playRelease(ctx context.Context, s *stage) error {
	end, err := s.beginLoad(ctx)
	if err != nil {
		return err
	}
	before := s.migration(ctx)
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	q := &quiet{stage: s, round: r}
	q.paused, q.unpaused = q.first(paused), q.first(unpaused)
	waited := s.pending(q.paused, q.unpaused)
	err = end()
	s.expect(err == nil, "another team's builds went on to the end", "%v", err)
	s.expectUpgrade(ctx, r)
	q.expectPausedMeanwhile()
	q.expectAtOnce("version 2.5")
	after := s.migration(ctx)
	s.expect(before == migration79 && after == migration714, "the database was migrated", "from %d to %d", before, after)
	s.expect(len(waited) > 0, "builds that were asked for meanwhile waited for the end of it", "%v", waited)
	s.line.add("other team", "%d builds waited: %v", len(waited), waited)
	return nil
}

// pending are the load's builds that were asked for in a time and began after it.
func (s *stage) pending(from, to time.Time) []string {
	var list []string
	for _, b := range s.record.all() {
		if strings.HasPrefix(b.JobName, loadJob) && b.seen.After(from) && b.seen.Before(to) && (len(b.events) == 0 || b.events[0].at.After(to)) {
			list = append(list, b.name())
		}
	}
	return list
}

// beginLoad installs, and begins the load.
func (s *stage) beginLoad(ctx context.Context) (end func() error, err error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := s.setOther(ctx, loadNames()...); err != nil {
		return nil, err
	}
	if end, err = s.load(ctx); err != nil {
		return nil, fmt.Errorf("begin builds of another team: %w", err)
	}
	return end, nil
}

// playWorkersFirst plays scenario 16: newer workers that serve builds under the
// old web. Another team's builds begin and end on both all the while.
func playWorkersFirst(ctx context.Context, s *stage) error {
	end, err := s.beginLoad(ctx)
	if err != nil {
		return err
	}
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	err = end()
	s.expect(err == nil, "another team's builds went on to the end", "%v", err)
	s.expectUpgrade(ctx, r)
	s.expectDrained(r, "landing")
	s.expectWay(r, "workers-first")
	down := s.record.first(webStopped, "web", r.accepted)
	for _, w := range s.workers {
		back := s.record.first("running", w.name, s.record.first(workerStopped, w.name, r.accepted))
		s.expect(!back.IsZero() && down.After(back), "the web was stopped after "+w.name+" was back", "stopped %s, back %s", clock(down), clock(back))
		old, fresh := s.record.first("version 2.3", w.name, time.Time{}), s.record.first("version 2.4", w.name, r.accepted)
		s.expect(!old.IsZero() && fresh.After(old) && fresh.Before(down), w.name+" had worker version 2.3, then 2.4 while the old web ran", "%s, %s", clock(old), clock(fresh))
	}
	begun := s.loaded(r.accepted, r.over)
	s.expect(len(begun) == len(s.workers), "another team's builds began on every worker while the director's task ran", "%v", begun)
	s.line.add("other team", "builds that began while the director's task ran, by worker: %v", begun)
	s.webPhases(r)
	return nil
}

// migration is the database's newest migration; 0 if it cannot be had.
func (s *stage) migration(ctx context.Context) int64 {
	found, err := s.db.number(ctx, "SELECT max(version) FROM migrations_history WHERE status = 'passed'")
	if err != nil {
		s.line.add("NOT SEEN", "the database's migration: %v", err)
	}
	return found
}

// expectWay wants the build to have chosen a way and to have said why.
func (s *stage) expectWay(r *round, way string) {
	s.expect(strings.Contains(r.upgrade.log(), way), "the build's log says that the way is "+way, "%s", tail(r.upgrade.log(), 600))
}

// webPhases notes when the web went and came back.
func (s *stage) webPhases(r *round) {
	s.phases = append(s.phases, phase{"web stopped", s.record.first(webStopped, "web", r.accepted)}, phase{"web answers", s.record.first(webAnswers, "web", r.accepted)})
}

// playDowngrade plays scenario 13: the pipeline asks for a release with an older
// schema and older workers.
func playDowngrade(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	const lower = "7.9.1"
	r := &round{begin: time.Now(), deploys: len(s.world.deploys())}
	set := s.newSet()
	set.Concourse = lower
	s.line.add("upstream", "concourse %s appears", lower)
	s.world.publish(set)
	if err := s.setPipeline(ctx, map[string]any{"concourse_constraint": lower}); err != nil {
		return err
	}
	var err error
	if r.upgrade, err = s.finished(ctx, "upgrade", "2"); err != nil {
		return err
	}
	log := r.upgrade.log()
	s.expect(r.upgrade.Status == "failed", "the build that would go back is red", "it %s: %s", r.upgrade.Status, tail(log, 300))
	s.expect(strings.Contains(log, lower) && strings.Contains(log, s.options.from), "its log names both versions", "%s", tail(log, 600))
	s.expect(len(s.world.deploys()) == r.deploys, "the director was asked for nothing", "it started %d deploys", len(s.world.deploys())-r.deploys)
	now, err := s.api.config(ctx, pipelineName)
	s.expect(err == nil && now.version == s.set.version, "the pipeline is as fly set it", "config version %s, %s by fly (%v)", now.version, s.set.version, err)
	s.expect(s.migration(ctx) == migration714, "the database is as it was", "its migration is %d", s.migration(ctx))
	return s.logsIn(ctx)
}
