package infrastructure

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Read says in the manifests' terms what the stack gives. parameters
// are those that it was made with.
func Read(o layout.Outputs, parameters map[string]string) (manifest.Infrastructure, error) {
	zones := len(o.Zones)
	if zones == 0 || len(o.PublicSubnets) != zones || len(o.PrivateSubnets) != zones || len(o.PublicCIDRs) != zones || len(o.PrivateCIDRs) != zones {
		return manifest.Infrastructure{}, fmt.Errorf("read the outputs of the stack: %d zones need as many subnets and ranges; it was changed by hand, or made by another version", zones)
	}
	out := manifest.Infrastructure{
		Region: o.Region, VPC: o.VPC, DirectorAddress: o.DirectorAddress, DirectorIP: o.DirectorIP,
		WebAddress: o.WebAddress, EgressAddress: o.NATAddress, KeyPair: o.KeyPair, KeyParameter: o.PrivateKeyParameter,
		SecurityGroups: manifest.SecurityGroups{
			Director: o.DirectorSecurityGroup, VMs: o.VMsSecurityGroup, Web: o.WebSecurityGroup, Database: o.DatabaseSecurityGroup,
			UpgradeWorker: o.UpgradeWorkerSecurityGroup,
		},
		Profiles:     manifest.Profiles{Director: o.DirectorInstanceProfile, Web: o.WebInstanceProfile, Worker: o.WorkerInstanceProfile},
		Database:     manifest.Database{Host: o.DatabaseHost, Port: o.DatabasePort, Name: o.DatabaseName, User: o.DatabaseUser},
		PipelineRole: o.PipelineRole, PipelineUser: o.PipelineUser, ReaderUser: o.ReaderUser, ParameterPath: o.ParameterPath, OwnPath: o.OwnPath,
	}
	if parameters["ExistingVPC"] == "" {
		out.CIDR = parameters["NetworkCIDR"]
	}
	out.Database.Major, _ = strconv.Atoi(parameters["DatabaseVersion"]) // 0 where the stack has none
	for i, zone := range o.Zones {
		out.Zones = append(out.Zones, manifest.Zone{
			Name: zone, PublicSubnet: o.PublicSubnets[i], PrivateSubnet: o.PrivateSubnets[i],
			PublicCIDR: o.PublicCIDRs[i], PrivateCIDR: o.PrivateCIDRs[i],
		})
	}
	return out, nil
}

// unknown stands in a plan for what AWS chooses when it makes a thing.
const unknown = "not-known-yet"

// Expected is the infrastructure that a stack with these parameters gives, as far as it
// is known before there is one: for a plan to show what would be created on it.
func Expected(p layout.Parameters, region string) (manifest.Infrastructure, error) {
	subnets := func(existing []string) []string {
		if p.ExistingVPC != "" {
			return existing
		}
		return slices.Repeat([]string{unknown}, len(p.Zones))
	}
	o := layout.Outputs{
		Region: region, VPC: unknown, Zones: p.Zones, PublicCIDRs: p.PublicCIDRs, PrivateCIDRs: p.PrivateCIDRs,
		PublicSubnets: subnets(p.ExistingPublicSubnets), PrivateSubnets: subnets(p.ExistingPrivateSubnets),
		DirectorSecurityGroup: unknown, VMsSecurityGroup: unknown, WebSecurityGroup: unknown,
		WebAddress: unknown, DirectorAddress: unknown, DirectorIP: p.DirectorIP, NATAddress: unknown,
		KeyPair: StackName(p.Name), PrivateKeyParameter: unknown,
		DirectorInstanceProfile: unknown, WebInstanceProfile: unknown, WorkerInstanceProfile: unknown,
		ParameterPath: p.ParameterPath, OwnPath: p.OwnPath,
	}
	if p.ExistingVPC != "" {
		o.VPC = p.ExistingVPC
	}
	if p.Database {
		o.DatabaseSecurityGroup, o.DatabaseHost, o.DatabasePort = unknown, unknown, 5432
		o.DatabaseName, o.DatabaseUser = manifest.Deployment, manifest.Deployment
	}
	if p.Issuer == "" {
		o.PipelineUser, o.ReaderUser = unknown, unknown
	} else {
		o.PipelineRole = unknown
	}
	return Read(o, map[string]string{"ExistingVPC": p.ExistingVPC, "NetworkCIDR": p.NetworkCIDR, "DatabaseVersion": p.DatabaseVersion})
}
