package ec2

import (
	"slices"
	"strings"
)

// regions are the commercial regions, with the letters of their zones and
// whether an account has to enable them first. From the page "AWS Regions and
// Availability Zones"; which zones an account sees differs.
var regions = map[string]struct {
	zones string
	optIn bool
}{
	"us-east-1": {"abcdef", false}, "us-east-2": {"abc", false}, "us-west-1": {"ac", false}, "us-west-2": {"abcd", false},
	"ca-central-1": {"abd", false}, "sa-east-1": {"abc", false},
	"eu-central-1": {"abc", false}, "eu-west-1": {"abc", false}, "eu-west-2": {"abc", false}, "eu-west-3": {"abc", false}, "eu-north-1": {"abc", false},
	"ap-south-1": {"abc", false}, "ap-southeast-1": {"abc", false}, "ap-southeast-2": {"abc", false},
	"ap-northeast-1": {"acd", false}, "ap-northeast-2": {"abcd", false}, "ap-northeast-3": {"abc", false},
	"af-south-1": {"abc", true}, "ap-east-1": {"abc", true}, "ap-east-2": {"abc", true}, "ap-south-2": {"abc", true},
	"ap-southeast-3": {"abc", true}, "ap-southeast-4": {"abc", true}, "ap-southeast-5": {"abc", true}, "ap-southeast-6": {"abc", true}, "ap-southeast-7": {"abc", true},
	"ca-west-1": {"abc", true}, "eu-central-2": {"abc", true}, "eu-south-1": {"abc", true}, "eu-south-2": {"abc", true},
	"il-central-1": {"abc", true}, "me-central-1": {"abc", true}, "me-south-1": {"abc", true}, "mx-central-1": {"abc", true},
}

// RegionEnabled says whether requests signed for a region are let in. Global
// services sign for us-east-1.
func (c *Compute) RegionEnabled(region string) bool {
	known, ok := regions[region]
	return ok && (!known.optIn || region == c.options.Region)
}

// zonesOf are the zones of a region.
func (c *Compute) zonesOf(region string) []string {
	if region == c.options.Region && len(c.options.Zones) > 0 {
		return slices.Sorted(slices.Values(c.options.Zones))
	}
	zones := []string{}
	for _, letter := range regions[region].zones {
		zones = append(zones, region+string(letter))
	}
	return zones
}

// zoneID is the id of a zone, "euc1-az2": this account's letters are shifted by one.
func zoneID(region string, index int) string {
	parts := strings.Split(region, "-")
	direction := parts[1][:1]
	for _, second := range []string{"east", "west"} {
		if rest, ok := strings.CutSuffix(parts[1], second); ok && rest != "" {
			direction = rest[:1] + second[:1]
		}
	}
	return parts[0] + direction + parts[2] + "-az" + string(rune('1'+(index+1)%6))
}

// instanceType is what EC2 says of one.
type instanceType struct {
	name      string
	vcpus     int
	mib       int
	arch      string
	burstable bool
	nitro     bool
}

// instanceTypes are those that EC2 knows here, a part of the real ones.
var instanceTypes = []instanceType{
	{"t2.micro", 1, 1024, "x86_64", true, false},
	{"t3.micro", 2, 1024, "x86_64", true, true}, {"t3.small", 2, 2048, "x86_64", true, true}, {"t3.medium", 2, 4096, "x86_64", true, true},
	{"t3.large", 2, 8192, "x86_64", true, true}, {"t3.xlarge", 4, 16384, "x86_64", true, true},
	{"t3a.small", 2, 2048, "x86_64", true, true}, {"t3a.medium", 2, 4096, "x86_64", true, true},
	{"t4g.small", 2, 2048, "arm64", true, true}, {"t4g.medium", 2, 4096, "arm64", true, true},
	{"m4.large", 2, 8192, "x86_64", false, false}, {"m4.xlarge", 4, 16384, "x86_64", false, false},
	{"m5.large", 2, 8192, "x86_64", false, true}, {"m5.xlarge", 4, 16384, "x86_64", false, true}, {"m5.2xlarge", 8, 32768, "x86_64", false, true},
	{"m6i.large", 2, 8192, "x86_64", false, true}, {"m6i.xlarge", 4, 16384, "x86_64", false, true}, {"m6i.2xlarge", 8, 32768, "x86_64", false, true},
	{"m6a.large", 2, 8192, "x86_64", false, true}, {"m6a.xlarge", 4, 16384, "x86_64", false, true}, {"m6a.2xlarge", 8, 32768, "x86_64", false, true},
	{"m7i.large", 2, 8192, "x86_64", false, true}, {"m7i.xlarge", 4, 16384, "x86_64", false, true},
	{"m7g.large", 2, 8192, "arm64", false, true}, {"m7g.xlarge", 4, 16384, "arm64", false, true},
	{"c5.large", 2, 4096, "x86_64", false, true}, {"c5.xlarge", 4, 8192, "x86_64", false, true},
	{"r5.large", 2, 16384, "x86_64", false, true}, {"r6i.large", 2, 16384, "x86_64", false, true},
}

// offered says whether a zone offers a type. Some are lacking, so that who does
// not look them up is caught: the m6a family in each region's last zone, the m7i
// family in the regions that are not large.
func (c *Compute) offered(region, zone, name string) bool {
	zones := c.zonesOf(region)
	switch {
	case slices.Contains(c.options.Lacking[zone], name):
		return false
	case strings.HasPrefix(name, "m6a."):
		return zone != zones[len(zones)-1] || len(zones) == 1
	case strings.HasPrefix(name, "m7i."):
		return slices.Contains([]string{"us-east-1", "us-west-2", "eu-west-1"}, region)
	}
	return true
}
