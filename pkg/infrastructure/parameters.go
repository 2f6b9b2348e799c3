// Package infrastructure is the stack below an installation: what it is made from and
// what it gives, in terms of the configuration and of the manifests on one side and of the
// template on the other, how it stands, and how it becomes what is wanted.
package infrastructure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// StackName is what the stack of an installation is called, and its key pair: "perpetual-ci".
func StackName(installation string) string { return "perpetual-" + installation }

// The numbers of the director's and the NAT gateway's addresses in the first public
// subnet: AWS keeps the first four of each, and BOSH leaves these alone.
const (
	directorNumber = 6
	natNumber      = 7
)

// Wanted is what the stack is made from.
type Wanted struct {
	Config           *config.Config
	Account          string           // "123456789012"
	Zones            []string         // ["eu-central-1a", "eu-central-1b"]
	HostedZone       string           // "Z0123456789ABC"; "" where the user makes the record
	Subnets          []account.Subnet // of a network that exists
	DirectorCIDRs    []string         // ["203.0.113.7/32"]
	DatabasePassword secret.Value
	Issuer           string // of Concourse's identity tokens; "" while the web is not public
}

// Parameters says in the template's terms what is wanted.
func (w Wanted) Parameters() (layout.Parameters, error) {
	c := w.Config
	p := layout.Parameters{
		Name: c.Name, Zones: w.Zones, WebPort: c.Access.Port, WebCIDRs: c.Access.Web, DirectorCIDRs: w.DirectorCIDRs,
		Domain: c.Access.Domain, HostedZone: w.HostedZone,
		ParameterPath: "/perpetual/" + c.Name, OwnPath: "/perpetual-own/" + c.Name, Issuer: w.Issuer, PipelineSubject: manifest.PipelineSubject(c),
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
		if c.Database.Version > 0 {
			p.DatabaseVersion = strconv.Itoa(c.Database.Version)
		}
	}
	if err := setNetwork(&p, w); err != nil {
		return layout.Parameters{}, err
	}
	var err error
	if p.DirectorIP, err = layout.Address(p.PublicCIDRs[0], directorNumber); err == nil && p.ExistingVPC == "" {
		p.NATIP, err = layout.Address(p.PublicCIDRs[0], natNumber)
	}
	return p, err
}

// setNetwork describes the network that is made, or the subnets of the one that
// exists, in the order of the zones.
func setNetwork(p *layout.Parameters, w Wanted) (err error) {
	network := w.Config.AWS.Network
	if network.VPC == "" {
		p.NetworkCIDR = network.CIDR
		p.PublicCIDRs, p.PrivateCIDRs, err = layout.Cut(network.CIDR, len(w.Zones))
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
func subnetIn(zone string, ids []string, all []account.Subnet) (account.Subnet, bool) {
	at := slices.IndexFunc(all, func(s account.Subnet) bool { return s.Zone == zone && slices.Contains(ids, s.ID) })
	if at < 0 {
		return account.Subnet{}, false
	}
	return all[at], true
}
