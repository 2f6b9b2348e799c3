package account

import (
	"context"
	"fmt"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// defaultVPCs is how many VPCs a region allows unless the quota was raised; EC2
// does not tell the quota itself (page "Amazon VPC quotas" of its user guide).
const defaultVPCs = 5

// Needs are how many of what an installation will make.
type Needs struct {
	Addresses int // elastic IP addresses
	VPCs      int
}

// Quotas gives a warning for each quota that the needs would exceed, as far as
// EC2 tells: elastic IP addresses exactly, VPCs by the default. It fails with
// aws.ErrCredentials, ErrDenied or an *Error.
func (a *Account) Quotas(ctx context.Context, n Needs) ([]string, error) {
	ctx, cancel := a.bound(ctx)
	defer cancel()
	warnings := []string{}
	if n.Addresses > 0 {
		used, limit, err := a.addresses(ctx)
		if err != nil {
			return nil, a.wrap(ctx, "look up the quota of elastic IP addresses", err)
		}
		if limit > 0 && used+n.Addresses > limit {
			warnings = append(warnings, fmt.Sprintf("elastic IP addresses: %d of %d in use, %d more are needed; ask for more (Service Quotas, EC2-VPC Elastic IPs) or release some",
				used, limit, n.Addresses))
		}
	}
	if n.VPCs > 0 {
		out, err := a.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{MaxResults: sdk.Int32(1000)})
		if err != nil {
			return nil, a.wrap(ctx, "count the VPCs", err)
		}
		if used := len(out.Vpcs); used+n.VPCs > defaultVPCs {
			warnings = append(warnings, fmt.Sprintf("VPCs: %d in use, %d more are needed, and a region allows %d unless the quota was raised; ask for more (Service Quotas, VPCs per Region) or use one that exists (aws.network.vpc)",
				used, n.VPCs, defaultVPCs))
		}
	}
	return warnings, nil
}

// addresses gives how many elastic IP addresses there are, and may be; 0 is not known.
func (a *Account) addresses(ctx context.Context) (used, limit int, err error) {
	out, err := a.ec2.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{
		AttributeNames: []types.AccountAttributeName{"vpc-max-elastic-ips"},
	})
	if err != nil {
		return 0, 0, err
	}
	for _, attribute := range out.AccountAttributes {
		for _, value := range attribute.AttributeValues {
			if n, err := strconv.Atoi(sdk.ToString(value.AttributeValue)); err == nil {
				limit = n
			}
		}
	}
	taken, err := a.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return 0, 0, err
	}
	return len(taken.Addresses), limit, nil
}
