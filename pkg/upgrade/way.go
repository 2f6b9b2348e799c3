package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// postgresRelease is the release of the database that the bundled manifest has.
const postgresRelease = "postgres"

// patientWatch is the watch time of a web that migrates where nothing holds BOSH
// until it answers: BOSH goes on after the first number of milliseconds.
const patientWatch = "300000-7200000"

// way is how the web and the workers of a deployment are replaced.
type way struct {
	compatibility.Choice
	from, to string // versions of Concourse: what runs, what is wanted; "" where there is none
	restarts bool   // the web is restarted
	silent   bool   // the web does not answer: there are no builds to keep away
	plain    []byte // the manifest arranged as it is deployed; nil at a first deploy
	database string // what is to be known of the database; "" where nothing is
	gate     bool   // the release perpetual of this program is in the manifest
}

// quiet says whether web and workers are replaced while nothing runs.
func (w way) quiet() bool { return w.Way == compatibility.Quiet && w.restarts }

// changes says whether Concourse gets another version.
func (w way) changes() bool { return w.from != "" && w.to != "" && !compatibility.Same(w.from, w.to) }

// chooseWay decides in what order web and workers are replaced, from what runs and
// what is wanted, and arranges the manifest so. It changes nothing.
func (o Out) chooseWay(ctx context.Context, r *run) error {
	wanted, err := deployment.Parse(template.File{Name: r.Input.Manifest.Name, Text: r.rendered})
	if err != nil {
		return err
	}
	r.way = way{}
	if len(wanted.Groups(inventory.Concourse, inventory.WebJob)) == 0 {
		return nil // another deployment than a Concourse
	}
	deployed, err := inventory.Deployed(r.deployed)
	if err != nil {
		return err
	}
	now, err := o.running(ctx, r, deployed)
	if err != nil {
		return err
	}
	r.way.from = now.Version
	r.way.to = r.stock.Version(inventory.Concourse)
	if err := r.refuseDowngrade(deployed, wanted); err != nil {
		return err
	}
	database, err := postgres.Compare(r.deployed.Manifest, r.rendered, r.majorParam())
	if err != nil {
		return err
	}
	if err := database.Problem(); err != nil {
		return fmt.Errorf("refuse to deploy: %w", err)
	}
	if err := o.room(ctx, r, database, deployed); err != nil {
		return err
	}
	if err := r.restart(deployed); err != nil {
		return err
	}
	if r.way.Choice, err = compatibility.Choose(now, r.way.to, r.wish()); err != nil {
		return err
	}
	r.way.database = database.String()
	if err := r.pace(wanted); err != nil {
		return err
	}
	if err := o.quietly(ctx, r); err != nil {
		return err
	}
	return r.arrange()
}

// room makes sure that a major upgrade of PostgreSQL has the disk that it needs. One that
// was begun has used it already.
func (o Out) room(ctx context.Context, r *run, database postgres.Change, deployed deployment.Deployment) error {
	if o.DiskChecked || !database.Major() || database.Group == "" || r.failedMidway(deployed) {
		return nil
	}
	percent, known, err := o.Director.DiskUsage(ctx, r.Deployment, database.Group)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("refuse to deploy: PostgreSQL %d → %d copies the data, and the agent of %s does not say how full its disk is; nothing was changed", database.From, database.To, database.Group)
	}
	if err := database.Room(percent); err != nil {
		return fmt.Errorf("refuse to deploy: %w", err)
	}
	return nil
}

// wish is the way that params name. A quiet upgrade is for a web that restarts.
func (r *run) wish() string {
	if r.Way == string(compatibility.Quiet) && !r.way.restarts {
		return ""
	}
	return r.Way
}

// running is what runs now: as the ATC reports it, else as the manifest was deployed.
func (o Out) running(ctx context.Context, r *run, deployed deployment.Deployment) (compatibility.Now, error) {
	now := compatibility.Now{Version: r.begun(deployed.Release(inventory.Concourse))}
	if len(r.deployed.Manifest) == 0 || o.ATC == nil {
		return now, nil
	}
	info, err := o.ATC.Info(ctx)
	var workers []concourse.Worker
	if err == nil {
		workers, err = o.ATC.Workers(ctx)
	}
	switch {
	case concourse.Refused(err):
		return now, fmt.Errorf("ask the ATC what runs: %w", err)
	case err != nil && ctx.Err() != nil:
		return now, fmt.Errorf("ask the ATC what runs: %w", context.Cause(ctx))
	case err != nil && (r.Pipeline == nil || !r.Pipeline.Skip):
		return now, fmt.Errorf("ask the ATC what runs: %w; %s", err, whenDown)
	case err != nil:
		r.way.silent = true
		o.note(r, "the ATC does not answer (%v): what runs is taken from the director, Concourse %s", err, now.Version)
		return now, nil
	}
	now.Version, now.Worker = info.Version, info.WorkerVersion
	for _, w := range workers {
		if w.State == "running" {
			now.Workers = append(now.Workers, w.Version)
		}
	}
	return now, nil
}

// pace looks at the params that override what the manifest says of all its groups.
func (r *run) pace(wanted deployment.Deployment) error {
	switch {
	case r.Canaries == "" && r.MaxInFlight == "":
	case r.way.quiet():
		r.remark("params.canaries and params.max_in_flight do not count in a quiet upgrade, which replaces all workers at once")
	case r.Canaries == "0" && r.MaxInFlight == "100%":
		workers := 0
		for _, g := range wanted.Groups(inventory.Concourse, inventory.WorkerJob) {
			workers += g.Instances
		}
		if workers > 1 {
			return fmt.Errorf("params.canaries 0 and params.max_in_flight 100%% would replace all %d workers at once, and builds would error; nothing was changed: lower them, or upgrade with upgrade.way: quiet", workers)
		}
	}
	return nil
}

// begun is the highest version of Concourse that a deploy was begun with: its web may
// have migrated the database, whatever became of that deploy. The director notes the
// releases of a deploy when it begins, and the manifest when it is done.
func (r *run) begun(version string) string {
	for _, nv := range r.deployed.Releases {
		if nv.Name == inventory.Concourse && component.Lower(version, nv.Version) {
			version = nv.Version
		}
	}
	return version
}

// failedMidway says whether the last deploy has ended before its manifest was stored:
// its instances are restarted, also where the manifest does not change again.
func (r *run) failedMidway(deployed deployment.Deployment) bool {
	return slices.ContainsFunc(r.deployed.Releases, func(nv bosh.Release) bool {
		version := deployed.Release(nv.Name)
		return version != "" && version != nv.Version
	})
}

// refuseDowngrade refuses lower versions than what runs or is deployed.
func (r *run) refuseDowngrade(deployed, wanted deployment.Deployment) error {
	for _, from := range []string{r.way.from, deployed.Release(inventory.Concourse)} {
		err := compatibility.Downgrade(from, r.way.to)
		var lower *compatibility.DowngradeError
		if errors.As(err, &lower) && r.AllowDowngrade && !lower.Forbidden() {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("refuse to deploy Concourse: %w; nothing was changed", err)
		}
	}
	from, to := deployed.Release(postgresRelease), wanted.Release(postgresRelease)
	if !r.AllowDowngrade && component.Lower(to, from) {
		return fmt.Errorf("refuse to deploy postgres %s over %s: it is lower; nothing was changed; set params.allow_downgrade: true if that is intended", to, from)
	}
	return nil
}

// restart finds out whether the web is restarted. The manifest that is compared for
// it is arranged as the deployed one, so that only what people have changed counts.
func (r *run) restart(deployed deployment.Deployment) error {
	r.way.plain, r.way.restarts = nil, true
	if len(r.deployed.Manifest) == 0 {
		return nil
	}
	now, err := deployment.Arranged(r.deployed.Manifest, boshrelease.Name, boshrelease.GateJob)
	if err != nil {
		return fmt.Errorf("read the arrangement of the deployed manifest: %w", err)
	}
	plain, _, err := deployment.Arrange(template.File{Name: r.Input.Manifest.Name, Text: r.rendered}, now)
	if err != nil {
		return nil // it cannot stay as it is deployed; arrange says why
	}
	r.way.plain = plain
	restarts, err := deployment.RestartsWeb(r.deployed.Manifest, plain)
	r.way.restarts = restarts || r.Recreate || r.failedMidway(deployed)
	return err
}

// arrange orders the groups of the manifest, and adds the job that holds BOSH
// until the web answers.
func (r *run) arrange() error {
	a := deployment.Arrangement{
		WorkersFirst:  r.way.Way == compatibility.WorkersFirst,
		WorkersAtOnce: r.way.Way == compatibility.Quiet, First: len(r.deployed.Manifest) == 0,
	}
	switch now, err := deployment.Arranged(r.deployed.Manifest, boshrelease.Name, boshrelease.GateJob); {
	case err != nil:
		return fmt.Errorf("read the arrangement of the deployed manifest: %w", err)
	case !r.way.restarts: // it never restarts a web by itself
		a.Gate = now.Gate
	case !r.NoGate && !r.noRelease:
		a.Gate = &deployment.Colocation{Release: boshrelease.Name, Version: boshrelease.Version(), Job: boshrelease.GateJob}
	case r.way.from != "" && migrates(r.way.from, r.way.to):
		a.WatchTime = patientWatch
		r.remark("the job " + boshrelease.GateJob + " is not on the web nodes: BOSH goes on after five minutes, also while the database is still being migrated, and workers that it drains then lose their builds")
	}
	text, notes, err := deployment.Arrange(template.File{Name: r.Input.Manifest.Name, Text: r.rendered}, a)
	if err != nil && r.asDeployed() {
		text, notes, err = r.way.plain, nil, nil // nothing is replaced, so nothing errors
	}
	if err != nil {
		return err
	}
	r.way.gate = a.Gate != nil && a.Gate.Version == boshrelease.Version()
	r.manifest = text
	r.remark(notes...)
	return nil
}

// remark adds what people should know of the way, each once.
func (r *run) remark(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(r.way.Notes, note) {
			r.way.Notes = append(r.way.Notes, note)
		}
	}
}

// asDeployed says whether the manifest is the deployed one, but for its arrangement.
func (r *run) asDeployed() bool {
	if r.way.plain == nil || r.way.restarts {
		return false
	}
	was, err := template.Digest(r.deployed.Manifest)
	will, other := template.Digest(r.way.plain)
	return err == nil && other == nil && was == will
}

// migrates says whether the database gets another schema, as far as is known.
func migrates(from, to string) bool {
	a, b := compatibility.Concourse(from), compatibility.Concourse(to)
	return a.Match == compatibility.Unknown || b.Match == compatibility.Unknown || a.Migration != b.Migration
}

// sayWay tells people about the way, once a run.
func (o Out) sayWay(r *run) {
	if r.way.database != "" {
		o.note(r, "%s", r.way.database)
	}
	if r.way.to == "" || !r.way.restarts {
		return // nothing is replaced that builds would notice
	}
	if r.way.changes() || r.way.Way != compatibility.WebFirst {
		o.note(r, "way: %s", r.way.Choice)
	}
	o.sayNotes(r)
}

// sayNotes tells people those notes of the way that it has not told them before.
func (o Out) sayNotes(r *run) {
	for _, note := range r.way.Notes {
		if !slices.Contains(r.said, note) {
			o.note(r, "way: note: %s", note)
		}
	}
	r.said = slices.Clone(r.way.Notes)
}
