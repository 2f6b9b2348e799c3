package login

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// zoneName is a zone's name with its region in it: "eu-central-1a".
var zoneName = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-\d+)[a-z]$`)

// CheckRegion asks whether the region exists and is enabled in the account. It
// fails with ErrRegion, naming the nearest ones, aws.ErrCredentials or an *aws.Error.
func (s *Session) CheckRegion(ctx context.Context) error {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	regions, err := s.regions(ctx)
	if err != nil {
		return s.Wrap(ctx, "look up the regions of AWS", err)
	}
	wanted, usable := s.Region(), []string{}
	for _, r := range regions {
		name, enabled := sdk.ToString(r.RegionName), sdk.ToString(r.OptInStatus) != "not-opted-in"
		if name == wanted && !enabled {
			return fmt.Errorf("region %s: %w: it is not enabled; enable it in the account's settings (AWS Regions), which takes minutes, or take another", wanted, ErrRegion)
		}
		if name == wanted {
			return nil
		}
		if enabled {
			usable = append(usable, name)
		}
	}
	if match := zoneName.FindStringSubmatch(wanted); match != nil && slices.Contains(usable, match[1]) {
		return fmt.Errorf("region %s: %w: that is a zone; its region is %s", wanted, ErrRegion, match[1])
	}
	return fmt.Errorf("region %s: %w: near it are %s", wanted, ErrRegion, strings.Join(nearest.Names(wanted, usable, 3), ", "))
}

// Regions lists the regions that are enabled in the account, sorted. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (s *Session) Regions(ctx context.Context) ([]string, error) {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	all, err := s.regions(ctx)
	if err != nil {
		return nil, s.Wrap(ctx, "look up the regions of AWS", err)
	}
	var names []string
	for _, r := range all {
		if sdk.ToString(r.OptInStatus) != "not-opted-in" {
			names = append(names, sdk.ToString(r.RegionName))
		}
	}
	slices.Sort(names)
	return names, nil
}

// regions asks a region that every account has, for the wanted one may not exist.
func (s *Session) regions(ctx context.Context) ([]types.Region, error) {
	home := "us-east-1"
	switch {
	case strings.HasPrefix(s.Region(), "cn-"):
		home = "cn-north-1"
	case strings.HasPrefix(s.Region(), "us-gov-"):
		home = "us-gov-west-1"
	}
	out, err := s.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: sdk.Bool(true)}, func(o *ec2.Options) { o.Region = home })
	if err != nil {
		return nil, err
	}
	if len(out.Regions) == 0 {
		return nil, errors.New("the answer is not one of EC2: it has no regions")
	}
	return out.Regions, nil
}

// WrapRegion is Wrap for the calls that come first: a region that does not exist
// has no address, and one that is not enabled takes good keys for bad ones.
func (s *Session) WrapRegion(ctx context.Context, action string, err error) error {
	explained := s.Wrap(ctx, action, err)
	var keys *aws.CredentialError
	if errors.As(err, &keys) || !unknownHost(err) && !errors.Is(explained, aws.ErrCredentials) {
		return explained
	}
	if region := s.CheckRegion(ctx); errors.Is(region, ErrRegion) {
		return fmt.Errorf("%s: %w", action, region)
	}
	return explained
}
