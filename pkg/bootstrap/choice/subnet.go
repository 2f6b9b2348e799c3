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
	c.Choice.Zones = zones
	return list, nil
}
