package choice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
)

// subnets looks at the subnets of a network that exists: one public and one private subnet
// in each zone in use.
func (c Chooser) subnets(ctx context.Context) ([]account.Subnet, error) {
	network := c.Config.AWS.Network
	if network.VPC == "" {
		return nil, nil
	}
	ids := slices.Concat(network.PublicSubnets, network.PrivateSubnets)
	list, err := c.Account.Subnets(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := map[string]account.Subnet{}
	for _, s := range list {
		found[s.ID] = s
		switch public := slices.Contains(network.PublicSubnets, s.ID); {
		case s.VPC != network.VPC:
			return nil, fmt.Errorf("subnet %s is in VPC %s, not in aws.network.vpc %s", s.ID, s.VPC, network.VPC)
		case public && !s.Public:
			return nil, fmt.Errorf("subnet %s is in aws.network.public_subnets, but its route table has no internet gateway", s.ID)
		}
	}
	var zones []string
	for i, id := range network.PublicSubnets {
		zones = append(zones, found[id].Zone)
		if i < len(network.PrivateSubnets) && found[network.PrivateSubnets[i]].Zone != found[id].Zone {
			return nil, fmt.Errorf("subnets %s (public, in %s) and %s (private, in %s) stand for one zone: list both kinds in the same order of zones",
				id, found[id].Zone, network.PrivateSubnets[i], found[network.PrivateSubnets[i]].Zone)
		}
	}
	if given := c.Config.AWS.Zones; len(given) > 0 && !slices.Equal(given, zones) {
		return nil, fmt.Errorf("aws.zones is %s, but the subnets are in %s: leave it out", strings.Join(given, ", "), strings.Join(zones, ", "))
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(zones))); c.Config.Database.Kind != "vm" && len(distinct) == 1 {
		return nil, fmt.Errorf("the subnets of aws.network are all in zone %s, and an RDS database needs subnets in two zones; nothing was changed: add those of another zone, or set database.kind to vm", distinct[0])
	}
	c.Choice.Zones = zones
	return list, nil
}
