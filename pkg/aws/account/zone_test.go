package account_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

func TestZones_areThoseOfTheRegion(t *testing.T) {
	for region, wanted := range map[string]string{
		"eu-central-1": "eu-central-1a eu-central-1b eu-central-1c", "us-west-1": "us-west-1a us-west-1c", "ca-central-1": "ca-central-1a ca-central-1b ca-central-1d",
		"ap-southeast-3": "ap-southeast-3a ap-southeast-3b ap-southeast-3c", // it has to be enabled, and is
	} {
		w := newWorld(t, sandbox.Options{Region: region})
		zones, err := w.open(t).Zones(t.Context())
		names := []string{}
		for _, z := range zones {
			names = append(names, z.Name)
			if z.ID == "" || strings.HasSuffix(z.ID, z.Name[len(z.Name)-1:]) {
				t.Errorf("zone %+v", z)
			}
		}
		if err != nil || strings.Join(names, " ") != wanted {
			t.Errorf("%s: %q, %v; want %s", region, names, err, wanted)
		}
	}
}

func TestZones_sayWhichRegionIsMeant(t *testing.T) {
	for region, wanted := range map[string]string{
		"eu-centrall-1":  "near it are eu-central-1",
		"eu-central-9":   "eu-central-1",
		"eu-central-1a":  "that is a zone; its region is eu-central-1",
		"us-est-1":       "us-east-1",
		"ap-southeast-3": "it is not enabled; enable it in the account's settings",
	} {
		t.Run(region, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			w.In(map[string]string{"AWS_REGION": region})
			a := w.open(t)
			for call, run := range map[string]func() error{
				"zones":    func() error { _, err := a.Zones(t.Context()); return err },
				"identity": func() error { _, err := a.Identity(t.Context()); return err },
				"region":   func() error { return a.CheckRegion(t.Context()) },
			} {
				err := run()
				if !errors.Is(err, login.ErrRegion) || !strings.Contains(err.Error(), wanted) || !strings.Contains(err.Error(), region) {
					t.Errorf("%s: %v", call, err)
				}
				logintest.Clean(t, err)
			}
		})
	}
}

func TestOfferings_lookEachTypeUpInEachZone(t *testing.T) {
	w := newWorld(t, sandbox.Options{Lacking: map[string][]string{"eu-central-1a": {"t3.small"}}})
	found, err := w.open(t).Offerings(t.Context(), []string{"t3.small", "m6a.xlarge", "m5.xlarge", "m7i.large", "x99.huge", "m5.xlarge"})
	wanted := map[string][]string{
		"t3.small": {"eu-central-1b", "eu-central-1c"}, "m6a.xlarge": {"eu-central-1a", "eu-central-1b"},
		"m5.xlarge": {"eu-central-1a", "eu-central-1b", "eu-central-1c"}, "m7i.large": nil, "x99.huge": nil,
	}
	if err != nil || cmp.Diff(wanted, found) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(wanted, found))
	}
}

func TestInstanceTypes_describesWhatTheRegionHas(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	found, err := w.open(t).InstanceTypes(t.Context(), []string{"t4g.small", "m6a.xlarge", "t2.micro", "x99.huge", "m7i.large"})
	wanted := []account.InstanceType{
		{Name: "m6a.xlarge", VCPUs: 4, MemoryMiB: 16384, Arch: []string{"x86_64"}, Nitro: true},
		{Name: "t2.micro", VCPUs: 1, MemoryMiB: 1024, Arch: []string{"x86_64"}, Burstable: true},
		{Name: "t4g.small", VCPUs: 2, MemoryMiB: 2048, Arch: []string{"arm64"}, Burstable: true, Nitro: true},
	}
	if err != nil || cmp.Diff(wanted, found) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(wanted, found))
	}
}

// Fifteen types give several pages of the offerings and of the types.
func TestInstanceTypes_readsAllPages(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	names := []string{"t3.micro", "t3.small", "t3.medium", "t3.large", "t3.xlarge", "m5.large", "m5.xlarge", "m5.2xlarge", "m6i.large", "m6i.xlarge", "c5.large", "r5.large"}
	found, err := a.InstanceTypes(t.Context(), names)
	offered, offersErr := a.Offerings(t.Context(), names)
	if err != nil || offersErr != nil || len(found) != len(names) {
		t.Errorf("%d types, %v, %v", len(found), err, offersErr)
	}
	for name, zones := range offered {
		if len(zones) != 3 || !slices.IsSorted(zones) {
			t.Errorf("%s is offered in %q", name, zones)
		}
	}
}

func TestSubnets_saysWhichArePublic(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for _, s := range []sandbox.Subnet{
		{ID: "subnet-a", VPC: "vpc-1", Zone: "eu-central-1a", CIDR: "10.0.0.0/24", Gateway: "igw-1"},
		{ID: "subnet-b", VPC: "vpc-1", Zone: "eu-central-1b", CIDR: "10.0.1.0/24", Gateway: "nat-1"},
		{ID: "subnet-c", VPC: "vpc-1", Zone: "eu-central-1b", CIDR: "10.0.2.0/24"},
	} {
		w.Cloud.AddSubnet(s)
	}
	a := w.open(t)
	found, err := a.Subnets(t.Context(), []string{"subnet-c", "subnet-a", "subnet-b"})
	wanted := []account.Subnet{
		{ID: "subnet-c", VPC: "vpc-1", Zone: "eu-central-1b", CIDR: "10.0.2.0/24"},
		{ID: "subnet-a", VPC: "vpc-1", Zone: "eu-central-1a", CIDR: "10.0.0.0/24", Public: true},
		{ID: "subnet-b", VPC: "vpc-1", Zone: "eu-central-1b", CIDR: "10.0.1.0/24"},
	}
	if err != nil || cmp.Diff(wanted, found) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(wanted, found))
	}
	if _, err := a.Subnets(t.Context(), []string{"subnet-a", "subnet-x"}); !errors.Is(err, aws.ErrNotFound) || !strings.Contains(err.Error(), "subnet-x") {
		t.Errorf("error %v", err)
	}
}

func TestHostedZone_isTheLongestPublicMatchByLabels(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for _, z := range []sandbox.HostedZone{
		{ID: "ZEXAMPLE", Name: "example.com"}, {ID: "ZCI", Name: "ci.example.com"}, {ID: "ZPRIVATE", Name: "prod.ci.example.com", Private: true},
		{ID: "ZPREFIX", Name: "i.example.com"}, {ID: "ZOTHER", Name: "other.org"},
		{ID: "ZSPLIT1", Name: "split.org", Private: true}, {ID: "ZSPLIT2", Name: "split.org", Private: true}, {ID: "ZSPLIT3", Name: "split.org"},
		{ID: "ZTWIN1", Name: "twin.org"}, {ID: "ZTWIN2", Name: "twin.org"},
	} {
		w.Cloud.AddHostedZone(z)
	}
	a := w.open(t)
	for domain, wanted := range map[string]string{
		"ci.example.com": "ZCI", "www.CI.example.com.": "ZCI", "a.prod.ci.example.com": "ZCI", "concourse.example.com": "ZEXAMPLE",
		"myexample.com": "", "ci.notexample.com": "", "com": "", "ci.split.org": "ZSPLIT3", "ci.example.org": "",
	} {
		found, ok, err := a.HostedZone(t.Context(), domain)
		if err != nil || found.ID != wanted || ok != (wanted != "") || strings.HasSuffix(found.Name, ".") {
			t.Errorf("%s: %+v, %v, %v; want %q", domain, found, ok, err, wanted)
		}
	}
	if _, _, err := a.HostedZone(t.Context(), "ci.twin.org"); err == nil || !strings.Contains(err.Error(), "name one as access.hosted_zone") {
		t.Errorf("two zones of one name: %v", err)
	}
}
