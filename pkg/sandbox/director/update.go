package director

import (
	"sync"
)

// updater brings the instances of a deployment to what a plan says.
type updater struct {
	job        *job
	plan       *plan
	submission submission
}

// deleteUnneeded deletes the instances of groups that are gone or have become smaller.
func (u *updater) deleteUnneeded() error {
	wanted := map[string]int{}
	for _, g := range u.plan.groups {
		wanted[g.name] = g.count
	}
	dep, d := u.submission.deployment, u.job.d
	d.mu.Lock()
	var gone []*instance
	for _, i := range dep.instances {
		if i.index >= wanted[i.group] {
			gone = append(gone, i)
		}
	}
	d.mu.Unlock()
	stage := u.job.stage("Deleting unneeded instances", len(gone))
	for _, i := range gone {
		if err := u.job.checkpoint(); err != nil {
			return err
		}
		if err := stage.step(i.label(), func(*step) error { return u.job.deleteInstance(dep, i) }); err != nil {
			return err
		}
	}
	return nil
}

// createMissing gives every instance that lacks one a VM.
func (u *updater) createMissing() error {
	d, dep := u.job.d, u.submission.deployment
	var missing []*instance
	d.mu.Lock()
	for _, g := range u.plan.groups {
		for index := range g.count {
			i := dep.instance(g.name, index)
			if i == nil {
				i = d.newInstance(dep, g, index)
			}
			if i.vm == nil && !u.keepsDetached(i) {
				i.vmSpec, i.stemcell, i.vmType = g.vmSpec, g.stemcell, g.vmType
				missing = append(missing, i)
			}
		}
	}
	d.mu.Unlock()
	stage := u.job.stage("Creating missing vms", len(missing))
	for _, i := range missing {
		if err := u.job.checkpoint(); err != nil {
			return err
		}
		if err := stage.step(i.label(), func(*step) error { return u.job.createVM(i) }); err != nil {
			return err
		}
	}
	return u.job.checkpoint()
}

// keepsDetached says that an instance is to stay without a VM.
func (u *updater) keepsDetached(i *instance) bool {
	change := u.submission.options.state
	return i.state == "detached" && !(change.concerns(i) && change.state != "detached" && change.state != "stopped")
}

func (dep *deployment) instance(group string, index int) *instance {
	for _, i := range dep.instances {
		if i.group == group && i.index == index {
			return i
		}
	}
	return nil
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

// updateGroup updates the canaries of a group, then the others.
func (u *updater) updateGroup(g *group) error {
	var todo []*instance
	u.job.d.mu.Lock()
	for index := range g.count {
		i := u.submission.deployment.instance(g.name, index)
		if u.concerned(g, i) {
			todo = append(todo, i)
		}
	}
	u.job.d.mu.Unlock()
	canaries, _ := count(g.policy.canaries, g.count)
	canaries = min(canaries, len(todo))
	flight, _ := count(g.policy.maxInFlight, g.count)
	stage := u.job.stage("Updating instance", len(todo), g.name)
	for _, round := range []struct {
		instances []*instance
		canary    bool
	}{{todo[:canaries], true}, {todo[canaries:], false}} {
		if err := parallel(len(round.instances), flight, func(n int) error {
			return u.updateInstance(stage, g, round.instances[n], round.canary)
		}); err != nil {
			return err
		}
	}
	return nil
}

// concerned says whether a deploy touches an instance. The caller holds mu.
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
func (u *updater) updateInstance(s *stage, g *group, i *instance, canary bool) error {
	if err := u.job.checkpoint(); err != nil {
		return err
	}
	name := i.label()
	if canary {
		name += " (canary)"
	}
	change := &instanceUpdate{updater: u, group: g, instance: i, canary: canary}
	action := auditEvent{Action: "update", ObjectType: "instance", ObjectName: i.name(), Instance: i.name(), Context: map[string]any{"az": i.az}}
	if i.jobSpec == "" {
		action.Action = "create"
	}
	return s.step(name, func(st *step) error {
		return u.job.around(action, func() (string, error) { return "", change.run(st) })
	})
}
