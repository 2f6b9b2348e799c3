package choice_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

func TestReach_findsTheDNSZone(t *testing.T) {
	for access, want := range map[string]string{
		"":                                 "",
		"access: {domain: ci.example.com}": "Z1",
		"access: {domain: ci.example.org}": "", // the account has none: the user makes the record
		"access: {domain: ci.example.com, hosted_zone: Z2}": "Z2",
	} {
		var warned []string
		c := &cloud{domains: map[string]string{"ci.example.com": "Z1"}, address: "203.0.113.7"}
		ch, chosen := chooser(t, c, onAWS+access, record.Choice{HostedZone: "Z0"}, &warned)
		if err := ch.Reach(t.Context(), false); err != nil || chosen.HostedZone != want {
			t.Errorf("%q: the zone is %q, %v; want %q", access, chosen.HostedZone, err, want)
		}
	}
}

// By hand the director lets in the address of now. A self-upgrade, which is inside, locks
// nobody out: what was let in stays.
func TestReach_letsInWhoRunsIt(t *testing.T) {
	for name, of := range map[string]struct {
		access string
		before []string
		self   bool
		want   string
	}{
		"the first deploy":                  {want: "203.0.113.7/32"},
		"from another place":                {before: []string{"198.51.100.1/32"}, want: "203.0.113.7/32"},
		"a self-upgrade":                    {before: []string{"198.51.100.1/32"}, self: true, want: "198.51.100.1/32"},
		"a self-upgrade that knows of none": {self: true, want: "203.0.113.7/32"},
		"it is said":                        {access: "access: {director: [192.0.2.0/24]}", before: []string{"198.51.100.1/32"}, want: "192.0.2.0/24"},
		"it is said, in a self-upgrade":     {access: "access: {director: [192.0.2.0/24]}", before: []string{"198.51.100.1/32"}, self: true, want: "192.0.2.0/24"},
	} {
		var warned []string
		ch, chosen := chooser(t, &cloud{address: "203.0.113.7"}, onAWS+of.access, record.Choice{DirectorCIDRs: of.before}, &warned)
		if err := ch.Reach(t.Context(), of.self); err != nil || !slices.Equal(chosen.DirectorCIDRs, []string{of.want}) {
			t.Errorf("%s: it lets in %q, %v; want %s", name, chosen.DirectorCIDRs, err, of.want)
		}
	}
}

func TestReach_saysWhatCannotBeFound(t *testing.T) {
	failed := errors.New("no answer")
	var warned []string
	ch, chosen := chooser(t, &cloud{broken: map[string]error{"address": failed}}, onAWS, record.Choice{DirectorCIDRs: []string{"198.51.100.1/32"}}, &warned)
	err := ch.Reach(t.Context(), false)
	testkit.Refused(t, "no address", err, "find the address from which the director will be reached: no answer", "give access.director")
	if !errors.Is(err, failed) || !slices.Equal(chosen.DirectorCIDRs, []string{"198.51.100.1/32"}) {
		t.Errorf("it lets in %q, %v", chosen.DirectorCIDRs, err)
	}
	// Where it is said, nobody asks for it.
	ch, _ = chooser(t, &cloud{broken: map[string]error{"address": failed}}, onAWS+"access: {director: [192.0.2.0/24]}", record.Choice{}, &warned)
	if err := ch.Reach(t.Context(), false); err != nil {
		t.Errorf("an address that is said: %v", err)
	}
	ch, _ = chooser(t, &cloud{address: "203.0.113.7", broken: map[string]error{"hosted zone": failed}}, onAWS+"access: {domain: ci.example.com}", record.Choice{}, &warned)
	if err := ch.Reach(t.Context(), false); !errors.Is(err, failed) {
		t.Errorf("a DNS zone that cannot be looked for: %v", err)
	}
}
