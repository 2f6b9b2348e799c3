package choice_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// network is a perpetual.yml for a network that exists.
func network(public, private, rest string) string {
	return "aws: {region: eu-central-1, network: {vpc: vpc-0000000a, public_subnets: [" + public + "], private_subnets: [" + private + "]}" + rest + "}\n" + types
}

// existing are two zones of a network, and subnets that are no good for it.
var existing = []account.Subnet{
	{ID: "subnet-0000000b", VPC: "vpc-0000000a", Zone: "b", Public: true}, {ID: "subnet-0000001b", VPC: "vpc-0000000a", Zone: "b"},
	{ID: "subnet-0000000c", VPC: "vpc-0000000a", Zone: "c", Public: true}, {ID: "subnet-0000001c", VPC: "vpc-0000000a", Zone: "c"},
	{ID: "subnet-0000000e", VPC: "vpc-0000000f", Zone: "b", Public: true}, {ID: "subnet-0000001e", VPC: "vpc-0000000f", Zone: "b"},
}

// The zones of a network that exists are those of its subnets, in their order, whatever
// was chosen before.
func TestPlaces_ofANetworkThatExists(t *testing.T) {
	for _, given := range []string{"", ", zones: [c, b]"} {
		var warned []string
		c := &cloud{zones: []string{"a", "b", "c"}, offered: everywhere(), subnets: existing}
		ch, chosen := chooser(t, c, network("subnet-0000000c, subnet-0000000b", "subnet-0000001c, subnet-0000001b", given), record.Choice{Zones: []string{"a", "b"}}, &warned)
		list, err := ch.Places(t.Context(), true)
		if err != nil || !slices.Equal(chosen.Zones, []string{"c", "b"}) || chosen.Spread != 2 {
			t.Fatalf("zones %q, of which %d offer all, %v", chosen.Zones, chosen.Spread, err)
		}
		var ids []string
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		if !slices.Equal(ids, []string{"subnet-0000000c", "subnet-0000000b", "subnet-0000001c", "subnet-0000001b"}) {
			t.Errorf("the subnets are %q", ids)
		}
	}
}

func TestPlaces_refuseSubnetsThatDoNotFit(t *testing.T) {
	for name, of := range map[string]struct {
		public, private, rest string
		says                  []string
	}{
		"a public one of another VPC":       {"subnet-0000000e", "subnet-0000001b", "", []string{"subnet subnet-0000000e is in VPC vpc-0000000f, not in aws.network.vpc vpc-0000000a"}},
		"a private one of another VPC":      {"subnet-0000000b", "subnet-0000001e", "", []string{"subnet subnet-0000001e is in VPC vpc-0000000f"}},
		"a public one that is private":      {"subnet-0000001b", "subnet-0000001b", "", []string{"subnet subnet-0000001b is in aws.network.public_subnets", "no internet gateway"}},
		"in another order of zones":         {"subnet-0000000b, subnet-0000000c", "subnet-0000001c, subnet-0000001b", "", []string{"subnet-0000000b (public, in b) and subnet-0000001c (private, in c)", "in the same order"}},
		"zones that the subnets contradict": {"subnet-0000000b, subnet-0000000c", "subnet-0000001b, subnet-0000001c", ", zones: [c, b]", []string{"aws.zones is c, b, but the subnets are in b, c", "leave it out"}},
	} {
		var warned []string
		ch, chosen := chooser(t, &cloud{zones: []string{"a", "b", "c"}, offered: everywhere(), subnets: existing}, network(of.public, of.private, of.rest), record.Choice{}, &warned)
		_, err := ch.Places(t.Context(), false)
		testkit.Refused(t, name, err, of.says...)
		if chosen.Zones != nil {
			t.Errorf("%s: it chooses %q", name, chosen.Zones)
		}
	}
	// CloudFormation would refuse it half-way, at the database's subnet group.
	var warned []string
	twin := append(slices.Clone(existing), account.Subnet{ID: "subnet-00000b0b", VPC: "vpc-0000000a", Zone: "b", Public: true}, account.Subnet{ID: "subnet-00000b1b", VPC: "vpc-0000000a", Zone: "b"})
	for kind, says := range map[string]string{
		"rds": "the subnets of aws.network are all in zone b, and an RDS database needs subnets in two zones; nothing was changed: add those of another zone, or set database.kind to vm",
		"vm":  "",
	} {
		c := &cloud{zones: []string{"a", "b", "c"}, offered: everywhere(), subnets: twin}
		ch, _ := chooser(t, c, network("subnet-0000000b, subnet-00000b0b", "subnet-0000001b, subnet-00000b1b", "")+"database: {kind: "+kind+", instance_type: p.1}\n", record.Choice{}, &warned)
		if _, err := ch.Places(t.Context(), false); says != "" {
			testkit.Refused(t, kind, err, says)
		} else if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	ch, _ := chooser(t, &cloud{subnets: existing}, network("subnet-0000000d", "subnet-0000001b", ""), record.Choice{}, &warned)
	if _, err := ch.Places(t.Context(), false); !errors.Is(err, aws.ErrNotFound) {
		t.Errorf("a subnet that is not there: %v", err)
	}
}
