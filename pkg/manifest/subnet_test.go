package manifest_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// TestCloudConfig_leavesOthersTheirAddresses lists what BOSH keeps its hands off.
func TestCloudConfig_leavesOthersTheirAddresses(t *testing.T) {
	cases := map[string]struct {
		cidr, own, director string
		gateway             string
		reserved            []any
	}{
		"the whole subnet":             {"10.0.0.0/24", "", "10.0.0.6", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.9"}},
		"a director further up":        {"10.0.0.0/24", "", "10.0.0.77", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.9", "10.0.0.77"}},
		"the upper half":               {"10.0.0.0/24", "10.0.0.128/25", "10.0.0.6", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.127"}},
		"the lower half":               {"10.0.0.0/24", "10.0.0.0/25", "10.0.0.6", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.3", "10.0.0.128 - 10.0.0.254", "10.0.0.6"}},
		"a quarter in the middle":      {"10.0.0.0/24", "10.0.0.64/26", "10.0.0.70", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.63", "10.0.0.128 - 10.0.0.254", "10.0.0.70"}},
		"all of it, said":              {"10.0.0.0/24", "10.0.0.0/24", "10.0.0.6", "10.0.0.1", []any{"10.0.0.2 - 10.0.0.3", "10.0.0.6"}},
		"an address within the subnet": {"10.0.3.17/24", "", "10.0.3.6", "10.0.3.1", []any{"10.0.3.2 - 10.0.3.9"}},
		"no octet boundary":            {"172.16.32.0/20", "172.16.40.0/21", "172.16.32.6", "172.16.32.1", []any{"172.16.32.2 - 172.16.39.255"}},
		"the smallest":                 {"10.0.0.16/28", "", "10.0.0.22", "10.0.0.17", []any{"10.0.0.18 - 10.0.0.25"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := input(t, plain, func(in *manifest.Input) {
				in.Infrastructure.Zones = zones(1)
				in.Infrastructure.Zones[0].PublicCIDR, in.Infrastructure.Zones[0].PublicRange = c.cidr, c.own
				in.Infrastructure.DirectorIP = c.director
			})
			got := public(t, in)
			if got["gateway"] != c.gateway {
				t.Errorf("the gateway is %v, want %s", got["gateway"], c.gateway)
			}
			if diff := cmp.Diff(c.reserved, got["reserved"]); diff != "" {
				t.Errorf("reserved (-want +got):\n%s", diff)
			}
		})
	}
}

// public is the first public subnet of a cloud config.
func public(t *testing.T, in manifest.Input) object {
	t.Helper()
	networks := decoded(t, render(t, "cloud-config", in))["networks"].([]any)
	return networks[0].(object)["subnets"].([]any)[0].(object)
}

// FuzzCloudConfig takes any ranges: they give a cloud config whose reserved
// addresses lie in the subnet, or an error.
func FuzzCloudConfig(f *testing.F) {
	f.Add("10.0.0.0/24", "10.0.0.128/25", "10.0.0.6")
	f.Add("10.0.0.0/16", "", "10.0.0.6")
	f.Add("255.255.255.240/28", "255.255.255.248/29", "x")
	f.Add("10.0.0.0/24", "10.0.0.0/30", "")
	f.Fuzz(func(t *testing.T, cidr, own, director string) {
		in := manifest.Input{Config: parse(t, plain)}
		in.Infrastructure.DirectorIP = director
		in.Infrastructure.Zones = []manifest.Zone{{Name: "z", PublicCIDR: cidr, PublicRange: own, PrivateCIDR: "192.168.0.0/24"}}
		tmpl, err := manifest.CloudConfig(in)
		if err != nil {
			return
		}
		text, err := template.Render(tmpl)
		if err != nil {
			t.Fatal(err)
		}
		var root object
		if err := yaml.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		subnet := root["networks"].([]any)[0].(object)["subnets"].([]any)[0].(object)
		prefix := netip.MustParsePrefix(cidr).Masked()
		for _, item := range subnet["reserved"].([]any) {
			if item == director {
				continue
			}
			var from, to string
			if n, _ := fmt.Sscanf(item.(string), "%s - %s", &from, &to); n == 1 {
				to = from
			}
			a, errA := netip.ParseAddr(from)
			b, errB := netip.ParseAddr(to)
			if errA != nil || errB != nil || !prefix.Contains(a) || !prefix.Contains(b) || b.Less(a) {
				t.Fatalf("%s of %s with the own range %q", item, cidr, own)
			}
		}
	})
}
