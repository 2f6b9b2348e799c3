package stage

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// The pipelines of the other team. Somebody has paused the second one.
const (
	otherPipeline  = "app"
	pausedPipeline = "nightly"
	otherJob       = "test"
	otherConfig    = "jobs: [{name: " + otherJob + ", plan: [{task: test, file: test.yml}]}]"
)

// Team is another team on the same Concourse, whose builds an upgrade must not harm:
// one runs when it begins, one is triggered in its midst.
type Team struct {
	world *world.World
	line  *Timeline

	first  *concourse.Build
	second atomic.Pointer[concourse.Build] // nil until it is triggered
}

// NewTeam is a team that has done nothing yet, and tells what it does.
func NewTeam(w *world.World, line *Timeline) *Team { return &Team{world: w, line: line} }

// who is the team's job on the timeline.
const who = world.OtherTeam + "/" + otherPipeline

// Begin sets the pipelines and starts the first build.
func (t *Team) Begin() error {
	for _, pipeline := range []string{otherPipeline, pausedPipeline} {
		if _, err := t.world.Concourse.SetPipeline(world.OtherTeam, pipeline, nil, []byte(otherConfig)); err != nil {
			return fmt.Errorf("set pipeline %s: %w", pipeline, err)
		}
	}
	if err := t.world.Concourse.Unpause(world.OtherTeam, otherPipeline); err != nil {
		return err
	}
	var err error
	if t.first, err = t.world.Concourse.StartBuild(world.OtherTeam, otherPipeline, otherJob, "", false); err != nil {
		return err
	}
	t.line.Add(who, "build #1 of another team runs")
	return nil
}

// Follow does what the team does during an upgrade whose deploy is accepted at some
// time: once its pipeline is paused its build ends, and the next one is triggered.
func (t *Team) Follow(ctx context.Context, accepted func() bool) {
	if until(ctx, func() bool { return t.paused() || accepted() }) != nil {
		return
	}
	Linger(ctx)
	t.end(t.first, "#1")
	if until(ctx, accepted) != nil {
		return
	}
	b, err := t.world.Concourse.TriggerBuild(world.OtherTeam, otherPipeline, otherJob, world.OtherUser)
	if err != nil {
		t.line.Add(who, "build #2 cannot be triggered: "+err.Error())
		return
	}
	t.second.Store(b)
	t.line.Add(who, fmt.Sprintf("build #2 was triggered and is %s", b.Status()))
	select {
	case <-b.Begun():
		t.world.Concourse.TakeBuild(world.OtherTeam, otherPipeline)
	case <-ctx.Done():
		return
	}
	t.line.Add(who, fmt.Sprintf("build #2 is %s", b.Status()))
	Linger(ctx)
	t.end(b, "#2")
}

// end ends a build well, unless it has ended before.
func (t *Team) end(b *concourse.Build, name string) {
	_ = b.Finish("succeeded") // fails for an unknown status only
	t.line.Add(who, fmt.Sprintf("build %s %s", name, b.Status()))
}

// paused says whether the pipeline was paused.
func (t *Team) paused() bool {
	for _, e := range t.world.Concourse.Events() {
		if e.Kind == concourse.KindPause && e.Team == world.OtherTeam && e.Pipeline == otherPipeline {
			return true
		}
	}
	return false
}

// Wait waits until the team's builds have ended.
func (t *Team) Wait(ctx context.Context) error {
	return until(ctx, func() bool {
		b := t.second.Load()
		return b != nil && b.Status() != "pending" && b.Status() != "started"
	})
}

// Linger is a moment in which people see what is.
func Linger(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
}

// until waits until it is so, or fails with the context's error.
func until(ctx context.Context, so func() bool) error {
	for !so() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// Expect are what must have been seen of the team, and of all builds. accepted is when
// the director has accepted the deploy, ended when its task was over.
func (t *Team) Expect(events []concourse.Event, accepted, ended time.Time) []Expectation {
	errored, touched, second := 0, 0, t.second.Load()
	var paused, unpaused, started, last time.Time
	for _, e := range events {
		other := e.Team == world.OtherTeam && e.Pipeline == otherPipeline
		switch {
		case e.Kind == concourse.KindFinish && e.Status != "succeeded" && e.Status != "failed":
			errored++
		case (e.Kind == concourse.KindPause || e.Kind == concourse.KindUnpause) && !other:
			touched++
		case e.Kind == concourse.KindPause:
			paused = e.At
		case e.Kind == concourse.KindUnpause:
			unpaused = e.At
		case e.Kind == concourse.KindStart && second != nil && e.Build == second.ID():
			started = e.At
		case e.Kind == concourse.KindFinish && t.first != nil && e.Build == t.first.ID():
			last = e.At
		}
	}
	return []Expectation{
		Seen("the other team's pipeline was paused, and its running build waited for, before the deploy", paused.Before(last) && last.Before(accepted) && !paused.IsZero()),
		Seen("its build that was triggered meanwhile stayed pending until all was over, and succeeded", second != nil && !unpaused.IsZero() && started.After(ended) && !started.Before(unpaused) && second.Status() == "succeeded"),
		Seen("no other pipeline was touched: neither the one that was paused before nor this one", touched == 0),
		Seen("no build errored", errored == 0),
	}
}
