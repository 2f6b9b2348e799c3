package plan

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

// Way is how the web and the workers of a deployment are replaced.
type Way struct {
	compatibility.Choice
	From, To string // versions of Concourse: what runs, what is wanted; "" where there is none
	Silent   bool   // the web does not answer: there are no builds to keep away
	Plain    []byte // the manifest arranged as it is deployed; nil at a first deploy
	Gate     bool   // the release perpetual of this program is in the manifest
	restarts bool   // the web is restarted
	database string // what is to be known of the database; "" where nothing is
}

// Quiet says whether web and workers are replaced while nothing runs.
func (w Way) Quiet() bool { return w.Way == compatibility.Quiet && w.restarts }

// Changes says whether Concourse gets another version.
func (w Way) Changes() bool { return w.From != "" && w.To != "" && !compatibility.Same(w.From, w.To) }

// ChooseWay decides in what order web and workers are replaced, from what runs and
// what is wanted, and arranges the manifest so. It changes nothing.
func (p *Plan) ChooseWay(ctx context.Context) error {
	wanted, err := deployment.Parse(template.File{Name: p.Request.Input.Manifest.Name, Text: p.Rendered})
	if err != nil {
		return err
	}
	p.Way = Way{}
	if len(wanted.Groups(inventory.Concourse, inventory.WebJob)) == 0 {
		return nil // another deployment than a Concourse
	}
	deployed, err := inventory.Deployed(p.Deployed)
	if err != nil {
		return err
	}
	now, err := p.running(ctx, deployed)
	if err != nil {
		return err
	}
	p.Way.From = now.Version
	p.Way.To = p.Stock.Version(inventory.Concourse)
	if err := p.refuseDowngrade(deployed, wanted); err != nil {
		return err
	}
	database, err := postgres.Compare(p.Deployed.Manifest, p.Rendered, p.majorParam())
	if err != nil {
		return err
	}
	if err := database.Problem(); err != nil {
		return fmt.Errorf("refuse to deploy: %w", err)
	}
	if err := p.room(ctx, database, deployed); err != nil {
		return err
	}
	if err := p.restart(deployed); err != nil {
		return err
	}
	if p.Way.Choice, err = compatibility.Choose(now, p.Way.To, p.wish()); err != nil {
		return err
	}
	p.Way.database = database.String()
	if err := p.pace(wanted); err != nil {
		return err
	}
	if p.Way.Quiet() {
		if err := p.MayPause(ctx); err != nil {
			return err
		}
	}
	return p.Arrange()
}

// room makes sure that a major upgrade of PostgreSQL has the disk that it needs. One that
// was begun has used it already.
func (p *Plan) room(ctx context.Context, database postgres.Change, deployed deployment.Deployment) error {
	if p.DiskChecked || !database.Major() || database.Group == "" || p.failedMidway(deployed) {
		return nil
	}
	percent, known, err := p.Director.DiskUsage(ctx, p.Request.Deployment, database.Group)
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
func (p *Plan) wish() string {
	if p.Request.Way == string(compatibility.Quiet) && !p.Way.restarts {
		return ""
	}
	return p.Request.Way
}

// running is what runs now: as the ATC reports it, else as the manifest was deployed.
func (p *Plan) running(ctx context.Context, deployed deployment.Deployment) (compatibility.Now, error) {
	now := compatibility.Now{Version: p.begun(deployed.Release(inventory.Concourse))}
	if len(p.Deployed.Manifest) == 0 || p.ATC == nil {
		return now, nil
	}
	info, err := p.ATC.Info(ctx)
	var workers []concourse.Worker
	if err == nil {
		workers, err = p.ATC.Workers(ctx)
	}
	switch {
	case concourse.Refused(err):
		return now, fmt.Errorf("ask the ATC what runs: %w", err)
	case err != nil && ctx.Err() != nil:
		return now, fmt.Errorf("ask the ATC what runs: %w", context.Cause(ctx))
	case err != nil && (p.Request.Pipeline == nil || !p.Request.Pipeline.Skip):
		return now, fmt.Errorf("ask the ATC what runs: %w; %s", err, whenDown)
	case err != nil:
		p.Way.Silent = true
		p.Note("the ATC does not answer (%v): what runs is taken from the director, Concourse %s", err, now.Version)
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
func (p *Plan) pace(wanted deployment.Deployment) error {
	switch {
	case p.Request.Canaries == "" && p.Request.MaxInFlight == "":
	case p.Way.Quiet():
		p.Remark("params.canaries and params.max_in_flight do not count in a quiet upgrade, which replaces all workers at once")
	case p.Request.Canaries == "0" && p.Request.MaxInFlight == "100%":
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
func (p *Plan) begun(version string) string {
	for _, nv := range p.Deployed.Releases {
		if nv.Name == inventory.Concourse && component.Lower(version, nv.Version) {
			version = nv.Version
		}
	}
	return version
}

// failedMidway says whether the last deploy has ended before its manifest was stored:
// its instances are restarted, also where the manifest does not change again.
func (p *Plan) failedMidway(deployed deployment.Deployment) bool {
	return slices.ContainsFunc(p.Deployed.Releases, func(nv bosh.Release) bool {
		version := deployed.Release(nv.Name)
		return version != "" && version != nv.Version
	})
}

// refuseDowngrade refuses lower versions than what runs or is deployed.
func (p *Plan) refuseDowngrade(deployed, wanted deployment.Deployment) error {
	for _, from := range []string{p.Way.From, deployed.Release(inventory.Concourse)} {
		err := compatibility.Downgrade(from, p.Way.To)
		var lower *compatibility.DowngradeError
		if errors.As(err, &lower) && p.Request.AllowDowngrade && !lower.Forbidden() {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("refuse to deploy Concourse: %w; nothing was changed", err)
		}
	}
	from, to := deployed.Release(postgresRelease), wanted.Release(postgresRelease)
	if !p.Request.AllowDowngrade && component.Lower(to, from) {
		return fmt.Errorf("refuse to deploy postgres %s over %s: it is lower; nothing was changed; set params.allow_downgrade: true if that is intended", to, from)
	}
	return nil
}

// restart finds out whether the web is restarted. The manifest that is compared for
// it is arranged as the deployed one, so that only what people have changed counts.
func (p *Plan) restart(deployed deployment.Deployment) error {
	p.Way.Plain, p.Way.restarts = nil, true
	if len(p.Deployed.Manifest) == 0 {
		return nil
	}
	now, err := deployment.Arranged(p.Deployed.Manifest, boshrelease.Name, boshrelease.GateJob)
	if err != nil {
		return fmt.Errorf("read the arrangement of the deployed manifest: %w", err)
	}
	plain, _, err := deployment.Arrange(template.File{Name: p.Request.Input.Manifest.Name, Text: p.Rendered}, now)
	if err != nil {
		return nil // it cannot stay as it is deployed; Arrange says why
	}
	p.Way.Plain = plain
	restarts, err := deployment.RestartsWeb(p.Deployed.Manifest, plain)
	p.Way.restarts = restarts || p.Request.Recreate || p.failedMidway(deployed)
	return err
}

// Arrange orders the groups of the manifest, and adds the job that holds BOSH
// until the web answers.
func (p *Plan) Arrange() error {
	a := deployment.Arrangement{
		WorkersFirst:  p.Way.Way == compatibility.WorkersFirst,
		WorkersAtOnce: p.Way.Way == compatibility.Quiet, First: len(p.Deployed.Manifest) == 0,
	}
	switch now, err := deployment.Arranged(p.Deployed.Manifest, boshrelease.Name, boshrelease.GateJob); {
	case err != nil:
		return fmt.Errorf("read the arrangement of the deployed manifest: %w", err)
	case !p.Way.restarts: // it never restarts a web by itself
		a.Gate = now.Gate
	case !p.Request.NoGate && !p.NoRelease:
		a.Gate = &deployment.Colocation{Release: boshrelease.Name, Version: boshrelease.Version(), Job: boshrelease.GateJob}
	case p.Way.From != "" && migrates(p.Way.From, p.Way.To):
		a.WatchTime = patientWatch
		p.Remark("the job " + boshrelease.GateJob + " is not on the web nodes: BOSH goes on after five minutes, also while the database is still being migrated, and workers that it drains then lose their builds")
	}
	text, notes, err := deployment.Arrange(template.File{Name: p.Request.Input.Manifest.Name, Text: p.Rendered}, a)
	if err != nil && p.asDeployed() {
		text, notes, err = p.Way.Plain, nil, nil // nothing is replaced, so nothing errors
	}
	if err != nil {
		return err
	}
	p.Way.Gate = a.Gate != nil && a.Gate.Version == boshrelease.Version()
	p.Manifest = text
	p.Remark(notes...)
	return nil
}

// Remark adds what people should know of the way, each once.
func (p *Plan) Remark(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(p.Way.Notes, note) {
			p.Way.Notes = append(p.Way.Notes, note)
		}
	}
}

// asDeployed says whether the manifest is the deployed one, but for its arrangement.
func (p *Plan) asDeployed() bool {
	if p.Way.Plain == nil || p.Way.restarts {
		return false
	}
	was, err := template.Digest(p.Deployed.Manifest)
	will, other := template.Digest(p.Way.Plain)
	return err == nil && other == nil && was == will
}

// migrates says whether the database gets another schema, as far as is known.
func migrates(from, to string) bool {
	a, b := compatibility.Concourse(from), compatibility.Concourse(to)
	return a.Match == compatibility.Unknown || b.Match == compatibility.Unknown || a.Migration != b.Migration
}

// SayWay tells people about the way, once a run.
func (p *Plan) SayWay() {
	if p.Way.database != "" {
		p.Note("%s", p.Way.database)
	}
	if p.Way.To == "" || !p.Way.restarts {
		return // nothing is replaced that builds would notice
	}
	if p.Way.Changes() || p.Way.Way != compatibility.WebFirst {
		p.Note("way: %s", p.Way.Choice)
	}
	p.SayNotes()
}

// SayNotes tells people those notes of the way that it has not told them before.
func (p *Plan) SayNotes() {
	for _, note := range p.Way.Notes {
		if !slices.Contains(p.said, note) {
			p.Note("way: note: %s", note)
		}
	}
	p.said = slices.Clone(p.Way.Notes)
}
