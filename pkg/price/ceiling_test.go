package price_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/price"
)

func TestCeiling_isAtLeastTheOnDemandPrice(t *testing.T) {
	for _, of := range []struct {
		region, instanceType string
		exact                float64 // the on-demand price that the table holds
		least                float64 // the highest on-demand price that AWS asks anywhere
	}{
		{"eu-central-1", "m6a.xlarge", 0.207, 0.207},
		{"us-east-1", "m5.xlarge", 0.192, 0.192},
		{"sa-east-1", "m5.xlarge", 0, 0.306}, // a region that the table lacks
		{"af-south-1", "m6i.xlarge", 0, 0.254},
		{"sa-east-1", "m6i.xlarge", 0, 0.306},
		{"us-east-1", "r7iz.large", 0, 0.186}, // types that the table lacks
		{"sa-east-1", "r5b.4xlarge", 0, 2.0},
		{"sa-east-1", "c5.metal", 0, 6.3},
		{"us-east-1", "g5.xlarge", 0, 1.006},
		{"us-east-1", "p5.48xlarge", 0, 98.32},
		{"us-east-1", "m7i.metal-24xl", 0, 4.84},
		{"us-east-1", "mac2.metal", 0, 0.65},
		{"xx-north-9", "z9.huge", 0, 1},
		{"", "", 0, 1},
	} {
		got := price.Ceiling(of.region, of.instanceType)
		if got < of.least || of.exact > 0 && !near(got, of.exact) {
			t.Errorf("%s in %s: at most %v, want %v or more", of.instanceType, of.region, got, of.least)
		}
	}
}

// Every region has spot workers, whichever of the default types it offers. A bound far
// above the on-demand price would be refused by a quota of some accounts.
func TestCeiling_coversTheDefaultTypesEverywhere(t *testing.T) {
	types := defaults("us-east-1").Workers.InstanceTypes
	if len(types) < 3 {
		t.Fatalf("the default types are %q", types)
	}
	for _, region := range commercial(t) {
		for _, instanceType := range types {
			if got := price.Ceiling(region, instanceType); got < 0.17 || got > 0.62 {
				t.Errorf("%s in %s: at most %v", instanceType, region, got)
			}
		}
	}
}

// commercial are the regions that the configuration knows.
func commercial(t *testing.T) []string {
	t.Helper()
	body, err := os.ReadFile("../config/check/regions.json")
	if err != nil {
		t.Fatal(err)
	}
	var known struct{ Regions []string }
	if err := json.Unmarshal(body, &known); err != nil || len(known.Regions) < 30 {
		t.Fatalf("%d regions, %v", len(known.Regions), err)
	}
	return known.Regions
}
