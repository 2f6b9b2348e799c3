package account

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

// Subnet is a subnet that exists.
type Subnet struct {
	ID     string // "subnet-0a1b2c3d"
	VPC    string // "vpc-0a1b2c3d"
	Zone   string // "eu-central-1a"
	CIDR   string // "10.0.0.0/24"
	Public bool   // its route table leads to an internet gateway
}

// Subnets describes subnets in the order of ids. It fails with aws.ErrNotFound,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) Subnets(ctx context.Context, ids []string) ([]Subnet, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	if len(ids) == 0 {
		return nil, nil
	}
	action := "look up subnets " + strings.Join(ids, ", ")
	out, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: distinct(ids)})
	if err != nil {
		return nil, a.Wrap(ctx, action, err)
	}
	byID, vpcs := map[string]types.Subnet{}, []string{}
	for _, s := range out.Subnets {
		byID[sdk.ToString(s.SubnetId)] = s
		vpcs = append(vpcs, sdk.ToString(s.VpcId))
	}
	public, err := a.public(ctx, distinct(vpcs))
	if err != nil {
		return nil, a.Wrap(ctx, action, err)
	}
	found := []Subnet{}
	for _, id := range ids {
		s, ok := byID[id]
		if !ok {
			return nil, fmt.Errorf("%s: %s: %w in %s", action, id, aws.ErrNotFound, a.Region())
		}
		vpc := sdk.ToString(s.VpcId)
		leads, own := public[id]
		if !own {
			leads = public[vpc]
		}
		found = append(found, Subnet{ID: id, VPC: vpc, Zone: sdk.ToString(s.AvailabilityZone), CIDR: sdk.ToString(s.CidrBlock), Public: leads})
	}
	return found, nil
}

// public says by the id of each subnet with a route table of its own, and by
// that of each VPC for the others, whether the table leads to an internet gateway.
func (a *Account) public(ctx context.Context, vpcs []string) (map[string]bool, error) {
	found := map[string]bool{}
	pages := ec2.NewDescribeRouteTablesPaginator(a.ec2, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("vpc-id", vpcs...)}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, table := range page.RouteTables {
			leads := false
			for _, r := range table.Routes {
				leads = leads || sdk.ToString(r.DestinationCidrBlock) == "0.0.0.0/0" &&
					strings.HasPrefix(sdk.ToString(r.GatewayId), "igw-") && r.State != types.RouteStateBlackhole
			}
			for _, association := range table.Associations {
				if sdk.ToBool(association.Main) {
					found[sdk.ToString(table.VpcId)] = leads
				} else if id := sdk.ToString(association.SubnetId); id != "" {
					found[id] = leads
				}
			}
		}
	}
	return found, nil
}
