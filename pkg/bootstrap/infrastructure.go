package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

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
	change, err := r.planStack(ctx, wanted)
	if err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("no changes to the stack")
	switch {
	case change.Create:
		c = step.Differs(notYet, changeLines(change)...)
	case !change.Empty:
		c = step.Differs("would change", changeLines(change)...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) { return r.convergeStack(ctx, wanted, change) }
	c.Drop = func(ctx context.Context) error {
		if err := r.discardStack(ctx, change); err != nil {
			return fmt.Errorf("discard the change set of the plan: %w", err)
		}
		return r.expectInfrastructure(ctx, wanted, change)
	}
	return c, nil
}

// changeLines show a change of the stack.
func changeLines(change stack.Change) []string {
	return slices.Concat(infrastructure.ChangeLines(change), change.Details)
}

// expectInfrastructure is what a plan works with that leaves the stack as it is: what the
// stack gives now, or what it will give.
func (r *run) expectInfrastructure(ctx context.Context, wanted stack.Parameters, change stack.Change) (err error) {
	switch {
	case change.Empty:
		if r.infra, err = r.outputs(ctx); err == nil {
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
func (r *run) convergeStack(ctx context.Context, wanted stack.Parameters, change stack.Change) (step.Outcome, error) {
	done := stack.Change{Empty: true}
	if r.raise.Major() && usesService(r.config) {
		// Alone and after all else: an update that fails is taken back, which a database
		// cannot be.
		if err := r.discardStack(ctx, change); err != nil {
			return step.Outcome{}, err
		}
		first := wanted
		first.DatabaseVersion = "" // stays as it is
		var err error
		if done, err = r.planStack(ctx, first); err != nil {
			return step.Outcome{}, err
		}
		if err := r.changeStack(ctx, first, done); err != nil {
			return step.Outcome{}, err
		}
		if change, err = r.planStack(ctx, wanted); err != nil {
			return step.Outcome{}, err
		}
	}
	if err := r.changeStack(ctx, wanted, change); err != nil {
		return step.Outcome{}, err
	}
	if err := r.settleInfrastructure(ctx); err != nil {
		return step.Outcome{}, err
	}
	switch change = both(done, change); {
	case change.Empty:
		return step.UpToDate.Report("no changes to the stack")
	case change.Create:
		return step.Changed.Report("the stack was created, %d resources", len(change.Resources))
	}
	return step.Changed.Report("the stack was updated, %d resources changed", len(change.Resources))
}

// settleInfrastructure notes what the stack gives.
func (r *run) settleInfrastructure(ctx context.Context) (err error) {
	if usesService(r.config) {
		if err := r.keepVersion(ctx); err != nil {
			return err
		}
	}
	if r.infra, err = r.outputs(ctx); err != nil {
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

// changeStack makes one change of the stack.
func (r *run) changeStack(ctx context.Context, wanted stack.Parameters, change stack.Change) error {
	if change.Empty {
		return nil
	}
	if r.options.Self && (len(change.Forbidden()) > 0 || change.Repair != "") {
		return r.refuseRoles(ctx, change)
	}
	if err := r.saveConfig(ctx); err != nil {
		return err
	}
	r.record.Stack, r.stackMade = true, r.stackMade || change.Create
	if err := r.saveRecord(ctx); err != nil { // what was chosen, before it is built
		return err
	}
	if before := r.record.Infrastructure; before != nil && before.PipelineUser != "" && wanted.Issuer != "" {
		// The user goes, now that a role serves; it cannot go while it has a key.
		if err := r.accessKeys().Delete(ctx); err != nil {
			return err
		}
	}
	for _, line := range changeLines(change) {
		r.note(stepInfrastructure, "%s", line)
	}
	if err := r.executeStack(ctx, change); err != nil {
		r.takeBackUndone(ctx)
		return err
	}
	r.made = true
	return nil
}

// both is what two changes, one after the other, come to.
func both(first, next stack.Change) stack.Change {
	return stack.Change{
		Empty: first.Empty && next.Empty, Create: first.Create || next.Create, Resources: slices.Concat(first.Resources, next.Resources),
	}
}

// refuseRoles ends a self-upgrade that would change who may do what: the pipeline has
// no right to that, and would leave the stack half changed.
func (r *run) refuseRoles(ctx context.Context, change stack.Change) error {
	if err := r.discardStack(ctx, change); err != nil {
		return err
	}
	what := strings.Join(change.Forbidden(), ", ")
	if change.Repair != "" {
		what = "the stack, which a run has left half changed"
	}
	return fmt.Errorf("this would change %s, to which the pipeline has no right on purpose; nothing was changed: run perpetual deploy %s by hand, with your own credentials, and the pipeline goes on from there",
		what, r.Name)
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
func (r *run) wanted(ctx context.Context) (stack.Parameters, error) {
	access := r.config.Access
	r.record.HostedZone = ""
	switch {
	case access.HostedZone != "":
		r.record.HostedZone = access.HostedZone
	case access.Domain != "":
		zone, _, err := r.Account.HostedZone(ctx, access.Domain)
		if err != nil {
			return stack.Parameters{}, err
		}
		r.record.HostedZone = zone.ID // "" where the account has none: the user makes the record
	}
	if err := r.findDirectorCIDRs(ctx); err != nil {
		return stack.Parameters{}, err
	}
	password, _ := r.credentials[manifest.DatabasePassword].(string)
	return infrastructure.Wanted{
		Config: r.config, Account: r.identity.Account, Zones: r.record.Zones, HostedZone: r.record.HostedZone, Subnets: r.subnets,
		DirectorCIDRs: r.record.DirectorCIDRs, DatabasePassword: secret.New(password), Issuer: r.issuer(),
	}.Parameters()
}

// findDirectorCIDRs lets the address from which this runs reach the director. From
// inside nothing need be let in.
func (r *run) findDirectorCIDRs(ctx context.Context) error {
	if list := r.config.Access.Director; len(list) > 0 {
		r.record.DirectorCIDRs = list
		return nil
	}
	if r.options.Self && len(r.record.DirectorCIDRs) > 0 {
		return nil
	}
	address, err := r.Account.EgressAddress(ctx)
	if err != nil {
		return fmt.Errorf("find the address from which the director will be reached: %w; or give access.director", err)
	}
	r.record.DirectorCIDRs = []string{address + "/32"}
	return nil
}

// findSubnets looks at the subnets of a network that exists: one public and one
// private subnet in each zone in use.
func (r *run) findSubnets(ctx context.Context) error {
	network := r.config.AWS.Network
	if network.VPC == "" {
		return nil
	}
	ids := slices.Concat(network.PublicSubnets, network.PrivateSubnets)
	var err error
	if r.subnets, err = r.Account.Subnets(ctx, ids); err != nil {
		return err
	}
	found := map[string]account.Subnet{}
	for _, s := range r.subnets {
		found[s.ID] = s
		switch public := slices.Contains(network.PublicSubnets, s.ID); {
		case s.VPC != network.VPC:
			return fmt.Errorf("subnet %s is in VPC %s, not in aws.network.vpc %s", s.ID, s.VPC, network.VPC)
		case public && !s.Public:
			return fmt.Errorf("subnet %s is in aws.network.public_subnets, but its route table has no internet gateway", s.ID)
		}
	}
	var zones []string
	for i, id := range network.PublicSubnets {
		zones = append(zones, found[id].Zone)
		if i < len(network.PrivateSubnets) && found[network.PrivateSubnets[i]].Zone != found[id].Zone {
			return fmt.Errorf("subnets %s (public, in %s) and %s (private, in %s) stand for one zone: list both kinds in the same order of zones",
				id, found[id].Zone, network.PrivateSubnets[i], found[network.PrivateSubnets[i]].Zone)
		}
	}
	if given := r.config.AWS.Zones; len(given) > 0 && !slices.Equal(given, zones) {
		return fmt.Errorf("aws.zones is %s, but the subnets are in %s: leave it out", strings.Join(given, ", "), strings.Join(zones, ", "))
	}
	r.record.Zones = zones
	return nil
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
func (r *run) url() string {
	return manifest.Input{Config: r.config, Infrastructure: r.infra}.URL()
}

// usesService says whether the database is a service of the cloud.
func usesService(c *config.Config) bool { return c.AWS != nil && c.Database.Kind != "vm" }
