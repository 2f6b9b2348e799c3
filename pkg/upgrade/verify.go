package upgrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// The names in the bundled and in other people's Concourse manifests.
const (
	concourseRelease = "concourse"
	workerJob        = "worker"
)

// defaultSettle is how long after the deploy the ATC and the workers may take.
const defaultSettle = 5 * time.Minute

// check is one question that verification asks. An error that may pass by
// itself (a web that is restarting) is asked again until it settles.
type check struct {
	name    string
	do      func(ctx context.Context) (string, error)
	settles bool
}

// checkResult is what a check found.
type checkResult struct {
	name, found string
	err         error
}

func (c checkResult) text() string {
	if c.err != nil {
		return "**failed**: " + c.err.Error()
	}
	return c.found
}

// verify asks every question in order and stops at the first bad answer: the
// task is done, the instances run, the ATC has the wanted version, the wanted
// number of workers runs.
func (in In) verify(ctx context.Context, source resource.Source, f *facts) error {
	wanted, err := manifest.Parse(manifest.File{Name: "the deployed manifest", Text: f.Deployed.Manifest})
	if err != nil {
		return err
	}
	settle := in.Settle
	if settle == 0 {
		settle = defaultSettle
	}
	ctx, cancel := context.WithTimeoutCause(ctx, settle, fmt.Errorf("it did not settle within %s", settle))
	defer cancel()
	for _, c := range in.checks(source, f, wanted) {
		result := checkResult{name: c.name}
		result.found, result.err = in.ask(ctx, c)
		f.Checks = append(f.Checks, result)
		_, _ = fmt.Fprintf(in.Log, "%s: %s\n", c.name, result.text())
		if result.err != nil {
			return fmt.Errorf("%s: %w", c.name, result.err)
		}
	}
	return nil
}

// checks is the list of questions; more belong at its end.
func (in In) checks(source resource.Source, f *facts, wanted manifest.Deployment) []check {
	list := []check{
		{name: "director task", do: func(context.Context) (string, error) { return f.taskDone() }},
		{name: "instances", settles: true, do: func(ctx context.Context) (string, error) { return in.instancesRun(ctx, source, f) }},
	}
	if in.ATC == nil {
		_, _ = fmt.Fprintln(in.Log, "the source has no concourse section: the ATC and its workers are not asked")
		return list
	}
	return append(list,
		check{name: "Concourse version", settles: true, do: func(ctx context.Context) (string, error) {
			return in.version(ctx, wanted.Release(concourseRelease))
		}},
		check{name: "workers", settles: true, do: func(ctx context.Context) (string, error) {
			return in.workers(ctx, wanted.Instances(concourseRelease, workerJob))
		}})
}

// ask repeats a check that may settle, until ctx ends.
func (in In) ask(ctx context.Context, c check) (string, error) {
	poll := in.Poll
	if poll == 0 {
		poll = 2 * time.Second
	}
	var last error
	for {
		found, err := c.do(ctx)
		if err == nil || !c.settles {
			return found, err
		}
		if last == nil || ctx.Err() == nil { // a look that was cut short tells less than the one before
			last = err
		}
		if waited := pause(ctx, poll); waited != nil {
			if errors.Is(last, ctx.Err()) {
				return "", waited
			}
			return "", fmt.Errorf("%w (%w)", last, waited)
		}
	}
}

func (f *facts) taskDone() (string, error) {
	if f.Task.State == StateDone {
		return fmt.Sprintf("%d is done", f.Task.ID), nil
	}
	failure := Failure{}
	if f.Failure != nil {
		failure = *f.Failure
	}
	return "", taskError(f.Task, failure)
}

// instancesRun wants every instance running. The first look was taken before.
func (in In) instancesRun(ctx context.Context, source resource.Source, f *facts) (string, error) {
	if bad := notRunning(f.Instances); bad != "" {
		instances, err := in.Director.Instances(ctx, source.Deployment)
		if err != nil {
			return "", fmt.Errorf("read instances: %w", err)
		}
		f.Instances = instances
	}
	if bad := notRunning(f.Instances); bad != "" {
		return "", errors.New(bad)
	}
	return fmt.Sprintf("%d run", len(f.Instances)), nil
}

func notRunning(instances []Instance) string {
	if len(instances) == 0 {
		return "the deployment has no instances"
	}
	for _, i := range instances {
		if i.State != "running" {
			return fmt.Sprintf("%s/%s (%d) is %s", i.Group, i.ID, i.Index, i.State)
		}
	}
	return ""
}

// version wants the ATC to be of the version of the concourse release, which
// carries Concourse's own version number.
func (in In) version(ctx context.Context, wanted string) (string, error) {
	info, err := in.ATC.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the ATC: %w", err)
	}
	if wanted == "" {
		return fmt.Sprintf("%s (not compared: the manifest has no release %q)", info.Version, concourseRelease), nil
	}
	if !sameVersion(info.Version, wanted) {
		return "", fmt.Errorf("the ATC reports %s, wanted is %s", info.Version, wanted)
	}
	return info.Version, nil
}

// sameVersion ignores build metadata, which a release's final version may carry.
func sameVersion(a, b string) bool {
	va, errA := semver.NewVersion(a)
	vb, errB := semver.NewVersion(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return va.Compare(vb) == 0
}

// workers wants as many running workers as the manifest has, each with the
// worker version that the ATC asks for.
func (in In) workers(ctx context.Context, wanted int) (string, error) {
	info, err := in.ATC.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the ATC: %w", err)
	}
	workers, err := in.ATC.Workers(ctx)
	if err != nil {
		return "", fmt.Errorf("list workers: %w", err)
	}
	running, old := 0, ""
	for _, w := range workers {
		switch {
		case w.State != "running":
		case info.WorkerVersion != "" && w.Version != info.WorkerVersion:
			old = fmt.Sprintf("; worker %s has version %s, wanted is %s", w.Name, w.Version, info.WorkerVersion)
		default:
			running++
		}
	}
	if running < wanted || old != "" {
		return "", fmt.Errorf("%d of %d workers run%s", running, wanted, old)
	}
	return fmt.Sprintf("%d of %d run", running, wanted), nil
}
