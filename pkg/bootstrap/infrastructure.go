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

// site is where the stack is.
func (r *run) site() infrastructure.Site {
	s := infrastructure.Site{Name: r.Name, Open: r.OpenStack, Note: r.noteOf(step.Infrastructure), Warn: r.Progress.Warn}
	if r.config.AWS != nil {
		s.Tags = r.config.AWS.Tags
	}
	return s
}

// elsewhere says whether Concourse goes to a director that exists: there is no
// infrastructure then, and the cloud config is its owner's.
func (r *run) elsewhere() bool { return r.config.AWS == nil }

// bare says that there is no infrastructure yet.
func (r *run) bare() bool { return !r.elsewhere() && r.record.Infrastructure == nil }

// compareInfrastructure compares the stack with the wanted one.
func (r *run) compareInfrastructure(ctx context.Context) (step.Comparison, error) {
	if r.elsewhere() {
		c := step.None("the director exists already")
		c.Act = func(ctx context.Context) (step.Outcome, error) { return c.Outcome(), r.saveConfig(ctx) }
		return c, nil
	}
	wanted, err := r.wanted(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	change, err := r.site().Plan(ctx, wanted)
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
		if err := r.site().Discard(ctx, change); err != nil {
			return fmt.Errorf("discard the change set of the plan: %w", err)
		}
		return r.expectInfrastructure(ctx, wanted, change)
	}
	return c, nil
}

// expectInfrastructure is what a plan works with that leaves the stack as it is: what the
// stack gives now, or what it will give.
func (r *run) expectInfrastructure(ctx context.Context, wanted layout.Parameters, change stack.Change) (err error) {
	switch {
	case change.Empty:
		if r.infra, err = r.site().Outputs(ctx); err == nil {
			err = r.findAuthorities(ctx)
		}
	case r.bare():
		r.infra, err = infrastructure.Expected(wanted, r.config.AWS.Region)
	}
	if groups := &r.infra.SecurityGroups; groups.UpgradeWorker == "" {
		groups.UpgradeWorker = "the new security group" // of a stack that is older than the group
	}
	return err
}

// convergeStack makes the stack as wanted, and reads what it gives. change is what it lacks.
func (r *run) convergeStack(ctx context.Context, wanted layout.Parameters, change stack.Change) (step.Outcome, error) {
	change, err := infrastructure.Convergence{
		Site: r.site(), Self: r.options.Self, Major: r.raise.Major() && database.Service(r.config),
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
func (r *run) settleInfrastructure(ctx context.Context) (err error) {
	if database.Service(r.config) {
		if err := r.keepVersion(ctx); err != nil {
			return err
		}
	}
	if r.infra, err = r.site().Outputs(ctx); err != nil {
		return fmt.Errorf("read what the stack gives: %w", err)
	}
	if err := r.findAuthorities(ctx); err != nil {
		return err
	}
	if err := r.saveConfig(ctx); err != nil {
		return err
	}
	infra := r.infra
	r.record.Infrastructure = &infra
	return nil
}

// beginStack writes down what is about to be made of the stack.
func (r *run) beginStack(ctx context.Context, wanted layout.Parameters, change stack.Change) error {
	if err := r.saveConfig(ctx); err != nil {
		return err
	}
	r.record.Stack, r.stackMade = true, r.stackMade || change.Create
	if err := r.saveRecord(ctx); err != nil { // what was chosen, before it is built
		return err
	}
	if before := r.record.Infrastructure; before != nil && before.PipelineUser != "" && wanted.Issuer != "" {
		// The user goes, now that a role serves; it cannot go while it has a key.
		return r.accessKeys().Delete(ctx)
	}
	return nil
}

// endStack notes that a change of the stack was made. What was wanted with one that was
// undone is not stored any more.
func (r *run) endStack(ctx context.Context, err error) {
	if err != nil {
		r.takeBackUndone(ctx)
		return
	}
	r.made = true
}

// findAuthorities gets the CAs that the web knows the database by. Those of the
// first time stay: others would be a change of the web that nobody asked for.
func (r *run) findAuthorities(ctx context.Context) (err error) {
	if r.infra.Database.Host == "" {
		return nil
	}
	if before := r.record.Infrastructure; before != nil && before.Database.CA != "" {
		r.infra.Database.CA = before.Database.CA
		return nil
	}
	r.infra.Database.CA, err = r.Account.DatabaseAuthorities(ctx)
	return err
}

// wanted looks up what the user need not say. What it has chosen stays chosen.
func (r *run) wanted(ctx context.Context) (layout.Parameters, error) {
	if err := r.chooser().Reach(ctx, r.options.Self); err != nil {
		return layout.Parameters{}, err
	}
	password, _ := r.credentials[manifest.DatabasePassword].(string)
	return infrastructure.Wanted{
		Config: r.config, Account: r.identity.Account, Zones: r.record.Zones, HostedZone: r.record.HostedZone, Subnets: r.subnets,
		DirectorCIDRs: r.record.DirectorCIDRs, DatabasePassword: secret.New(password), Issuer: r.issuer(),
	}.Parameters()
}

// issuer is where AWS can fetch the keys of Concourse's identity tokens, "" where
// the internet does not reach it by a name with a certificate that everybody trusts.
func (r *run) issuer() string {
	in := manifest.Input{Config: r.config, Infrastructure: r.infra}
	if in.Public() {
		return in.URL()
	}
	return ""
}

// url is that of the web; "" while there is no address for it.
func (r *run) url() string { return r.reach().URL() }
