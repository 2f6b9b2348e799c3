package account

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// maxPages bounds a listing.
const maxPages = 1000

// Zone is an availability zone.
type Zone struct {
	Name string // "eu-central-1a", which is another place in another account
	ID   string // "euc1-az2", the same in every account
}

// Zones gives the region's availability zones that are in use without further
// ado, sorted by name: no local or wavelength zones. It fails with login.ErrRegion,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) Zones(ctx context.Context) ([]Zone, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	action := "look up the availability zones of " + a.Region()
	out, err := a.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{
		filter("zone-type", "availability-zone"), filter("state", "available"), filter("opt-in-status", "opt-in-not-required"),
	}})
	if err != nil {
		return nil, a.WrapRegion(ctx, action, err)
	}
	zones := []Zone{}
	for _, z := range out.AvailabilityZones {
		zones = append(zones, Zone{Name: sdk.ToString(z.ZoneName), ID: sdk.ToString(z.ZoneId)})
	}
	if len(zones) == 0 {
		return nil, fmt.Errorf("%s: EC2 names none", action)
	}
	slices.SortFunc(zones, func(x, y Zone) int { return cmp.Compare(x.Name, y.Name) })
	return zones, nil
}

// filter is a filter of EC2.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// Offerings gives, for each of the types, the names of the zones that offer it,
// sorted; none for a type that the region lacks. It fails with aws.ErrCredentials,
// aws.ErrDenied or an *aws.Error.
func (a *Account) Offerings(ctx context.Context, names []string) (map[string][]string, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	found := map[string][]string{}
	for _, name := range names {
		found[name] = nil
	}
	// A filter takes 200 values at most.
	for chunk := range slices.Chunk(distinct(names), 200) {
		pages := ec2.NewDescribeInstanceTypeOfferingsPaginator(a.ec2, &ec2.DescribeInstanceTypeOfferingsInput{
			LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", chunk...)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, a.Wrap(ctx, "look up which zones offer which instance types", err)
			}
			for _, o := range page.InstanceTypeOfferings {
				name := string(o.InstanceType)
				found[name] = append(found[name], sdk.ToString(o.Location))
			}
		}
	}
	for _, zones := range found {
		slices.Sort(zones)
	}
	return found, nil
}

// distinct is names sorted, each once.
func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// InstanceType is what EC2 says about an instance type.
type InstanceType struct {
	Name      string   // "m6a.xlarge"
	VCPUs     int      // 4
	MemoryMiB int      // 16384
	Arch      []string // "x86_64", "arm64", "i386"
	Burstable bool     // it has CPU credits, as the t family
	Nitro     bool     // its disks are NVMe devices
}

// InstanceTypes describes those of the names that the region has, sorted by
// name. It fails with aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) InstanceTypes(ctx context.Context, names []string) ([]InstanceType, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	found := []InstanceType{}
	for chunk := range slices.Chunk(distinct(names), 200) {
		// By a filter: a name that the region lacks is an error otherwise.
		pages := ec2.NewDescribeInstanceTypesPaginator(a.ec2, &ec2.DescribeInstanceTypesInput{
			Filters: []types.Filter{filter("instance-type", chunk...)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, a.Wrap(ctx, "look up instance types", err)
			}
			for _, t := range page.InstanceTypes {
				found = append(found, instanceType(t))
			}
		}
	}
	slices.SortFunc(found, func(x, y InstanceType) int { return cmp.Compare(x.Name, y.Name) })
	return found, nil
}

// vcpus are those of instance types, by their names.
func (a *Account) vcpus(ctx context.Context, names []string) (map[string]int, error) {
	list, err := a.InstanceTypes(ctx, names)
	found := map[string]int{}
	for _, t := range list {
		found[t.Name] = t.VCPUs
	}
	return found, err
}

// instanceType reads one.
func instanceType(t types.InstanceTypeInfo) InstanceType {
	found := InstanceType{
		Name: string(t.InstanceType), Burstable: sdk.ToBool(t.BurstablePerformanceSupported),
		Nitro: t.Hypervisor == types.InstanceTypeHypervisorNitro || sdk.ToBool(t.BareMetal),
	}
	if t.VCpuInfo != nil {
		found.VCPUs = int(sdk.ToInt32(t.VCpuInfo.DefaultVCpus))
	}
	if t.MemoryInfo != nil {
		found.MemoryMiB = int(sdk.ToInt64(t.MemoryInfo.SizeInMiB))
	}
	if t.ProcessorInfo != nil {
		for _, arch := range t.ProcessorInfo.SupportedArchitectures {
			found.Arch = append(found.Arch, string(arch))
		}
	}
	return found
}
