package installer

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/environment"
)

// unknown stands in a plan for what AWS chooses when it makes a thing.
const unknown = "not-known-yet"

// expected is the infrastructure that a stack with these parameters gives, as far as it
// is known before there is one: for a plan to show what would be made on it.
func expected(p stack.Parameters, region string) (environment.Infrastructure, error) {
	subnets := func(existing []string) []string {
		if p.ExistingVPC != "" {
			return existing
		}
		return slices.Repeat([]string{unknown}, len(p.Zones))
	}
	o := stack.Outputs{
		Region: region, VPC: unknown, Zones: p.Zones, PublicCIDRs: p.PublicCIDRs, PrivateCIDRs: p.PrivateCIDRs,
		PublicSubnets: subnets(p.ExistingPublicSubnets), PrivateSubnets: subnets(p.ExistingPrivateSubnets),
		DirectorSecurityGroup: unknown, VMsSecurityGroup: unknown, WebSecurityGroup: unknown,
		WebAddress: unknown, DirectorAddress: unknown, DirectorIP: p.DirectorIP, NATAddress: unknown,
		KeyPair: stackName(p.Name), PrivateKeyParameter: unknown,
		DirectorInstanceProfile: unknown, WebInstanceProfile: unknown, WorkerInstanceProfile: unknown,
		ParameterPath: p.ParameterPath, OwnPath: p.OwnPath,
	}
	if p.ExistingVPC != "" {
		o.VPC = p.ExistingVPC
	}
	if p.Database {
		o.DatabaseSecurityGroup, o.DatabaseHost, o.DatabasePort = unknown, unknown, 5432
		o.DatabaseName, o.DatabaseUser = environment.Deployment, environment.Deployment
	}
	if p.Issuer == "" {
		o.PipelineUser, o.ReaderUser = unknown, unknown
	} else {
		o.PipelineRole = unknown
	}
	return infrastructureOf(o, map[string]string{"ExistingVPC": p.ExistingVPC, "NetworkCIDR": p.NetworkCIDR, "DatabaseVersion": p.DatabaseVersion})
}
