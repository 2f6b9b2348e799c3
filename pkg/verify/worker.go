package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// workers wants a running worker for every instance that the manifest has, each
// with a worker version that the ATC takes. Workers of others do not count. A VM that
// is created again in the meantime has another worker, so that the instances are read
// again for the next look.
func (v Verification) workers(ctx context.Context, deployment string, f *Facts, wanted deployment.Deployment) (string, error) {
	info, err := v.ATC.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the ATC: %w", err)
	}
	workers, err := v.ATC.Workers(ctx)
	if err != nil {
		return "", err
	}
	want, names := expected(f.Instances, wanted.Groups(inventory.Concourse, inventory.WorkerJob))
	running, why := 0, ""
	for _, name := range names {
		at := slices.IndexFunc(workers, func(w concourse.Worker) bool { return w.Name == name })
		switch {
		case at < 0:
			why += fmt.Sprintf("; worker %s is not registered", name)
		case !compatible(workers[at].Version, info.WorkerVersion):
			why += fmt.Sprintf("; worker %s has version %s, the ATC wants %s", name, workers[at].Version, info.WorkerVersion)
		case workers[at].State != "running":
			why += fmt.Sprintf("; worker %s is %s", name, workers[at].State)
		default:
			running++
		}
	}
	if running < want {
		if instances, err := v.Director.Instances(ctx, deployment); err == nil {
			f.Instances = instances
		}
		return "", fmt.Errorf("%d of %d workers run%s", running, want, why)
	}
	return fmt.Sprintf("%d of %d run%s", running, want, why), nil
}

// expected says how many workers there must be, and what those are called that have a
// VM. Those that an operator has stopped are not expected.
func expected(instances []bosh.Instance, groups []deployment.InstanceGroup) (want int, names []string) {
	for _, g := range groups {
		want += g.Instances
		for _, i := range instances {
			switch {
			case i.Group != g.Name:
			case i.Wanted == "stopped" || i.Wanted == "detached":
				want--
			case i.AgentID != "":
				names = append(names, workerName(i))
			}
		}
	}
	return want, names
}

// workerName is what the worker on an instance is called: the first block of the
// instance's id, then that of its agent from the second block on. The job takes it
// from the host name, which is the agent's id (concourse-bosh-release,
// jobs/worker/templates/env.sh.erb).
func workerName(i bosh.Instance) string {
	instance, _, _ := strings.Cut(i.ID, "-")
	_, agent, _ := strings.Cut(i.AgentID, "-")
	return instance + "-" + agent
}

// compatible compares versions of the worker API as Concourse does: the same
// major, and no lower minor. A version that is not a number must be equal.
func compatible(worker, wanted string) bool {
	have, errHave := semver.NewVersion(worker)
	want, errWant := semver.NewVersion(wanted)
	if wanted == "" || errHave != nil || errWant != nil {
		return wanted == "" || worker == wanted
	}
	return have.Major() == want.Major() && have.Minor() >= want.Minor()
}
