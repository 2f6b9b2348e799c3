package director

import (
	"maps"
	"slices"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// updater brings the instances of a deployment to what a plan says.
type updater struct {
	*deployer
	job        *task.Job
	plan       *plan
	submission submission
}

// deleteUnneeded deletes the instances of groups that are gone or have become smaller.
func (u *updater) deleteUnneeded() error {
	wanted := map[string]int{}
	for _, g := range u.plan.groups {
		wanted[g.name] = g.count
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
		Jobs: slices.Clone(i.jobs), Recreate: true, Manifest: []byte(u.plan.text), Releases: maps.Clone(i.releases),
		Stemcell: i.stemcell.OS + "/" + i.stemcell.Version, Task: u.job.Task.ID,
	}))
}

// createMissing gives every instance that lacks one a VM.
func (u *updater) createMissing() error {
	dep := u.submission.deployment
	var missing []*instance
	u.Lock()
	for _, g := range u.plan.groups {
		for index := range g.count {
			i := dep.instance(g.name, index)
			if i == nil {
				i = u.deployments.newInstance(dep, g, index)
			}
			if i.vm == nil && !u.keepsDetached(i) {
				i.vmSpec, i.stemcell, i.vmType = g.vmSpec, g.stemcell, g.vmType
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
	for first := 0; first < len(u.plan.groups); {
		last := first + 1
		for !u.plan.groups[first].policy.serial && last < len(u.plan.groups) && !u.plan.groups[last].policy.serial {
			last++
		}
		batch := u.plan.groups[first:last]
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
func (u *updater) updateGroup(g *group) error {
	todo := u.todo(g)
	stage := u.job.Stage("Updating instance", len(todo), g.name)
	for n, zone := range u.zones(g, todo) {
		canaries, _ := count(g.policy.canaries, len(zone))
		flight, _ := count(g.policy.maxInFlight, len(zone))
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
func (u *updater) todo(g *group) (todo []*instance) {
	u.Lock()
	defer u.Unlock()
	for index := range g.count {
		i := u.submission.deployment.instance(g.name, index)
		switch {
		case u.concerned(g, i):
			todo = append(todo, i)
		case i.jobSpec == g.jobSpec:
			i.releases, i.vmType = maps.Clone(g.releases), g.vmType
		}
	}
	return todo
}

// zones parts instances by their zone, in the order in which zones occur. A first
// deploy may take them all together.
func (u *updater) zones(g *group, todo []*instance) [][]*instance {
	u.Lock()
	first := u.submission.deployment.manifest == nil
	u.Unlock()
	if g.policy.zonesAtOnce && first {
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
func (u *updater) concerned(g *group, i *instance) bool {
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
	return i.vm != nil && (o.recreate || i.jobSpec != g.jobSpec || i.vmSpec != g.vmSpec)
}

// updateInstance updates one instance, as a step of the group's stage.
func (u *updater) updateInstance(s *task.Stage, g *group, i *instance, canary bool) error {
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
