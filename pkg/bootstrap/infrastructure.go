package bootstrap

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// compareInfrastructure compares the stack with the wanted one.
func (r *work) compareInfrastructure(ctx context.Context) (step.Comparison, error) {
	if r.Elsewhere() {
		c := step.None("the director exists already")
		c.Act = func(ctx context.Context) (step.Outcome, error) { return c.Outcome(), r.saveConfig(ctx) }
		return c, nil
	}
	wanted, err := r.wanted(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	change, err := r.Site().Plan(ctx, wanted)
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
	c.Act = func(ctx context.Context) (step.Outcome, error) { return r.convergeStack(ctx, wanted, change) }
	c.Drop = func(ctx context.Context) error {
		if err := r.Site().Discard(ctx, change); err != nil {
			return fmt.Errorf("discard the change set of the plan: %w", err)
		}
		return r.expectInfrastructure(ctx, wanted, change)
	}
	return c, nil
}

// expectInfrastructure is what a plan works with that leaves the stack as it is: what the
// stack gives now, or what it will give.
func (r *work) expectInfrastructure(ctx context.Context, wanted layout.Parameters, change stack.Change) (err error) {
	switch {
	case change.Empty:
		if r.Infrastructure, err = r.Site().Outputs(ctx); err == nil {
			err = r.findAuthorities(ctx)
		}
	case r.Bare():
		r.Infrastructure, err = infrastructure.Expected(wanted, r.Config.AWS.Region)
	}
	if groups := &r.Infrastructure.SecurityGroups; groups.UpgradeWorker == "" {
		groups.UpgradeWorker = "the new security group" // of a stack that is older than the group
	}
	return err
}

// convergeStack makes the stack as wanted, and reads what it gives. change is what it lacks.
func (r *work) convergeStack(ctx context.Context, wanted layout.Parameters, change stack.Change) (step.Outcome, error) {
	change, err := infrastructure.Convergence{
		Site: r.Site(), Self: r.Options.Self, Major: r.raise.Major() && database.Service(r.Config),
		Begin: func(ctx context.Context, change stack.Change) error { return r.beginStack(ctx, wanted, change) }, End: r.endStack,
	}.Run(ctx, wanted, change)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := r.settleInfrastructure(ctx); err != nil {
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

// settleInfrastructure notes what the stack gives.
func (r *work) settleInfrastructure(ctx context.Context) (err error) {
	if database.Service(r.Config) {
		if err := r.keepVersion(ctx); err != nil {
			return err
		}
	}
	if r.Infrastructure, err = r.Site().Outputs(ctx); err != nil {
		return fmt.Errorf("read what the stack gives: %w", err)
	}
	if err := r.findAuthorities(ctx); err != nil {
		return err
	}
	if err := r.saveConfig(ctx); err != nil {
		return err
	}
	infra := r.Infrastructure
	r.Record.Infrastructure = &infra
	return nil
}

// beginStack writes down what is about to be made of the stack.
func (r *work) beginStack(ctx context.Context, wanted layout.Parameters, change stack.Change) error {
	if err := r.saveConfig(ctx); err != nil {
		return err
	}
	r.Record.Stack, r.stackMade = true, r.stackMade || change.Create
	if err := r.Save(ctx); err != nil { // what was chosen, before it is built
		return err
	}
	if before := r.Record.Infrastructure; before != nil && before.PipelineUser != "" && wanted.Issuer != "" {
		// The user goes, now that a role serves; it cannot go while it has a key.
		return r.accessKeys().Delete(ctx)
	}
	return nil
}

// endStack notes that a change of the stack was made. What was wanted with one that was
// undone is not stored any more.
func (r *work) endStack(ctx context.Context, err error) {
	if err != nil {
		r.takeBackUndone(ctx)
		return
	}
	r.Made = true
}

// findAuthorities gets the CAs that the web knows the database by. Those of the
// first time stay: others would be a change of the web that nobody asked for.
func (r *work) findAuthorities(ctx context.Context) (err error) {
	if r.Infrastructure.Database.Host == "" {
		return nil
	}
	if before := r.Record.Infrastructure; before != nil && before.Database.CA != "" {
		r.Infrastructure.Database.CA = before.Database.CA
		return nil
	}
	r.Infrastructure.Database.CA, err = r.Account.DatabaseAuthorities(ctx)
	return err
}

// wanted looks up what the user need not say. What it has chosen stays chosen.
func (r *work) wanted(ctx context.Context) (layout.Parameters, error) {
	if err := r.Chooser().Reach(ctx, r.Options.Self); err != nil {
		return layout.Parameters{}, err
	}
	password, _ := r.Credentials[manifest.DatabasePassword].(string)
	return infrastructure.Wanted{
		Config: r.Config, Account: r.Identity.Account, Zones: r.Record.Zones, HostedZone: r.Record.HostedZone, Subnets: r.subnets,
		DirectorCIDRs: r.Record.DirectorCIDRs, DatabasePassword: secret.New(password), Issuer: r.issuer(),
	}.Parameters()
}

// issuer is where AWS can fetch the keys of Concourse's identity tokens, "" where
// the internet does not reach it by a name with a certificate that everybody trusts.
func (r *work) issuer() string {
	in := manifest.Input{Config: r.Config, Infrastructure: r.Infrastructure}
	if in.Public() {
		return in.URL()
	}
	return ""
}
