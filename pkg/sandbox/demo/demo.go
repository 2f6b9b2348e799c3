// Package demo plays a whole self-upgrade of a simulated Concourse, or its whole life
// from nothing to nothing, with the real programs, tells what happens, and checks
// that all of it did.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/installation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// The scenarios.
const (
	Success = "success" // an upgrade that works
	Failure = "fail"    // one in which a new worker does not come up
	Install = "install" // from nothing to a Concourse, its upgrade, and its end
)

// Scenarios names all of them, for people.
const Scenarios = Success + ", " + Failure + " or " + Install

// Options say what is played.
type Options struct {
	Scenario string // Success, Failure or Install
	// What is played with; of that Success and Failure use Program, Out and Workers, two by
	// default.
	installation.Options
	// Concourse is the version that appears; default 8.3.0, whose workers are of another
	// major version than those of the installed one.
	Concourse string
	// Alter, if set, changes the pipeline behind the program's back before the
	// upgrade, to see what comes of a pipeline that is made otherwise.
	Alter func(pipeline string) string
}

// canaryFailure is what BOSH says of a new worker that does not come up.
const canaryFailure = "'worker/0' is not running after update. Review logs for failed jobs: worker"

// demo is one performance.
type demo struct {
	options Options
	world   *world.World
	player  *player.Player
	line    *stage.Timeline
	ctx     context.Context // of the performance, for what goes on beside it
	facts   facts
	after   world.Set      // what appears
	team    *stage.Team    // whose builds run beside; nil unless the upgrade is quiet
	beside  sync.WaitGroup // what goes on beside the performance
}

// Run plays the scenario. It fails when anything did not happen as it must.
func Run(ctx context.Context, o Options) error {
	switch o.Scenario {
	case Success, Failure:
	case Install:
		return installation.Run(ctx, o.Options)
	default:
		return fmt.Errorf("play the demo: unknown scenario %q; want %s", o.Scenario, Scenarios)
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &demo{options: o, line: stage.NewTimeline(o.Out, 12), ctx: ctx, after: stage.After}
	settings := world.Options{Observe: d.observeWorld}
	if o.Concourse != "" {
		d.after.Concourse = o.Concourse
	} else {
		settings.WebDrain = stage.Patience // only the build that upgrades runs then, and it ends
	}
	w, err := world.Start(ctx, settings)
	if err != nil {
		return fmt.Errorf("start the simulators: %w", err)
	}
	d.world = w
	if o.Concourse == "" {
		d.team = stage.NewTeam(w, d.line)
	}
	d.player = &player.Player{
		ATC: stage.NewATC(w.Concourse, world.Team), Program: o.Program, Credentials: w.Credentials(),
		Observe: d.observePlayer, AfterPut: d.holdBuild,
	}
	err = d.play(ctx)
	cancel()
	d.beside.Wait()
	return errors.Join(err, w.Close())
}

// play is the story.
func (d *demo) play(ctx context.Context) error {
	d.line.Head("A Concourse is deployed by BOSH, once, from outside.")
	if err := d.install(ctx); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	d.line.Head("The pipeline looks at the world. The deployment is as wanted: verify is green, upgrade has nothing to do.")
	if err := d.settle(ctx); err != nil {
		return fmt.Errorf("first round: %w", err)
	}
	if err := d.alter(); err != nil {
		return fmt.Errorf("alter pipeline: %w", err)
	}
	d.line.Head(fmt.Sprintf("Concourse %s, stemcell %s and Perpetual %s appear.", d.after.Concourse, d.after.Stemcell, d.after.Perpetual))
	d.world.Publish(d.after)
	if d.options.Scenario == Failure {
		d.world.Director.FailInstance("worker", 0, canaryFailure, 1)
	}
	deploys, events := len(d.deploys()), len(d.world.Concourse.Events())
	if err := d.beginTeam(deploys); err != nil {
		return fmt.Errorf("begin the other team's build: %w", err)
	}
	if err := d.upgrade(ctx); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	if task, err := strconv.Atoi(d.facts.upgrade.Results["deployment"].Version["task"]); err == nil {
		d.facts.taskEnded = d.world.Director.Ended(task)
	}
	d.facts.effects, d.facts.events = d.deploys()[deploys:], d.world.Concourse.Events()[events:]
	if d.options.Scenario == Failure {
		return d.line.Judge(d.expectFailure())
	}
	d.line.Head("A second round, and the upgrade job once more by hand: nothing to do.")
	if err := d.again(ctx); err != nil {
		return fmt.Errorf("second round: %w", err)
	}
	return d.line.Judge(d.expectSuccess())
}

// beginTeam starts what goes on beside the upgrade, which is the deploy after those
// that are given.
func (d *demo) beginTeam(deploys int) error {
	if d.team == nil {
		return nil
	}
	if err := d.team.Begin(); err != nil {
		return err
	}
	d.beside.Go(func() {
		d.team.Follow(d.ctx, func() bool { return len(d.deploys()) > deploys })
	})
	return nil
}

// install deploys the first set with the program itself, from outside, and sets
// the pipeline; a person then unpauses it.
func (d *demo) install(ctx context.Context) error {
	if err := d.world.History(); err != nil {
		return err
	}
	d.world.Publish(stage.Before)
	dir, err := os.MkdirTemp("", "install-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "cloud-config.yml"), []byte(world.CloudConfig), 0o600); err != nil {
		return err
	}
	set, err := d.fetchSet(ctx, dir)
	if err != nil {
		return err
	}
	d.line.Add("install", "the newest set is "+stage.Describe(set))
	vars := d.world.ManifestVars()
	vars["worker_instances"] = d.options.Workers
	var out player.Result
	request := map[string]any{"source": d.world.DeploymentSource(), "params": map[string]any{
		"components": "components", "cloud_config": "cloud-config.yml", "vars": vars, "detach": false,
		"pipeline": map[string]any{"name": stage.PipelineName, "vars": d.world.PipelineVars()},
	}}
	if err := d.run(ctx, "out", dir, request, &out); err != nil {
		return err
	}
	d.line.Add("install", "deployed as director task "+out.Version["task"])
	return d.world.Concourse.Unpause(world.Team, stage.PipelineName)
}

// fetchSet checks and gets the newest components into dir/components.
func (d *demo) fetchSet(ctx context.Context, dir string) (player.Version, error) {
	source := d.world.ComponentsSource()
	var versions []player.Version
	if err := d.run(ctx, "check", "", map[string]any{"source": source}, &versions); err != nil {
		return nil, err
	}
	if len(versions) != 1 {
		return nil, fmt.Errorf("the first check gave %d versions", len(versions))
	}
	var in player.Result
	request := map[string]any{"source": source, "version": versions[0]}
	return versions[0], d.run(ctx, "in", filepath.Join(dir, "components"), request, &in)
}

func (d *demo) run(ctx context.Context, verb, dir string, stdin, result any) error {
	return player.Run(ctx, d.options.Program, player.Process{Verb: verb, Stdin: stdin, Dir: dir, Stderr: io.Discard}, result)
}

// settle plays until nothing is triggered any more.
func (d *demo) settle(ctx context.Context) error {
	for {
		outcomes, err := d.player.Tick(ctx)
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			if o.Err != nil {
				return fmt.Errorf("job %s: %w", o.Job, o.Err)
			}
		}
		if len(outcomes) == 0 {
			return nil
		}
	}
}

// alter sets the pipeline that the options make of the present one.
func (d *demo) alter() error {
	if d.options.Alter == nil {
		return nil
	}
	_, err := d.world.Concourse.SetPipeline(world.Team, stage.PipelineName, nil, []byte(d.options.Alter(d.pipelineText())))
	return err
}

// upgrade plays until the verifying job has run for the new task.
func (d *demo) upgrade(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stage.Patience)
	defer cancel()
	for {
		outcomes, err := d.player.Tick(ctx)
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			switch o.Job {
			case "upgrade":
				d.facts.upgrade = o
				d.line.Head("The build is over. BOSH goes on by itself.")
			case "verify":
				d.facts.verify = o
				return d.settleTeam(ctx)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// settleTeam waits until the other team's builds have ended.
func (d *demo) settleTeam(ctx context.Context) error {
	if d.team == nil {
		return nil
	}
	return d.team.Wait(ctx)
}

// again checks once more and triggers the upgrade by hand.
func (d *demo) again(ctx context.Context) error {
	deploys := len(d.deploys())
	outcomes, err := d.player.Tick(ctx)
	if err != nil {
		return err
	}
	d.facts.triggeredAgain = len(outcomes)
	d.line.Add("Concourse", fmt.Sprintf("checks everything: %d jobs are triggered", len(outcomes)))
	d.facts.again, err = d.player.Trigger(ctx, "upgrade")
	d.facts.deploysAgain = len(d.deploys()) - deploys
	return err
}

// holdBuild keeps the build of an upgrade that is not quiet open for a moment after
// its put, as other builds on the worker may be: the worker's drain has to wait for
// it. Without that the build would have ended before BOSH reaches the worker, and the
// demo would prove nothing. A quiet upgrade replaces all that could run it.
func (d *demo) holdBuild(ctx context.Context, job string) {
	if job != "upgrade" || d.team != nil || !d.facts.found(d.after.Concourse) || d.facts.upgrade.Status != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stage.Patience)
	defer cancel()
	d.facts.worker = builtOn(d.world.Concourse.Events())
	if err := d.world.WaitDraining(ctx, d.facts.worker); err != nil {
		return // the expectations will tell
	}
	stage.Linger(ctx)
	d.line.Add("Concourse", "the worker has been told to leave, and this build ends now")
}
