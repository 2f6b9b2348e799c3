package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/concourse/concourse/atc/event"
	"github.com/jackc/pgx/v5"
	"gopkg.in/yaml.v3"
)

// holdTime is for how long a migration is held: longer than BOSH watches a web.
const holdTime = 90 * time.Second

// tableLock keeps migrations from being noted, as a long query of somebody's
// would: what reads the table goes on.
type tableLock struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

const lockTable = "LOCK TABLE migrations_history IN SHARE MODE"

// lock takes the lock.
func (d *database) lock(ctx context.Context) (*tableLock, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, lockTable)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("hold migrations: %w", err)
	}
	return &tableLock{conn, tx}, nil
}

func (l *tableLock) release(ctx context.Context) {
	_ = l.tx.Rollback(ctx) // it has changed nothing
	_ = l.conn.Close(ctx)
}

// awaitWaiting waits until a migration waits for the lock.
func (d *database) awaitWaiting(ctx context.Context) error {
	return eventually(ctx, patience, "a migration that waits", func(ctx context.Context) error {
		n, err := d.number(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'migrations_history'::regclass")
		if err == nil && n == 0 {
			err = errNotYet
		}
		return err
	})
}

// playMigration plays scenario 12: the new web's migration takes longer than BOSH
// watches it, while builds of another team run on every worker.
func playMigration(ctx context.Context, s *stage) error {
	r, jobs, lock, err := s.beginMigration(ctx)
	if err != nil {
		return err
	}
	var released time.Time
	held := s.holdMigration(ctx, lock, func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(holdTime):
		}
		released = time.Now()
	})
	s.background.Go(func() { s.endWhenDraining(ctx, jobs, r.begin) })
	if err := s.finishRound(ctx, r, "2"); err != nil {
		return err
	}
	if err := <-held; err != nil {
		return err
	}
	s.expectStarted(r)
	s.expectPipelineFirst(ctx, r)
	s.expectVerified(ctx, r)
	s.expectDrained(r, "retiring")
	s.webPhases(r)
	answers := s.record.first(webAnswers, "web", r.accepted)
	s.expect(answers.After(released) && answers.Sub(s.record.first(webStarted, "web", r.accepted)) > holdTime,
		fmt.Sprintf("the web answered only after its migration had been held for %s", holdTime), "started %s, answers %s", clock(s.record.first(webStarted, "web", r.accepted)), clock(answers))
	for _, w := range s.workers {
		left := s.left(w.name, r.accepted)
		s.expect(!left.IsZero() && left.After(answers), w.name+" was told to leave only after the web answered", "%s, the web %s", clock(left), clock(answers))
	}
	// Whether the web finds the workers before it looks for their builds is a race in
	// Concourse after so long a time: what came of them is told, not wanted.
	for _, job := range jobs {
		b, err := s.ended(ctx, job)
		if err != nil {
			return err
		}
		s.line.add("other team", "%s %s, begun again: %t", job, b.Status, b.beganAgain() != "")
	}
	s.expect(s.migration(ctx) == migration714, "the database was migrated", "its migration is %d", s.migration(ctx))
	return nil
}

// playUngated plays scenario 15, the control to 12: the same without the job that
// holds the deploy until the web answers.
func playUngated(ctx context.Context, s *stage) error {
	s.world.replies.change = withoutGate
	r, jobs, lock, err := s.beginMigration(ctx)
	if err != nil {
		return err
	}
	held := s.holdMigration(ctx, lock, func(ctx context.Context) {
		for _, w := range s.workers {
			if _, err := s.record.await(ctx, workerStopped, w.name, r.begin, patience); err != nil {
				s.line.add("BOSH", "%v", err)
			}
		}
	})
	if r.upgrade, err = s.finished(ctx, "upgrade", "2"); err != nil {
		return err
	}
	if err := <-held; err != nil {
		return err
	}
	if _, err := s.record.await(ctx, webAnswers, "web", r.begin, patience); err != nil {
		return err
	}
	answers := s.record.first(webAnswers, "web", r.begin)
	for _, w := range s.workers {
		stopped := s.record.first(workerStopped, w.name, r.begin)
		s.expect(!stopped.IsZero() && stopped.Before(answers), "without the release's job "+w.name+" left before the web answered", "stopped %s, the web %s", clock(stopped), clock(answers))
	}
	for _, job := range jobs {
		what, err := s.lost(ctx, job)
		s.expect(err == nil, "without it the work of "+job+" was lost: it "+what, "%v", err)
		s.world.latch.give(job)
	}
	_, err = s.world.director.Wait(ctx, s.world.deploys()[r.deploys].Task)
	return err
}

// lost waits until a build that ran on a worker has lost what it had done: it
// errored, or a new web began it again.
func (s *stage) lost(ctx context.Context, job string) (what string, err error) {
	err = eventually(ctx, patience, "the loss of "+job, func(context.Context) error {
		b := s.other(job)
		if b.Status == "errored" {
			what = "errored"
			return nil
		}
		if what = b.beganAgain(); what != "" {
			return nil
		}
		return fmt.Errorf("it is %s: %s", b.Status, b.lastEvents())
	})
	return what, err
}

// beganAgain says how another team's build, whose task ran once, was seen to have been
// begun again: "" if it was not. It is when its task says again that it waits; or when one
// of its steps, the fetch of its image first, is given to a worker that it had none of: one
// that has replaced a stopped one. The first does not always follow from the second soon:
// now and then a container never gets its stdin, and the other builds wait for that fetch.
func (b *build) beganAgain() string {
	ran, known := false, map[string]bool{}
	for _, h := range b.events {
		switch e := h.event.(type) {
		case event.Log:
			if !strings.Contains(e.Payload, firstWait) {
				continue
			}
			if ran {
				return "began again"
			}
			ran = true
		case event.SelectedWorker:
			if ran && !known[e.WorkerName] {
				return "began again on another worker"
			}
			known[e.WorkerName] = true
		}
	}
	return ""
}

// lastEvents are the last events of a build with their times, for who looks for what
// it waits for.
func (b *build) lastEvents() string {
	var last []string
	for _, h := range b.events[max(0, len(b.events)-5):] {
		last = append(last, clock(h.at)+" "+tail(h.raw, 200))
	}
	return strings.Join(last, "; ")
}

// beginMigration makes builds of another team run on every worker, locks the
// table and publishes a set that replaces every VM.
func (s *stage) beginMigration(ctx context.Context) (*round, []string, *tableLock, error) {
	if err := s.settle(ctx); err != nil {
		return nil, nil, nil, err
	}
	jobs := []string{"long-0", "long-1", "long-2"}
	if _, err := s.triggerEverywhere(ctx, jobs); err != nil {
		return nil, nil, nil, err
	}
	lock, err := s.db.lock(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	set := s.newSet()
	set.Stemcell = newStemcell
	r, err := s.begin(ctx, set)
	if err != nil {
		lock.release(ctx)
	}
	return r, jobs, lock, err
}

// holdMigration lets the lock go when a migration has waited for it until the
// function returned.
func (s *stage) holdMigration(ctx context.Context, lock *tableLock, until func(context.Context)) chan error {
	over := make(chan error, 1)
	s.background.Go(func() {
		defer lock.release(context.WithoutCancel(ctx))
		if err := s.db.awaitWaiting(ctx); err != nil {
			over <- err
			return
		}
		s.line.add("database", "the migration waits for a lock")
		until(ctx)
		s.line.add("database", "the lock is let go")
		over <- nil
	})
	return over
}

// left is when a worker began to leave, or was stopped; zero for never.
func (s *stage) left(worker string, since time.Time) time.Time {
	var first time.Time
	for _, kind := range []string{"landing", "retiring", "stalled", workerStopped} {
		if at := s.record.first(kind, worker, since); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// withoutGate takes the release of our own out of a manifest.
func withoutGate(manifest []byte) ([]byte, error) {
	var m map[string]any
	if err := yaml.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	m["releases"] = without(m["releases"], "name")
	groups, _ := m["instance_groups"].([]any)
	for _, each := range groups {
		if group, ok := each.(map[string]any); ok {
			group["jobs"] = without(group["jobs"], "release")
		}
	}
	return yaml.Marshal(m)
}

// without is a list without those whose key has our release's name.
func without(list any, key string) []any {
	all, _ := list.([]any)
	kept := []any{}
	for _, each := range all {
		if entry, ok := each.(map[string]any); !ok || entry[key] != gateRelease {
			kept = append(kept, each)
		}
	}
	return kept
}
