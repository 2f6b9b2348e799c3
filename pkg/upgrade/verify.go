package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// The names in the bundled and in other people's Concourse manifests.
const (
	concourseRelease = "concourse"
	webJob           = "web"
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
	moves   bool // a newer deploy changes the answer
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
// workers run. What a newer deploy is changing just now it leaves to that one's
// own verification.
func (in In) verify(ctx context.Context, source resource.Source, f *facts) error {
	wanted, err := inventory.Deployed(f.Deployed)
	if err != nil {
		return err
	}
	settle := in.Settle
	if settle == 0 {
		settle = defaultSettle
	}
	settling, cancel := context.WithTimeoutCause(ctx, settle, fmt.Errorf("it did not settle within %s", settle))
	defer cancel()
	for _, c := range in.checks(source, f, wanted) {
		result := checkResult{name: c.name}
		result.found, result.err = in.ask(settling, c)
		if result.err != nil && (c.settles || c.moves) {
			newer, err := in.newer(ctx, source, f.Task)
			if err == nil && newer != nil && newer.State != bosh.StateQueued {
				result.found, result.err = fmt.Sprintf("not judged: %s changes it", newer.Label()), nil
			}
		}
		f.Checks = append(f.Checks, result)
		_, _ = fmt.Fprintf(in.Log, "%s: %s\n", c.name, result.text())
		if result.err != nil {
			return fmt.Errorf("%s: %w", c.name, result.err)
		}
	}
	return nil
}

// newer is a later deploy of the deployment that runs, or else is queued; nil if there
// is none.
func (in In) newer(ctx context.Context, source resource.Source, than bosh.Task) (*bosh.Task, error) {
	tasks, err := in.Director.Tasks(ctx, bosh.TaskFilter{
		Deployment: source.Deployment, States: []string{bosh.StateQueued, bosh.StateProcessing, bosh.StateCancelling}, All: true,
	})
	if err == nil {
		tasks, err = leaveQueued(ctx, in.Director, tasks, func(t bosh.Task) {
			_, _ = fmt.Fprintf(in.Log, "director task %d is queued, and later ones have ended: no worker will take it; %s\n", t.ID, t.Unqueue())
		})
	}
	var found *bosh.Task
	for _, t := range byID(tasks) {
		if t.ID > than.ID && t.Holds() && (found == nil || found.State == bosh.StateQueued) {
			found = &t
		}
	}
	return found, err
}

// checks is the list of questions; more belong at its end.
func (in In) checks(source resource.Source, f *facts, wanted manifest.Deployment) []check {
	list := []check{{name: "director task", do: func(context.Context) (string, error) { return f.taskDone() }}}
	if in.Set != nil || in.Sets != nil {
		list = append(list, check{name: "component set", moves: true, do: func(ctx context.Context) (string, error) { return in.setDeployed(ctx, f) }})
	}
	list = append(list,
		check{name: "instances", settles: true, do: func(ctx context.Context) (string, error) { return in.instancesRun(ctx, source, f, wanted) }})
	if in.ATC == nil {
		_, _ = fmt.Fprintln(in.Log, "the source has no concourse section: the ATC and its workers are not asked")
		return list
	}
	return append(list,
		check{name: "Concourse version", settles: true, do: func(ctx context.Context) (string, error) {
			return in.version(ctx, wanted.Release(concourseRelease))
		}},
		check{name: "workers", settles: true, do: func(ctx context.Context) (string, error) {
			return in.workers(ctx, source.Deployment, f, wanted)
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
		if err == nil || !c.settles || refused(err) {
			return found, err
		}
		if last == nil || ctx.Err() == nil { // a look that was cut short tells less than the one before
			last = err
		}
		if waited := sleep(ctx, poll); waited != nil {
			if errors.Is(last, waited) {
				return "", last
			}
			if errors.Is(last, ctx.Err()) {
				return "", waited
			}
			return "", fmt.Errorf("%w (%w)", last, waited)
		}
	}
}

func (f *facts) taskDone() (string, error) {
	if f.Task.State == bosh.StateDone {
		return fmt.Sprintf("%d is done", f.Task.ID), nil
	}
	failure := Failure{}
	if f.Failure != nil {
		failure = *f.Failure
	}
	return "", taskError(f.Task, failure)
}

// instancesRun wants every instance running. The first look was taken before.
func (in In) instancesRun(ctx context.Context, source resource.Source, f *facts, wanted manifest.Deployment) (string, error) {
	if running, bad := notRunning(f.Instances, wanted); running == 0 || bad != "" {
		instances, err := in.Director.Instances(ctx, source.Deployment)
		if err != nil {
			return "", err
		}
		f.Instances = instances
	}
	running, bad := notRunning(f.Instances, wanted)
	switch {
	case bad != "":
		return "", errors.New(bad)
	case running == 0:
		return "", errors.New("no instance of the deployment runs")
	}
	return fmt.Sprintf("%d run", running), nil
}

// notRunning counts those that run, and names one that does not and should: an
// errand's VMs come and go, and an operator may have stopped others.
func notRunning(instances []bosh.Instance, wanted manifest.Deployment) (running int, bad string) {
	for _, i := range instances {
		errand := slices.ContainsFunc(wanted.InstanceGroups, func(g manifest.InstanceGroup) bool {
			return g.Name == i.Group && g.Lifecycle == "errand"
		})
		switch {
		case i.State == "running":
			running++
		case errand || i.Wanted == "stopped" || i.Wanted == "detached":
		case bad == "":
			bad = fmt.Sprintf("%s/%s (%d) is %s", i.Group, i.ID, i.Index, cmp.Or(i.State, "without a VM"))
		}
	}
	return running, bad
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
