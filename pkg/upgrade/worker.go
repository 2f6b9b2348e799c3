package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// workers wants a running worker for every instance that the manifest has, each
// with a worker version that the ATC takes. On BOSH a worker is called by its
// instance's id; where none is, all running workers are counted.
func (in In) workers(ctx context.Context, instances []Instance, wanted manifest.Deployment) (string, error) {
	info, err := in.ATC.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the ATC: %w", err)
	}
	workers, err := in.ATC.Workers(ctx)
	if err != nil {
		return "", fmt.Errorf("list workers: %w", err)
	}
	want, ids := expected(instances, wanted.Groups(concourseRelease, workerJob))
	ours := slices.DeleteFunc(slices.Clone(workers), func(w Worker) bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(w.Name, id) })
	})
	if len(ours) == 0 {
		ours = workers
	}
	running, why := 0, ""
	for _, w := range ours {
		switch {
		case !compatible(w.Version, info.WorkerVersion):
			why += fmt.Sprintf("; worker %s has version %s, the ATC wants %s", w.Name, w.Version, info.WorkerVersion)
		case w.State != "running":
			why += fmt.Sprintf("; worker %s is %s", w.Name, w.State)
		default:
			running++
		}
	}
	if running < want {
		return "", fmt.Errorf("%d of %d workers run%s", running, want, why)
	}
	return fmt.Sprintf("%d of %d run%s", running, want, why), nil
}

// expected says how many workers there must be, and the ids of their instances.
// Those that an operator has stopped are not expected.
func expected(instances []Instance, groups []manifest.InstanceGroup) (want int, ids []string) {
	for _, g := range groups {
		want += g.Instances
		for _, i := range instances {
			switch {
			case i.Group != g.Name:
			case i.Wanted == "stopped" || i.Wanted == "detached":
				want--
			case i.ID != "":
				ids = append(ids, i.ID)
			}
		}
	}
	return want, ids
}

// compatible compares versions of the worker API as Concourse does: the same
// major, and no lower minor. A version that is no number must be equal.
func compatible(worker, wanted string) bool {
	have, errHave := semver.NewVersion(worker)
	want, errWant := semver.NewVersion(wanted)
	if wanted == "" || errHave != nil || errWant != nil {
		return wanted == "" || worker == wanted
	}
	return have.Major() == want.Major() && have.Minor() >= want.Minor()
}
