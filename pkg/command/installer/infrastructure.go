package installer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/environment"
)

// infrastructure is bootstrap's over the stack.
type infrastructure struct {
	name    string // of the installation
	account *account.Account
	poll    time.Duration
	// say gets what the adapter says of itself, such as that it waits for what others
	// do; note gets the stack's events while it waits.
	say, note func(string)
}

// stackName is what the stack of an installation is called.
func stackName(installation string) string { return "perpetual-" + installation }

// tell shows an event for which nobody waits in particular.
func (i *infrastructure) tell(e stack.Event) {
	if e.Status == "" {
		i.say(describeEvent(e))
	} else {
		i.note(describeEvent(e))
	}
}

// telling makes an event's listener of a line's.
func telling(report func(string)) func(stack.Event) {
	return func(e stack.Event) { report(describeEvent(e)) }
}

// stack opens the stack; report gets its events.
func (i *infrastructure) stack(c *config.Config, report func(stack.Event)) (*stack.Stack, error) {
	o := stack.Options{
		Name: stackName(i.name), Owner: i.name, Connection: i.account.Connection(), Poll: i.poll,
		Notify: report,
	}
	if c != nil && c.AWS != nil {
		o.Tags = c.AWS.Tags
	}
	return stack.New(o)
}

// describeEvent makes a line of an event: "Database: create in progress".
func describeEvent(e stack.Event) string {
	if e.Status == "" {
		return e.Reason
	}
	line := e.LogicalID + ": " + strings.ToLower(strings.ReplaceAll(e.Status, "_", " "))
	if e.Reason != "" {
		line += ", " + e.Reason
	}
	return line
}

// planned is what Plan leaves for Apply and Discard.
type planned struct {
	stack  *stack.Stack
	change stack.Change
	report *func(stack.Event)
}

// Plan implements bootstrap.Infrastructure.
func (i *infrastructure) Plan(ctx context.Context, w bootstrap.Wanted) (bootstrap.Change, error) {
	parameters, err := parametersOf(w)
	if err != nil {
		return bootstrap.Change{}, err
	}
	report := i.tell
	s, err := i.stack(w.Config, func(e stack.Event) { report(e) })
	if err != nil {
		return bootstrap.Change{}, err
	}
	change, err := s.Plan(ctx, parameters)
	if err != nil {
		return bootstrap.Change{}, err
	}
	out := bootstrap.Change{Empty: change.Empty, Create: change.Create, Roles: change.Forbidden(), Repair: change.Repair != "", Details: change.Details,
		Handle: planned{s, change, &report}}
	if !change.Empty {
		if out.Expected, err = expected(parameters, w.Config.AWS.Region); err != nil {
			return bootstrap.Change{}, err
		}
	}
	switch {
	case change.Repair != "":
		out.Lines = append(out.Lines, "! before anything else: "+change.Repair+"; what changes after that is known only then")
	case change.Protect && !change.Create:
		out.Lines = append(out.Lines, "! the stack's protection against deletion is turned on")
	}
	for _, r := range change.Resources {
		out.Lines = append(out.Lines, describeChange(r))
	}
	return out, nil
}

// describeChange makes a line of a resource's change: "~ Database (AWS::RDS::DBInstance) …".
func describeChange(r stack.ResourceChange) string {
	sign := map[stack.Action]string{stack.Add: "+", stack.Modify: "~", stack.Remove: "-"}[r.Action]
	if sign == "" {
		sign = "~"
	}
	line := fmt.Sprintf("%s %s (%s)", sign, r.LogicalID, r.Type)
	if len(r.Details) > 0 {
		line += " " + strings.Join(r.Details, ", ")
	}
	switch r.Replacement {
	case "True":
		line += "; it is replaced"
	case "Conditional":
		line += "; it may be replaced"
	}
	return line
}

// Apply implements bootstrap.Infrastructure.
func (i *infrastructure) Apply(ctx context.Context, c bootstrap.Change, report func(string)) error {
	p, ok := c.Handle.(planned)
	if !ok {
		return fmt.Errorf("change the stack %s: it is not planned", stackName(i.name))
	}
	*p.report = telling(report)
	_, err := p.stack.Execute(ctx, p.change)
	return err
}

// discarding bounds the removal of a change set, also when the run is ending.
const discarding = 5 * time.Second

// Discard implements bootstrap.Infrastructure. It is done also when ctx has ended: a
// plan leaves nothing.
func (i *infrastructure) Discard(ctx context.Context, c bootstrap.Change) error {
	p, ok := c.Handle.(planned)
	if !ok || c.Empty {
		return nil
	}
	if ctx.Err() != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), discarding)
		defer cancel()
		return p.stack.Discard(end, p.change)
	}
	return p.stack.Discard(ctx, p.change)
}

// Outputs implements bootstrap.Infrastructure.
func (i *infrastructure) Outputs(ctx context.Context) (environment.Infrastructure, error) {
	s, err := i.stack(nil, i.tell)
	if err != nil {
		return environment.Infrastructure{}, err
	}
	status, err := s.Describe(ctx)
	if err != nil {
		return environment.Infrastructure{}, err
	}
	if !status.Exists {
		return environment.Infrastructure{}, fmt.Errorf("stack %s: %w", stackName(i.name), bootstrap.ErrNotFound)
	}
	out, err := s.Outputs(ctx)
	if err != nil {
		return environment.Infrastructure{}, err
	}
	return infrastructureOf(out, status.Parameters)
}

// Delete implements bootstrap.Infrastructure. What destroys an installation has
// been confirmed by its name, so the database's protection goes, too.
func (i *infrastructure) Delete(ctx context.Context, c *config.Config, report func(string)) ([]string, error) {
	s, err := i.stack(c, telling(report))
	if err != nil {
		return nil, err
	}
	status, err := s.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if !status.Exists {
		return nil, fmt.Errorf("stack %s: %w", stackName(i.name), bootstrap.ErrNotFound)
	}
	return s.Delete(ctx, true)
}

// The numbers of the director's and the NAT gateway's addresses in the first public
// subnet: AWS keeps the first four of each, and BOSH leaves these alone.
const (
	directorNumber = 6
	natNumber      = 7
)

// parametersOf says in the template's terms what is wanted.
func parametersOf(w bootstrap.Wanted) (stack.Parameters, error) {
	c := w.Config
	p := stack.Parameters{
		Name: c.Name, Zones: w.Zones, WebPort: c.Access.Port, WebCIDRs: c.Access.Web, DirectorCIDRs: w.DirectorCIDRs,
		Domain: c.Access.Domain, HostedZone: w.HostedZone,
		ParameterPath: "/perpetual/" + c.Name, OwnPath: "/perpetual-own/" + c.Name, Issuer: w.IssuerURL, PipelineSubject: environment.PipelineSubject(c),
		PermissionsBoundary: c.AWS.PermissionsBoundary, UpgradeWorker: c.Upgrade.WorkerTag != "",
	}
	if c.State == nil || c.State.Dir == "" {
		p.StateBucket = config.BucketName(c, w.Account)
	}
	if c.State != nil && strings.HasPrefix(c.State.KMSKey, "arn:") {
		p.StateKey = c.State.KMSKey
	}
	if c.Database.Kind != "vm" {
		p.Database, p.DatabaseType, p.DatabaseStorage = true, c.Database.InstanceType, c.Database.Storage
		p.DatabaseMultiZone = c.Database.MultiZone != nil && *c.Database.MultiZone
		p.DatabasePassword = w.DatabasePassword
		if c.Database.Version > 0 && !w.HoldDatabase {
			p.DatabaseVersion = strconv.Itoa(c.Database.Version)
		}
	}
	if err := setNetwork(&p, w); err != nil {
		return stack.Parameters{}, err
	}
	var err error
	if p.DirectorIP, err = stack.Address(p.PublicCIDRs[0], directorNumber); err == nil && p.ExistingVPC == "" {
		p.NATIP, err = stack.Address(p.PublicCIDRs[0], natNumber)
	}
	return p, err
}

// setNetwork describes the network that is made, or the subnets of the one that
// exists, in the order of the zones.
func setNetwork(p *stack.Parameters, w bootstrap.Wanted) (err error) {
	network := w.Config.AWS.Network
	if network.VPC == "" {
		p.NetworkCIDR = network.CIDR
		p.PublicCIDRs, p.PrivateCIDRs, err = stack.Cut(network.CIDR, len(w.Zones))
		return err
	}
	p.ExistingVPC = network.VPC
	for _, zone := range w.Zones {
		public, found := subnetIn(zone, network.PublicSubnets, w.Subnets)
		if !found {
			return fmt.Errorf("aws.network.public_subnets has none in zone %s", zone)
		}
		private, found := subnetIn(zone, network.PrivateSubnets, w.Subnets)
		if !found {
			return fmt.Errorf("aws.network.private_subnets has none in zone %s", zone)
		}
		p.ExistingPublicSubnets = append(p.ExistingPublicSubnets, public.ID)
		p.ExistingPrivateSubnets = append(p.ExistingPrivateSubnets, private.ID)
		p.PublicCIDRs = append(p.PublicCIDRs, public.CIDR)
		p.PrivateCIDRs = append(p.PrivateCIDRs, private.CIDR)
	}
	return nil
}

// subnetIn finds the subnet of a zone among those of a list of ids.
func subnetIn(zone string, ids []string, all []bootstrap.Subnet) (bootstrap.Subnet, bool) {
	at := slices.IndexFunc(all, func(s bootstrap.Subnet) bool { return s.Zone == zone && slices.Contains(ids, s.ID) })
	if at < 0 {
		return bootstrap.Subnet{}, false
	}
	return all[at], true
}

// infrastructureOf says in the environment's terms what the stack gives. parameters
// are those that it was made with.
func infrastructureOf(o stack.Outputs, parameters map[string]string) (environment.Infrastructure, error) {
	zones := len(o.Zones)
	if zones == 0 || len(o.PublicSubnets) != zones || len(o.PrivateSubnets) != zones || len(o.PublicCIDRs) != zones || len(o.PrivateCIDRs) != zones {
		return environment.Infrastructure{}, fmt.Errorf("read the outputs of the stack: %d zones need as many subnets and ranges; it was changed by hand, or made by another version", zones)
	}
	out := environment.Infrastructure{
		Region: o.Region, VPC: o.VPC, DirectorAddress: o.DirectorAddress, DirectorIP: o.DirectorIP,
		WebAddress: o.WebAddress, EgressAddress: o.NATAddress, KeyPair: o.KeyPair, KeyParameter: o.PrivateKeyParameter,
		SecurityGroups: environment.SecurityGroups{
			Director: o.DirectorSecurityGroup, VMs: o.VMsSecurityGroup, Web: o.WebSecurityGroup, Database: o.DatabaseSecurityGroup,
			UpgradeWorker: o.UpgradeWorkerSecurityGroup,
		},
		Profiles:     environment.Profiles{Director: o.DirectorInstanceProfile, Web: o.WebInstanceProfile, Worker: o.WorkerInstanceProfile},
		Database:     environment.Database{Host: o.DatabaseHost, Port: o.DatabasePort, Name: o.DatabaseName, User: o.DatabaseUser},
		PipelineRole: o.PipelineRole, PipelineUser: o.PipelineUser, ReaderUser: o.ReaderUser, ParameterPath: o.ParameterPath, OwnPath: o.OwnPath,
	}
	if parameters["ExistingVPC"] == "" {
		out.CIDR = parameters["NetworkCIDR"]
	}
	out.Database.Major, _ = strconv.Atoi(parameters["DatabaseVersion"]) // 0 where the stack has none
	for i, zone := range o.Zones {
		out.Zones = append(out.Zones, environment.Zone{
			Name: zone, PublicSubnet: o.PublicSubnets[i], PrivateSubnet: o.PrivateSubnets[i],
			PublicCIDR: o.PublicCIDRs[i], PrivateCIDR: o.PrivateCIDRs[i],
		})
	}
	return out, nil
}
