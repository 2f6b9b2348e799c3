package director

import (
	"maps"
	"slices"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// updater brings the instances of a deployment to what a plan says.
type updater struct {
	*deployer
	job        *task.Job
	plan       *plan.Plan
	submission submission
}

// deleteUnneeded deletes the instances of groups that are gone or have become smaller.
func (u *updater) deleteUnneeded() error {
	wanted := map[string]int{}
	for _, g := range u.plan.Groups {
		wanted[g.Name] = g.Count
	}
	dep := u.submission.deployment
	u.Lock()
	var gone []*instance
	for _, i := range dep.instances {
		if i.index >= wanted[i.group] {
			gone = append(gone, i)
		}
	}
	u.Unlock()
	stage := u.job.Stage("Deleting unneeded instances", len(gone))
	for _, i := range gone {
		if err := u.job.Checkpoint(); err != nil {
			return err
		}
		if err := stage.Step(i.label(), func(*task.Step) error {
			if err := u.retire(i); err != nil {
				return err
			}
			return u.deleteInstance(u.job, dep, i)
		}); err != nil {
			return err
		}
	}
	return nil
}

// retire drains an instance that is about to be deleted.
func (u *updater) retire(i *instance) error {
	if u.hooks.Drain == nil || !i.running || !u.submission.options.drains(i) {
		return nil
	}
	last := &instanceUpdate{updater: u, instance: i}
	return last.called(u.hooks.Drain(u.job.Ctx, Update{
		Deployment: u.submission.deployment.name, Group: i.group, Index: i.index, ID: i.id, AgentID: i.agentID(),
		Jobs: slices.Clone(i.jobs), Recreate: true, Manifest: []byte(u.plan.Text), Releases: maps.Clone(i.releases),
		Stemcell: i.stemcell.OS + "/" + i.stemcell.Version, Task: u.job.Task.ID,
	}))
}

// createMissing gives every instance that lacks one a VM.
func (u *updater) createMissing() error {
	dep := u.submission.deployment
	var missing []*instance
	u.Lock()
	for _, g := range u.plan.Groups {
		for index := range g.Count {
			i := dep.instance(g.Name, index)
			if i == nil {
				i = u.deployments.newInstance(dep, g, index)
			}
			if i.vm == nil && !u.keepsDetached(i) {
				i.vmSpec, i.stemcell, i.vmType = g.VmSpec, g.Stemcell, g.VmType
				missing = append(missing, i)
			}
		}
	}
	u.Unlock()
	stage := u.job.Stage("Creating missing vms", len(missing))
	for _, i := range missing {
		if err := u.job.Checkpoint(); err != nil {
			return err
		}
		if err := stage.Step(i.label(), func(*task.Step) error { return u.createVM(u.job, i) }); err != nil {
			return err
		}
	}
	return u.job.Checkpoint()
}

// keepsDetached says that an instance is to stay without a VM.
func (u *updater) keepsDetached(i *instance) bool {
	change := u.submission.options.state
	return i.state == "detached" && !(change.concerns(i) && change.state != "detached" && change.state != "stopped")
}

// updateGroups updates the groups in the manifest's order, those beside each
// other that are not serial together.
func (u *updater) updateGroups() error {
	for first := 0; first < len(u.plan.Groups); {
		last := first + 1
		for !u.plan.Groups[first].Policy.Serial && last < len(u.plan.Groups) && !u.plan.Groups[last].Policy.Serial {
			last++
		}
		batch := u.plan.Groups[first:last]
		if err := parallel(len(batch), len(batch), func(n int) error { return u.updateGroup(batch[n]) }); err != nil {
			return err
		}
		first = last
	}
	return nil
}

// parallel calls run for 0 to n-1, at most limit at the same time. After an
// error nothing more is begun, and what runs is waited for.
func parallel(n, limit int, run func(int) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return first != nil
	}
	slots := make(chan struct{}, max(limit, 1))
	for i := range n {
		slots <- struct{}{}
		if failed() {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			err := run(i)
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	return first
}

// updateGroup updates the instances of a group that differ from the plan, one
// zone after the other. The first instances of the first zone are the canaries.
func (u *updater) updateGroup(g *plan.Group) error {
	todo := u.todo(g)
	stage := u.job.Stage("Updating instance", len(todo), g.Name)
	for n, zone := range u.zones(g, todo) {
		canaries, _ := plan.Count(g.Policy.Canaries, len(zone))
		flight, _ := plan.Count(g.Policy.MaxInFlight, len(zone))
		canaries = min(canaries, len(zone))
		if n > 0 {
			canaries = 0
		}
		for _, round := range []struct {
			instances []*instance
			canary    bool
		}{{zone[:canaries], true}, {zone[canaries:], false}} {
			if err := parallel(len(round.instances), flight, func(n int) error {
				return u.updateInstance(stage, g, round.instances[n], round.canary)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// todo lists the instances of a group that differ from the plan. The others get
// what is written about them alone: a release may have a new version with the
// same jobs.
func (u *updater) todo(g *plan.Group) (todo []*instance) {
	u.Lock()
	defer u.Unlock()
	for index := range g.Count {
		i := u.submission.deployment.instance(g.Name, index)
		switch {
		case u.concerned(g, i):
			todo = append(todo, i)
		case i.jobSpec == g.JobSpec:
			i.releases, i.vmType = maps.Clone(g.Releases), g.VmType
		}
	}
	return todo
}

// zones parts instances by their zone, in the order in which zones occur. A first
// deploy may take them all together.
func (u *updater) zones(g *plan.Group, todo []*instance) [][]*instance {
	u.Lock()
	first := u.submission.deployment.manifest == nil
	u.Unlock()
	if g.Policy.ZonesAtOnce && first {
		return [][]*instance{todo}
	}
	var zones [][]*instance
	for _, i := range todo {
		n := slices.IndexFunc(zones, func(zone []*instance) bool { return zone[0].az == i.az })
		if n < 0 {
			n, zones = len(zones), append(zones, nil)
		}
		zones[n] = append(zones[n], i)
	}
	return zones
}

// concerned says whether a deploy touches an instance. The caller holds the lock.
func (u *updater) concerned(g *plan.Group, i *instance) bool {
	o := u.submission.options
	if o.state.concerns(i) {
		switch o.state.state {
		case "started":
			return i.state != "started" || !i.running
		case "stopped", "detached":
			return i.state != o.state.state
		}
		return true
	}
	return i.vm != nil && (o.recreate || i.jobSpec != g.JobSpec || i.vmSpec != g.VmSpec)
}

// updateInstance updates one instance, as a step of the group's stage.
func (u *updater) updateInstance(s *task.Stage, g *plan.Group, i *instance, canary bool) error {
	if err := u.job.Checkpoint(); err != nil {
		return err
	}
	name := i.label()
	if canary {
		name += " (canary)"
	}
	change := &instanceUpdate{updater: u, group: g, instance: i, canary: canary}
	action := store.Event{Action: "update", ObjectType: "instance", ObjectName: i.name(), Instance: i.name(), Context: map[string]any{"az": i.az}}
	if i.jobSpec == "" {
		action.Action = "create"
	}
	return s.Step(name, func(st *task.Step) error {
		return u.job.Around(action, func() (string, error) { return "", change.run(st) })
	})
}
