package director

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// run is the task of a deploy: one after the other the stages that its event log shows.
func (s submission) run(j *job) (string, error) {
	release, err := j.acquire(deploymentLock(s.deployment.name), j.d.opts.LockWait)
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
		return "/deployments/" + s.deployment.name, s.stages(j)
	}
	err = s.stages(j)
	recordErr := j.around(auditEvent{Action: action, ObjectType: "deployment", ObjectName: s.deployment.name},
		func() (string, error) { return "", err })
	return "/deployments/" + s.deployment.name, recordErr
}

func (s submission) stages(j *job) error {
	p, err := j.d.newPlan(s.document, s.text, s.cloud, s.runtime, s.options)
	if err != nil {
		return err
	}
	if err := s.prepare(j, p); err != nil || s.options.dryRun {
		return err
	}
	if err := s.compile(j, p); err != nil {
		return err
	}
	u := &updater{job: j, plan: p, submission: s}
	for _, stage := range []func() error{u.deleteUnneeded, u.createMissing, u.updateGroups} {
		if err := stage(); err != nil {
			return err
		}
	}
	return s.persist(j, p)
}

// prepare is the first stage. The deployment's releases and stemcells are
// noted here already, so that a deploy that fails later on holds them.
func (s submission) prepare(j *job, p *plan) error {
	stage := j.stage("Preparing deployment", 1)
	if err := stage.step("Preparing deployment", func(*step) error {
		for _, name := range slices.Sorted(maps.Keys(releaseNames(p))) {
			unlock, err := j.acquire("lock:release:"+name, 30*j.d.opts.LockWait)
			if err != nil {
				return err
			}
			unlock()
		}
		if !s.options.dryRun {
			j.d.hold(s.deployment, p)
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

// hold adds the plan's releases and stemcells to those of the deployment.
func (d *Director) hold(dep *deployment, p *plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range p.releases {
		if !slices.Contains(dep.releases, r) {
			dep.releases = append(dep.releases, r)
		}
	}
	for _, s := range p.stemcells {
		if !slices.Contains(dep.stemcells, s) {
			dep.stemcells = append(dep.stemcells, s)
		}
	}
}

// compile shows the packages that no deploy has compiled for the stemcell yet.
func (s submission) compile(j *job, p *plan) error {
	type unit struct{ key, label string }
	var units []unit
	if err := j.stage("Preparing package compilation", 1).step("Finding packages to compile", func(*step) error {
		j.d.mu.Lock()
		defer j.d.mu.Unlock()
		for _, g := range p.groups {
			for _, pkg := range g.packages {
				u := unit{pkg.fingerprint + "@" + g.stemcell.os + "/" + g.stemcell.version, pkg.name + "/" + pkg.fingerprint}
				if !j.d.compiled[u.key] && !pkg.runsOn(g.stemcell) && !slices.Contains(units, u) {
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
	remove, err := j.compilationVM()
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
		j.d.mu.Lock()
		j.d.compiled[u.key] = true
		j.d.mu.Unlock()
	}
	if err := remove(); err != nil {
		return err
	}
	return j.checkpoint()
}

// persist makes the manifest the deployment's own. Only a deploy that succeeds gets here.
func (s submission) persist(j *job, p *plan) error {
	return j.change(func() { s.deployment.become(p) })
}

// become makes a deployment what a plan says. The caller holds mu.
func (dep *deployment) become(p *plan) {
	dep.manifest, dep.text, dep.cloud, dep.runtime = p.document, p.text, p.cloud, p.runtime
	dep.releases, dep.stemcells, dep.errands = p.releases, p.stemcells, nil
	for _, g := range p.groups {
		dep.errands = append(dep.errands, g.errands...)
		if g.errand {
			dep.errands = append(dep.errands, g.name)
		}
	}
	slices.Sort(dep.errands)
	dep.errands = slices.Compact(dep.errands)
}

// deleteDeployment answers DELETE /deployments/NAME.
func (d *Director) deleteDeployment(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deploymentOf(c)
	if dep == nil {
		return
	}
	c.redirect(d.enqueue(&task{
		description: "delete deployment " + dep.name, user: c.user, contextID: c.contextID, deployment: dep.name,
		work: func(j *job) (string, error) {
			release, err := j.acquire(deploymentLock(dep.name), j.d.opts.LockWait)
			if err != nil {
				return "", err
			}
			defer release()
			return "/deployments/" + dep.name, j.destroy(dep)
		},
	}))
}

// destroy is the task that deletes a deployment. The totals are those that the director shows.
func (j *job) destroy(dep *deployment) error {
	j.d.mu.Lock()
	instances := slices.Clone(dep.instances)
	j.d.mu.Unlock()
	stage := j.stage("Deleting instances", len(instances))
	for _, i := range instances {
		if err := j.checkpoint(); err != nil {
			return err
		}
		if err := stage.step(i.label(), func(*step) error { return j.deleteInstance(dep, i) }); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name  string
		total int
		tasks []string
	}{
		{"Removing deployment artifacts", 3, []string{"Detaching stemcells", "Detaching releases"}},
		{"Deleting properties", 0, []string{"Deleting dynamic disks", "Destroying deployment"}},
	} {
		stage := j.stage(s.name, s.total)
		for _, name := range s.tasks {
			if err := stage.step(name, func(*step) error { return j.sleep(20 * time.Millisecond) }); err != nil {
				return err
			}
		}
	}
	return j.change(func() {
		j.d.deployments = slices.DeleteFunc(j.d.deployments, func(other *deployment) bool { return other == dep })
		j.effect(EffectDelete, "deployment/"+dep.name)
	})
}

// cleanUp answers POST /cleanup.
func (d *Director) cleanUp(c *call) {
	body, ok := c.body()
	if !ok {
		return
	}
	document, _ := parseYAML(body) // JSON is YAML
	request, _ := document.(mapping)
	options, _ := request.get("config").(mapping)
	keep, description := 2, "clean up"
	if options.text("remove_all") == "true" {
		keep, description = 0, "clean up all"
	}
	c.redirect(d.submit(c, &task{description: description, minor: true, work: func(j *job) (string, error) { return j.cleanUp(keep) }}))
}

// cleanUp deletes releases and stemcells that are in no use, but for the newest to keep.
func (j *job) cleanUp(keep int) (string, error) {
	releases, stemcells := j.d.unused(keep)
	stage := j.stage("Deleting releases", len(releases))
	for _, r := range releases {
		if err := stage.step(r.label(), func(*step) error { return j.dropRelease(r) }); err != nil {
			return "", err
		}
	}
	stage = j.stage("Deleting stemcells", len(stemcells))
	for _, s := range stemcells {
		if err := stage.step(s.label(), func(*step) error { return j.dropStemcell(s) }); err != nil {
			return "", err
		}
	}
	err := j.stage("Deleting dns blobs", 1).step("DNS blobs", func(*step) error { return nil })
	return fmt.Sprintf("Deleted %d release(s), %d stemcell(s), 0 extra compiled package(s), 0 orphaned disk(s), 0 orphaned vm(s), "+
		"0 exported release(s), 0 dns blob(s)", len(releases), len(stemcells)), err
}

// unused lists what no deployment uses, older than the newest to keep.
func (d *Director) unused(keep int) (releases []*release, stemcells []*stemcell) {
	d.mu.Lock()
	defer d.mu.Unlock()
	byName := map[string][]*release{}
	for _, r := range d.releases {
		if len(d.releaseUsers(r)) == 0 {
			byName[r.name] = append(byName[r.name], r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		versions := byName[name]
		slices.SortFunc(versions, func(a, b *release) int { return compareVersions(a.version, b.version) })
		releases = append(releases, versions[:max(len(versions)-keep, 0)]...)
	}
	for _, s := range d.stemcells {
		if len(d.stemcellUsers(s)) == 0 {
			stemcells = append(stemcells, s)
		}
	}
	slices.SortFunc(stemcells, func(a, b *stemcell) int { return compareVersions(a.version, b.version) })
	return releases, stemcells[:max(len(stemcells)-keep, 0)]
}
