package director

import (
	"maps"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// run is the task of a deploy: one after the other the stages that its event log shows.
func (d *deployer) run(j *job, s submission) (string, error) {
	release, err := j.acquire(deploymentLock(s.deployment.name), d.queue.lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	if err := j.checkpoint(); err != nil {
		return "", err
	}
	action := "update"
	if s.options.created {
		action = "create"
	}
	if s.options.dryRun {
		return "/deployments/" + s.deployment.name, d.stages(j, s)
	}
	err = d.stages(j, s)
	recordErr := j.around(store.Event{Action: action, ObjectType: "deployment", ObjectName: s.deployment.name},
		func() (string, error) { return "", err })
	return "/deployments/" + s.deployment.name, recordErr
}

func (d *deployer) stages(j *job, s submission) error {
	p, err := newPlan(d.stock, s.document, s.text, s.cloud, s.runtime, s.options.limits)
	if err != nil {
		return err
	}
	if err := d.prepare(j, s, p); err != nil || s.options.dryRun {
		return err
	}
	if err := d.compile(j, s, p); err != nil {
		return err
	}
	u := &updater{deployer: d, job: j, plan: p, submission: s}
	for _, stage := range []func() error{u.deleteUnneeded, u.createMissing, u.updateGroups} {
		if err := stage(); err != nil {
			return err
		}
	}
	return d.persist(j, s, p)
}

// prepare is the first stage. The deployment's releases and stemcells are
// noted here already, so that a deploy that fails later on holds them.
func (d *deployer) prepare(j *job, s submission, p *plan) error {
	stage := j.stage("Preparing deployment", 1)
	if err := stage.step("Preparing deployment", func(*step) error {
		for _, name := range slices.Sorted(maps.Keys(releaseNames(p))) {
			unlock, err := j.acquire("lock:release:"+name, 30*d.queue.lockWait)
			if err != nil {
				return err
			}
			unlock()
		}
		if !s.options.dryRun {
			d.Lock()
			s.deployment.hold(p)
			d.Unlock()
		}
		return j.sleep(200 * time.Millisecond)
	}); err != nil {
		return err
	}
	if err := stage.step("Rendering templates", func(*step) error { return j.sleep(300 * time.Millisecond) }); err != nil {
		return err
	}
	return j.checkpoint()
}

func releaseNames(p *plan) map[string]bool {
	names := map[string]bool{}
	for _, r := range p.releases {
		names[r.name] = true
	}
	return names
}

// compile shows the packages that no deploy has compiled for the stemcell yet.
func (d *deployer) compile(j *job, s submission, p *plan) error {
	type unit struct{ key, label string }
	var units []unit
	if err := j.stage("Preparing package compilation", 1).step("Finding packages to compile", func(*step) error {
		d.Lock()
		defer d.Unlock()
		for _, g := range p.groups {
			for _, pkg := range g.packages {
				u := unit{pkg.fingerprint + "@" + g.stemcell.os + "/" + g.stemcell.version, pkg.name + "/" + pkg.fingerprint}
				if !d.compiled[u.key] && !pkg.runsOn(g.stemcell) && !slices.Contains(units, u) {
					units = append(units, u)
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if len(units) == 0 {
		return j.checkpoint()
	}
	remove, err := d.compilationVM(j)
	if err != nil {
		return err
	}
	stage := j.stage("Compiling packages", len(units))
	for _, u := range units {
		if err := j.checkpoint(); err != nil {
			return err
		}
		if err := stage.step(u.label, func(*step) error { return j.sleep(2500 * time.Millisecond) }); err != nil {
			return err
		}
		d.Lock()
		d.compiled[u.key] = true
		d.Unlock()
	}
	if err := remove(); err != nil {
		return err
	}
	return j.checkpoint()
}

// persist makes the manifest the deployment's own. Only a deploy that succeeds gets here.
func (d *deployer) persist(j *job, s submission, p *plan) error {
	return j.change(func() { s.deployment.become(p) })
}
