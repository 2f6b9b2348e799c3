package part

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Infrastructure is the stack with everything that the director and Concourse stand on.
type Infrastructure struct {
	*run.Run
	goal    *goal.Goal
	created bool // by this run, where there was none
}

// Compare compares the stack with the wanted one.
func (p *Infrastructure) Compare(ctx context.Context) (step.Comparison, error) {
	if p.Elsewhere() {
		c := step.None("the director exists already")
		c.Act = func(ctx context.Context) (step.Outcome, error) { return c.Outcome(), p.goal.SaveConfig(ctx) }
		return c, nil
	}
	wanted, err := p.wanted(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	change, err := p.Site().Plan(ctx, wanted)
	if err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("no changes to the stack")
	switch {
	case change.Create:
		c = step.Differs(step.NotYet, infrastructure.ChangeLines(change)...)
	case !change.Empty:
		c = step.Differs("would change", infrastructure.ChangeLines(change)...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) { return p.converge(ctx, wanted, change) }
	c.Drop = func(ctx context.Context) error {
		if err := p.Site().Discard(ctx, change); err != nil {
			return fmt.Errorf("discard the change set of the plan: %w", err)
		}
		return p.expect(ctx, wanted, change)
	}
	return c, nil
}

// expect is what a plan works with that leaves the stack as it is: what the
// stack gives now, or what it will give.
func (p *Infrastructure) expect(ctx context.Context, wanted layout.Parameters, change stack.Change) (err error) {
	switch {
	case change.Empty:
		if p.Outputs, err = p.Site().Outputs(ctx); err == nil {
			err = p.findAuthorities(ctx)
		}
	case p.Bare():
		p.Outputs, err = infrastructure.Expected(wanted, p.Config.AWS.Region)
	}
	if groups := &p.Outputs.SecurityGroups; groups.UpgradeWorker == "" {
		groups.UpgradeWorker = "the new security group" // of a stack that is older than the group
	}
	return err
}

// converge makes the stack as wanted, and reads what it gives. change is what it lacks.
func (p *Infrastructure) converge(ctx context.Context, wanted layout.Parameters, change stack.Change) (step.Outcome, error) {
	change, err := infrastructure.Convergence{
		Site: p.Site(), Self: p.Options.Self, Major: p.goal.Raise.Major() && database.Service(p.Config),
		Begin: func(ctx context.Context, change stack.Change) error { return p.begin(ctx, wanted, change) }, End: p.end,
	}.Run(ctx, wanted, change)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := p.settle(ctx); err != nil {
		return step.Outcome{}, err
	}
	switch {
	case change.Empty:
		return step.UpToDate.Report("no changes to the stack")
	case change.Create:
		return step.Changed.Report("the stack was created, %d resources", len(change.Resources))
	}
	return step.Changed.Report("the stack was updated, %d resources changed", len(change.Resources))
}

// settle notes what the stack gives.
func (p *Infrastructure) settle(ctx context.Context) (err error) {
	if database.Service(p.Config) {
		if err := p.goal.KeepVersion(ctx); err != nil {
			return err
		}
	}
	if p.Outputs, err = p.Site().Outputs(ctx); err != nil {
		return fmt.Errorf("read what the stack gives: %w", err)
	}
	if err := p.findAuthorities(ctx); err != nil {
		return err
	}
	if err := p.goal.SaveConfig(ctx); err != nil {
		return err
	}
	infra := p.Outputs
	p.Record.Infrastructure = &infra
	return nil
}

// begin writes down what is about to be made of the stack.
func (p *Infrastructure) begin(ctx context.Context, wanted layout.Parameters, change stack.Change) error {
	if err := p.goal.SaveConfig(ctx); err != nil {
		return err
	}
	p.Record.Stack, p.created = true, p.created || change.Create
	if err := p.Save(ctx); err != nil { // what was chosen, before it is built
		return err
	}
	if before := p.Record.Infrastructure; before != nil && before.PipelineUser != "" && wanted.Issuer != "" {
		// The user goes, now that a role serves; it cannot go while it has a key.
		return accessKeys(p.Run).Delete(ctx)
	}
	return nil
}

// end notes that a change of the stack was made. What was wanted with one that was
// undone is not stored any more.
func (p *Infrastructure) end(ctx context.Context, err error) {
	if err != nil {
		p.goal.TakeBackUndone(ctx)
		return
	}
	p.Made = true
}

// findAuthorities gets the CAs that the web knows the database by. Those of the
// first time stay: others would be a change of the web that nobody asked for.
func (p *Infrastructure) findAuthorities(ctx context.Context) (err error) {
	if p.Outputs.Database.Host == "" {
		return nil
	}
	if before := p.Record.Infrastructure; before != nil && before.Database.CA != "" {
		p.Outputs.Database.CA = before.Database.CA
		return nil
	}
	p.Outputs.Database.CA, err = p.Account.DatabaseAuthorities(ctx)
	return err
}

// wanted looks up what the user need not say. What it has chosen stays chosen.
func (p *Infrastructure) wanted(ctx context.Context) (layout.Parameters, error) {
	if err := p.Chooser().Reach(ctx, p.Options.Self); err != nil {
		return layout.Parameters{}, err
	}
	password, _ := p.Credentials[manifest.DatabasePassword].(string)
	return infrastructure.Wanted{
		Config: p.Config, Account: p.Identity.Account, Zones: p.Record.Zones, HostedZone: p.Record.HostedZone, Subnets: p.goal.Subnets,
		DirectorCIDRs: p.Record.DirectorCIDRs, DatabasePassword: secret.New(password), Issuer: p.issuer(),
	}.Parameters()
}

// issuer is where AWS can fetch the keys of Concourse's identity tokens, "" where
// the internet does not reach it by a name with a certificate that everybody trusts.
func (p *Infrastructure) issuer() string {
	in := manifest.Input{Config: p.Config, Infrastructure: p.Outputs}
	if in.Public() {
		return in.URL()
	}
	return ""
}

// Delete deletes the stack, and lists what of it is kept on purpose.
func (p *Infrastructure) Delete(ctx context.Context) (o step.Outcome, kept []string, err error) {
	if p.Elsewhere() {
		o, err = step.Skipped.Report("the director's owner has made it")
		return o, nil, err
	}
	kept, err = p.Site().Delete(ctx)
	if errors.Is(err, infrastructure.ErrNotFound) {
		o, err = step.Skipped.Report("none was created")
		return o, nil, err
	}
	if err != nil {
		return step.Outcome{}, kept, err
	}
	p.Record.Infrastructure, p.Record.Stack = nil, false
	o, err = step.Changed.Report("the stack was deleted")
	return o, kept, err
}
