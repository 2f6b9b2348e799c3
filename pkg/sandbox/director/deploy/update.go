package deploy

import (
	"maps"
	"slices"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// updater brings the instances of a deployment to what a plan says.
type updater struct {
	*Deployer
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
	var gone []*deployment.Instance
	for _, i := range dep.Instances {
		if i.Index >= wanted[i.Group] {
			gone = append(gone, i)
		}
	}
	u.Unlock()
	stage := u.job.Stage("Deleting unneeded instances", len(gone))
	for _, i := range gone {
		if err := u.job.Checkpoint(); err != nil {
			return err
		}
		if err := stage.Step(i.Label(), func(*task.Step) error {
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
func (u *updater) retire(i *deployment.Instance) error {
	if u.hooks.Drain == nil || !i.Running || !u.submission.options.drains(i) {
		return nil
	}
	last := &instanceUpdate{updater: u, instance: i}
	return last.called(u.hooks.Drain(u.job.Ctx, deployment.Update{
		Deployment: u.submission.deployment.Name, Group: i.Group, Index: i.Index, ID: i.ID, AgentID: i.AgentID(),
		Jobs: slices.Clone(i.Jobs), Recreate: true, Manifest: []byte(u.plan.Text), Releases: maps.Clone(i.Releases),
		Stemcell: i.Stemcell.OS + "/" + i.Stemcell.Version, Task: u.job.Task.ID,
	}))
}

// createMissing gives every instance that lacks one a VM.
func (u *updater) createMissing() error {
	dep := u.submission.deployment
	var missing []*deployment.Instance
	u.Lock()
	for _, g := range u.plan.Groups {
		for index := range g.Count {
			i := dep.Instance(g.Name, index)
			if i == nil {
				i = u.deployments.NewInstance(dep, g, index)
			}
			if i.VM == nil && !u.keepsDetached(i) {
				i.VmSpec, i.Stemcell, i.VmType = g.VmSpec, g.Stemcell, g.VmType
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
		if err := stage.Step(i.Label(), func(*task.Step) error { return u.createVM(u.job, i) }); err != nil {
			return err
		}
	}
	return u.job.Checkpoint()
}

// keepsDetached says that an instance is to stay without a VM.
func (u *updater) keepsDetached(i *deployment.Instance) bool {
	change := u.submission.options.state
	return i.State == "detached" && !(change.concerns(i) && change.state != "detached" && change.state != "stopped")
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
			instances []*deployment.Instance
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
func (u *updater) todo(g *plan.Group) (todo []*deployment.Instance) {
	u.Lock()
	defer u.Unlock()
	for index := range g.Count {
		i := u.submission.deployment.Instance(g.Name, index)
		switch {
		case u.concerned(g, i):
			todo = append(todo, i)
		case i.JobSpec == g.JobSpec:
			i.Releases, i.VmType = maps.Clone(g.Releases), g.VmType
		}
	}
	return todo
}

// zones parts instances by their zone, in the order in which zones occur. A first
// deploy may take them all together.
func (u *updater) zones(g *plan.Group, todo []*deployment.Instance) [][]*deployment.Instance {
	u.Lock()
	first := u.submission.deployment.Manifest == nil
	u.Unlock()
	if g.Policy.ZonesAtOnce && first {
		return [][]*deployment.Instance{todo}
	}
	var zones [][]*deployment.Instance
	for _, i := range todo {
		n := slices.IndexFunc(zones, func(zone []*deployment.Instance) bool { return zone[0].AZ == i.AZ })
		if n < 0 {
			n, zones = len(zones), append(zones, nil)
		}
		zones[n] = append(zones[n], i)
	}
	return zones
}

// concerned says whether a deploy touches an instance. The caller holds the lock.
func (u *updater) concerned(g *plan.Group, i *deployment.Instance) bool {
	o := u.submission.options
	if o.state.concerns(i) {
		switch o.state.state {
		case "started":
			return i.State != "started" || !i.Running
		case "stopped", "detached":
			return i.State != o.state.state
		}
		return true
	}
	return i.VM != nil && (o.recreate || i.JobSpec != g.JobSpec || i.VmSpec != g.VmSpec)
}

// updateInstance updates one instance, as a step of the group's stage.
func (u *updater) updateInstance(s *task.Stage, g *plan.Group, i *deployment.Instance, canary bool) error {
	if err := u.job.Checkpoint(); err != nil {
		return err
	}
	name := i.Label()
	if canary {
		name += " (canary)"
	}
	change := &instanceUpdate{updater: u, group: g, instance: i, canary: canary}
	action := store.Event{Action: "update", ObjectType: "instance", ObjectName: i.Name(), Instance: i.Name(), Context: map[string]any{"az": i.AZ}}
	if i.JobSpec == "" {
		action.Action = "create"
	}
	return s.Step(name, func(st *task.Step) error {
		return u.job.Around(action, func() (string, error) { return "", change.run(st) })
	})
}
