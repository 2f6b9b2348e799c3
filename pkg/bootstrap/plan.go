package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// notYet is what a plan says of a step whose foundation is not there.
const notYet = "would be made"

// Plan says what Deploy would change, step by step, with credentials hidden. It
// changes nothing, but for a change set of the stack that it discards.
func (i *Installation) Plan(ctx context.Context, o Options) (Plan, error) {
	r := i.newRun(o)
	r.asks = true
	if err := r.perform(ctx, []step{{stepAccount, r.checkAccount}}); err != nil {
		return Plan{}, err
	}
	p := &planner{run: r}
	found, err := r.openFirst(ctx)
	switch {
	case err != nil:
		return Plan{}, &StepError{stepState, err}
	case !found:
		if err := r.trySigner(ctx, false); err != nil {
			return Plan{}, &StepError{stepState, err}
		}
		p.fresh = true
		p.add(PlannedStep{Step: stepState, Changes: true, Summary: notYet, Lines: []string{"+ " + storeName(r)}})
	case r.old:
		p.add(PlannedStep{Step: stepState, Changes: true, Summary: "would be signed and encrypted", Lines: r.movedLines()})
	case r.resigns() || r.rewraps():
		var lines []string
		if r.resigns() {
			lines = append(lines, "~ "+r.signerLine())
		}
		if r.rewraps() {
			lines = append(lines, "~ "+r.wrapperLine())
		}
		p.add(PlannedStep{Step: stepState, Changes: true, Summary: "would be signed or encrypted by another key", Lines: lines})
	default:
		p.add(PlannedStep{Step: stepState, Summary: storeName(r)})
	}
	if err := r.checkRoom(ctx); err != nil {
		return Plan{}, &StepError{stepConfiguration, err}
	}
	p.plan.Config, p.plan.InstanceTypes = r.config, r.record.InstanceTypes
	for _, s := range []struct {
		name string
		do   func(context.Context) (PlannedStep, error)
	}{
		{stepConfiguration, p.configuration}, {stepComponents, p.components}, {stepInfrastructure, p.infrastructure},
		{stepCredentials, p.credentials}, {stepDirector, p.director}, {stepDeploy, p.deploy},
		{stepParameters, p.parameters}, {stepPipeline, p.pipeline},
	} {
		r.Progress.Begin(s.name)
		begun := r.now()
		planned, err := s.do(ctx)
		if err != nil {
			r.Progress.End(s.name, Outcome{Status: Failed, Report: err.Error(), Took: r.now().Sub(begun)})
			return p.plan, &StepError{s.name, because(ctx, err)}
		}
		planned.Step = s.name
		p.add(planned)
		status := UpToDate
		if planned.Changes {
			status = Changed
		}
		r.Progress.End(s.name, Outcome{Status: status, Report: planned.Summary, Took: r.now().Sub(begun)})
	}
	return p.plan, nil
}

// planner goes through the steps without doing them.
type planner struct {
	*run
	plan  Plan
	fresh bool // there is no state yet
	bare  bool // there is no infrastructure yet
	alone bool // there is no director yet
}

func (p *planner) add(s PlannedStep) { p.plan.Steps = append(p.plan.Steps, s) }

// quiet is a step that changes nothing.
func quiet(format string, args ...any) (PlannedStep, error) {
	return PlannedStep{Summary: fmt.Sprintf(format, args...)}, nil
}

func (p *planner) configuration(ctx context.Context) (PlannedStep, error) {
	if p.fresh {
		return PlannedStep{Changes: true, Summary: "new"}, nil
	}
	if err := p.checkDatabase(ctx); err != nil {
		return PlannedStep{}, err
	}
	var lines []string
	for _, c := range config.Diff(p.stored, p.wantedConfig) {
		lines = append(lines, fmt.Sprintf("~ %s: %s → %s", c.Key, cmp.Or(c.Old, "not set"), cmp.Or(c.New, "not set")))
	}
	if p.raise.Major() {
		lines = append(lines, "! "+p.raise.String())
	}
	if len(lines) == 0 {
		return quiet("as before")
	}
	return PlannedStep{Changes: true, Summary: "would change", Lines: lines}, nil
}

func (p *planner) infrastructure(ctx context.Context) (PlannedStep, error) {
	if p.elsewhere() {
		return quiet("the director exists already")
	}
	if err := p.lendPassword(ctx); err != nil {
		return PlannedStep{}, err
	}
	wanted, err := p.wanted(ctx)
	if err != nil {
		return PlannedStep{}, err
	}
	p.bare = p.record.Infrastructure == nil
	change, err := p.planStack(ctx, wanted)
	if err != nil {
		return PlannedStep{}, err
	}
	if groups := &p.infra.SecurityGroups; groups.UpgradeWorker == "" {
		groups.UpgradeWorker = "the new security group" // of a stack that is older than the group
	}
	discard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := p.discardStack(discard, change); err != nil {
		return PlannedStep{}, fmt.Errorf("discard the change set of the plan: %w", err)
	}
	if p.bare && !change.Empty {
		if p.infra, err = infrastructure.Expected(wanted, p.config.AWS.Region); err != nil { // for what is planned on it
			return PlannedStep{}, err
		}
	}
	switch {
	case change.Empty:
		return quiet("no changes to the stack")
	case change.Create:
		return PlannedStep{Changes: true, Summary: notYet, Lines: slices.Concat(infrastructure.ChangeLines(change), change.Details)}, nil
	}
	return PlannedStep{Changes: true, Summary: "would change", Lines: slices.Concat(infrastructure.ChangeLines(change), change.Details)}, nil
}

// lendPassword gives a stack that is not there yet a password for its database, with
// which it can be planned. It is not kept: deploy generates another one.
func (p *planner) lendPassword(ctx context.Context) error {
	if _, there := p.run.credentials[manifest.DatabasePassword]; there || !usesService(p.config) {
		return nil
	}
	all, _, err := credential.Generate(ctx, manifest.FirstVariables(),
		p.run.credentials, p.generation())
	if err != nil {
		return err
	}
	p.Mask(credential.Secrets(all)...)
	p.run.credentials = all
	return nil
}

func (p *planner) credentials(ctx context.Context) (PlannedStep, error) {
	if p.bare {
		return PlannedStep{Changes: true, Summary: "would be generated"}, nil
	}
	in, err := p.input()
	if err != nil {
		return PlannedStep{}, err
	}
	variables, err := manifest.Variables(in)
	if err != nil {
		return PlannedStep{}, err
	}
	all, added, err := credential.Generate(ctx, variables, p.run.credentials, p.generation())
	if err != nil {
		return PlannedStep{}, err
	}
	p.Mask(credential.Secrets(all)...)
	p.run.credentials = all // for the manifests below; they are not kept
	if len(added) == 0 {
		return quiet("all %d are there", len(variables))
	}
	lines := make([]string, len(added))
	for i, name := range added {
		lines[i] = "+ " + name
	}
	return PlannedStep{Changes: true, Summary: "would be generated", Lines: lines}, nil
}

func (p *planner) components(ctx context.Context) (PlannedStep, error) {
	before := slices.Clone(p.record.Desired)
	o, err := p.chooseComponents(ctx)
	if err != nil {
		return PlannedStep{}, err
	}
	return PlannedStep{Changes: o.Status == Changed, Summary: o.Report, Lines: setLines(before, p.set)}, nil
}

func (p *planner) director(ctx context.Context) (PlannedStep, error) {
	switch {
	case p.elsewhere():
		o, err := p.lookAtDirector(ctx)
		return PlannedStep{Summary: o.Report}, err
	case p.bare:
		p.alone = true
		return PlannedStep{Changes: true, Summary: notYet, Lines: p.firstOf(manifest.Director)}, nil
	}
	p.alone = !p.record.Director
	request, err := p.request(ctx)
	if err != nil {
		return PlannedStep{}, err
	}
	pending, err := p.pendingDirector(ctx, request)
	if err != nil {
		return PlannedStep{}, err
	}
	if len(pending) == 0 {
		return quiet("the director at %s", p.access().URL)
	}
	return PlannedStep{Changes: true, Summary: "would change", Lines: pending}, nil
}

func (p *planner) deploy(ctx context.Context) (PlannedStep, error) {
	if p.alone {
		if !usesService(p.config) {
			p.postgres, _ = p.databaseMajor(nil)
		}
		lines := append([]string{"  cloud config:"}, p.firstOf(manifest.CloudConfig)...)
		return PlannedStep{Changes: true, Summary: notYet, Lines: append(append(lines, "  manifest:"), p.firstOf(manifest.Concourse)...)}, nil
	}
	d, done, err := p.Director(p.access())
	if err != nil {
		return PlannedStep{}, err
	}
	defer done()
	if err := p.settleDatabase(ctx, d); err != nil {
		return PlannedStep{}, err
	}
	in, err := p.upgradeInput()
	if err != nil {
		return PlannedStep{}, err
	}
	atc, err := p.ATC(p.webNow(ctx))
	if err != nil {
		return PlannedStep{}, err
	}
	up, request := p.upgrader(d, atc), p.upgradeRequest(in)
	up.Log, request.DryRun = io.Discard, true
	would, err := up.Run(ctx, request)
	if err != nil {
		return PlannedStep{}, err
	}
	if len(would.CloudConfig) == 0 && would.Became != upgrade.WouldDeploy {
		return quiet("%s", describeSet(p.set))
	}
	lines, err := p.manifestValues(would.Deployed)
	return PlannedStep{Changes: true, Summary: "would change", Lines: append(would.Lines(request.Deployment), lines...)}, err
}
