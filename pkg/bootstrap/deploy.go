package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/template"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// upgradeInput renders what the upgrade is made of.
func (r *run) upgradeInput() (plan.Input, error) {
	in, err := r.input()
	if err != nil {
		return plan.Input{}, err
	}
	concourse, err := manifest.Concourse(in)
	if err != nil {
		return plan.Input{}, err
	}
	result := plan.Input{Components: r.set, Vars: concourse.Vars, OwnManifest: true}
	concourse.Vars = nil
	result.Manifest = concourse
	if r.elsewhere() {
		return result, nil // the cloud config is its owner's
	}
	cloud, err := manifest.CloudConfig(in)
	if err != nil {
		return plan.Input{}, err
	}
	if result.CloudConfig.Text, err = template.Render(cloud); err != nil {
		return plan.Input{}, fmt.Errorf("render the cloud config: %w", err)
	}
	return result, nil
}

// upgradeRequest is what the step asks of the upgrade: in a self-upgrade it does not wait
// for the end of the deploy.
func (r *run) upgradeRequest(in plan.Input) plan.Request {
	u := r.config.Upgrade
	quiet, _ := time.ParseDuration(u.QuietTimeout) // check.Config has looked
	return plan.Request{
		Deployment: r.deploymentName(), Team: r.web().Team, Input: in, Wait: !r.options.Self,
		Pipeline:       &plan.Pipeline{Skip: true, Name: r.config.Pipeline.Name}, // a step of its own sets it
		AllowDowngrade: r.options.AllowDowngrade, Attempts: r.options.Attempts, Recreate: r.options.Recreate,
		Timeout: r.timeout(), LockTimeout: r.timeout(), IgnoreSet: r.ignoreSet(),
		Way: u.Way, QuietTimeout: quiet, GoOn: u.OnQuietTimeout == resource.QuietGo, NoGate: u.Colocate != nil && !*u.Colocate,
	}
}

// upgrader upgrades through a director and a Concourse, which may be the former one.
func (r *run) upgrader(d Director, atc ATC) upgrade.Out {
	return upgrade.Out{
		Director: d, ATC: atc, Concourse: atc, Keeper: d.Keeper(r.deploymentName()), Program: r.Program,
		MoreAttempts: "--attempts ", IgnoreKey: ignoreKey, DiskChecked: true, NoQuiet: r.noQuiet(),
		Mask: r.Mask, Poll: r.poll(), Still: r.Still, LeaseTTL: r.LeaseTTL, Build: r.build(),
	}
}

// ignoreKey is what lets the manifest leave out components of the set.
const ignoreKey = "upgrade.ignore_set"

// ignoreSet are the components that the manifest need not take. Those that this
// installation does not have, as postgres beside a database service, are none.
func (r *run) ignoreSet() []string {
	return slices.DeleteFunc(slices.Clone(r.config.Upgrade.IgnoreSet), func(key string) bool {
		return !slices.ContainsFunc(r.set, func(c component.Component) bool { return c.Name == key })
	})
}

// alone says that there is no director yet.
func (r *run) alone() bool { return r.bare() || !r.elsewhere() && !r.record.Director }

// compareDeploy asks the upgrade what it would do. A deploy does not: the upgrade compares
// under its own lease, by the same steps.
func (r *run) compareDeploy(ctx context.Context) (step.Comparison, error) {
	if r.alone() {
		if !database.Service(r.config) {
			r.postgres, _ = r.database().Major(nil, r.user)
		}
		lines := slices.Concat([]string{"  cloud config:"}, r.firstOf(manifest.CloudConfig), []string{"  manifest:"}, r.firstOf(manifest.Concourse))
		return step.Differs(notYet, lines...), nil
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if r.repairs && !r.answers(ctx, d) {
		return step.Same("not known until the director answers"), nil
	}
	if err := r.settleDatabase(ctx, d); err != nil {
		return step.Comparison{}, err
	}
	in, err := r.upgradeInput()
	if err != nil {
		return step.Comparison{}, err
	}
	atc, err := r.ATC(r.webNow(ctx))
	if err != nil {
		return step.Comparison{}, err
	}
	up, request := r.upgrader(d, atc), r.upgradeRequest(in)
	up.Log, request.DryRun = io.Discard, true
	would, err := up.Run(ctx, request)
	if err != nil {
		return step.Comparison{}, err
	}
	r.result.Task, r.deploys = would.Task, would.Became == upgrade.WouldDeploy || would.Became == upgrade.WouldJoin
	if len(would.CloudConfig) == 0 && !r.deploys {
		return step.Same("%s", selection.Describe(r.set)), nil
	}
	lines, err := r.manifestValues(would.Deployed)
	return step.Differs("would change", append(would.Lines(request.Deployment), lines...)...), err
}

// deploy brings stemcell and releases to the director and deploys: in a first
// install it waits for the end, in a self-upgrade only until it is accepted.
func (r *run) deploy(ctx context.Context) (step.Outcome, error) {
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	if err := r.settleDatabase(ctx, d); err != nil {
		return step.Outcome{}, err
	}
	in, err := r.upgradeInput()
	if err != nil {
		return step.Outcome{}, err
	}
	r.record.Deployment = true
	if err := r.saveRecord(ctx); err != nil {
		return step.Outcome{}, err
	}
	atc, err := r.ATC(r.webNow(ctx))
	if err != nil {
		return step.Outcome{}, err
	}
	r.lookForStranded(ctx, d)
	up := r.upgrader(d, atc)
	up.State, up.Log, up.Debug = state.Folder(r.store, document.RunFolder), r.lines(stepDeploy), r.Log
	up.Submitting = func(ctx context.Context, deployed []byte) error {
		values, err := r.manifestValues(deployed)
		step.Tell(r.noteOf(stepDeploy), values, err)
		r.record.Submitted = r.set
		return r.saveRecord(ctx)
	}
	did, err := up.Run(ctx, r.upgradeRequest(in))
	if err != nil {
		r.takeBackRefused(ctx, did.Refused)
		return step.Outcome{}, err
	}
	r.result.Task, r.deployed = did.Task, !r.options.Self
	if err := r.keepVersion(ctx); err != nil {
		return step.Outcome{}, err
	}
	what, list := selection.Describe(r.set), changes(did)
	switch {
	case len(list) == 0:
		return step.UpToDate.Report("%s", what)
	case r.options.Self:
		return step.Changed.Report("%s: director task %d was accepted and keeps running", what, r.result.Task)
	}
	return step.Changed.Report("%s: %s", what, strings.Join(list, ", "))
}

// changes are what an upgrade has changed.
func changes(did upgrade.Result) (list []string) {
	if len(did.CloudConfig) > 0 {
		list = append(list, "cloud config updated")
	}
	for _, a := range did.Uploads {
		list = append(list, a.Name+"/"+a.Version+" uploaded")
	}
	if did.Became != upgrade.NothingToDeploy {
		list = append(list, fmt.Sprintf("director task %d %s", did.Task, did.Became))
	}
	return list
}

// build is the build in which the run is. The container of a task is not told which that
// is, but the job of a self-upgrade runs one at a time. Whose job a deploy by hand may be in
// does not count. Neither hands over to another build, as the upgrade sets no pipeline.
func (r *run) build() plan.Build {
	b := r.Build
	if !r.options.Self {
		b.Job = ""
		return b
	}
	b.Job = cmp.Or(b.Job, pipelines.UpgradeJob)
	return b
}

// lines makes notes of what is written, line by line.
func (r *run) lines(step string) io.Writer { return &noteWriter{run: r, step: step} }

type noteWriter struct {
	run     *run
	step    string
	partial string
}

// Write implements io.Writer.
func (w *noteWriter) Write(p []byte) (int, error) {
	text := w.partial + string(p)
	for {
		line, rest, whole := strings.Cut(text, "\n")
		if !whole {
			w.partial = text
			return len(p), nil
		}
		w.run.note(w.step, "%s", line)
		text = rest
	}
}
