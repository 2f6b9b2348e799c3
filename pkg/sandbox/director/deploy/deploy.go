package deploy

import (
	"maps"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// run is the task of a deploy: one after the other the stages that its event log shows.
func (d *Deployer) run(j *task.Job, s submission) (string, error) {
	release, err := j.Acquire(task.DeploymentLock(s.deployment.Name), d.queue.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	if err := j.Checkpoint(); err != nil {
		return "", err
	}
	action := "update"
	if s.options.created {
		action = "create"
	}
	if s.options.dryRun {
		return "/deployments/" + s.deployment.Name, d.stages(j, s)
	}
	err = d.stages(j, s)
	recordErr := j.Around(store.Event{Action: action, ObjectType: "deployment", ObjectName: s.deployment.Name},
		func() (string, error) { return "", err })
	return "/deployments/" + s.deployment.Name, recordErr
}

func (d *Deployer) stages(j *task.Job, s submission) error {
	p, err := plan.New(d.stock, s.document, s.text, s.cloud, s.runtime, s.options.Limits)
	if err != nil {
		return err
	}
	if err := d.prepare(j, s, p); err != nil || s.options.dryRun {
		return err
	}
	if err := d.compile(j, s, p); err != nil {
		return err
	}
	u := &updater{Deployer: d, job: j, plan: p, submission: s}
	for _, stage := range []func() error{u.deleteUnneeded, u.createMissing, u.updateGroups} {
		if err := stage(); err != nil {
			return err
		}
	}
	return d.persist(j, s, p)
}

// prepare is the first stage. The deployment's releases and stemcells are
// noted here already, so that a deploy that fails later on holds them.
func (d *Deployer) prepare(j *task.Job, s submission, p *plan.Plan) error {
	stage := j.Stage("Preparing deployment", 1)
	if err := stage.Step("Preparing deployment", func(*task.Step) error {
		for _, name := range slices.Sorted(maps.Keys(releaseNames(p))) {
			unlock, err := j.Acquire("lock:release:"+name, 30*d.queue.LockWait)
			if err != nil {
				return err
			}
			unlock()
		}
		if !s.options.dryRun {
			d.Lock()
			s.deployment.Hold(p)
			d.Unlock()
		}
		return j.Sleep(200 * time.Millisecond)
	}); err != nil {
		return err
	}
	if err := stage.Step("Rendering templates", func(*task.Step) error { return j.Sleep(300 * time.Millisecond) }); err != nil {
		return err
	}
	return j.Checkpoint()
}

func releaseNames(p *plan.Plan) map[string]bool {
	names := map[string]bool{}
	for _, r := range p.Releases {
		names[r.Name] = true
	}
	return names
}

// compile shows the packages that no deploy has compiled for the stemcell yet.
func (d *Deployer) compile(j *task.Job, s submission, p *plan.Plan) error {
	type unit struct{ key, label string }
	var units []unit
	if err := j.Stage("Preparing package compilation", 1).Step("Finding packages to compile", func(*task.Step) error {
		d.Lock()
		defer d.Unlock()
		for _, g := range p.Groups {
			for _, pkg := range g.Packages {
				u := unit{pkg.Fingerprint + "@" + g.Stemcell.OS + "/" + g.Stemcell.Version, pkg.Name + "/" + pkg.Fingerprint}
				if !d.compiled[u.key] && !pkg.RunsOn(g.Stemcell) && !slices.Contains(units, u) {
					units = append(units, u)
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if len(units) == 0 {
		return j.Checkpoint()
	}
	remove, err := d.compilationVM(j)
	if err != nil {
		return err
	}
	stage := j.Stage("Compiling packages", len(units))
	for _, u := range units {
		if err := j.Checkpoint(); err != nil {
			return err
		}
		if err := stage.Step(u.label, func(*task.Step) error { return j.Sleep(2500 * time.Millisecond) }); err != nil {
			return err
		}
		d.Lock()
		d.compiled[u.key] = true
		d.Unlock()
	}
	if err := remove(); err != nil {
		return err
	}
	return j.Checkpoint()
}

// persist makes the manifest the deployment's own. Only a deploy that succeeds gets here.
func (d *Deployer) persist(j *task.Job, s submission, p *plan.Plan) error {
	return j.Change(func() { s.deployment.Become(p) })
}
