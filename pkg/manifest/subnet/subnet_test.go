package subnet_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/manifest/subnet"
)

// reserved are the reserved addresses as BOSH is told them.
func reserved(s subnet.Subnet) (list []string) {
	for _, b := range s.Reserved {
		list = append(list, b.String())
	}
	return list
}

// TestNew_leavesOthersTheirAddresses lists what BOSH keeps its hands off.
func TestNew_leavesOthersTheirAddresses(t *testing.T) {
	cases := map[string]struct {
		cidr, own, director string
		gateway             string
		reserved            []string
	}{
		"the whole subnet":             {"10.0.0.0/24", "", "10.0.0.6", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.9"}},
		"a director further up":        {"10.0.0.0/24", "", "10.0.0.77", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.9", "10.0.0.77"}},
		"the upper half":               {"10.0.0.0/24", "10.0.0.128/25", "10.0.0.6", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.127"}},
		"the lower half":               {"10.0.0.0/24", "10.0.0.0/25", "10.0.0.6", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.3", "10.0.0.128 - 10.0.0.254", "10.0.0.6"}},
		"a quarter in the middle":      {"10.0.0.0/24", "10.0.0.64/26", "10.0.0.70", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.63", "10.0.0.128 - 10.0.0.254", "10.0.0.70"}},
		"all of it, said":              {"10.0.0.0/24", "10.0.0.0/24", "10.0.0.6", "10.0.0.1", []string{"10.0.0.2 - 10.0.0.3", "10.0.0.6"}},
		"an address within the subnet": {"10.0.3.17/24", "", "10.0.3.6", "10.0.3.1", []string{"10.0.3.2 - 10.0.3.9"}},
		"no octet boundary":            {"172.16.32.0/20", "172.16.40.0/21", "172.16.32.6", "172.16.32.1", []string{"172.16.32.2 - 172.16.39.255"}},
		"the smallest":                 {"10.0.0.16/28", "", "10.0.0.22", "10.0.0.17", []string{"10.0.0.18 - 10.0.0.25"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := subnet.New("the subnet", c.cidr, c.own)
			if err != nil {
				t.Fatal(err)
			}
			s.Reserve(c.director)
			if s.Gateway.String() != c.gateway {
				t.Errorf("the gateway is %v, want %s", s.Gateway, c.gateway)
			}
			if diff := cmp.Diff(c.reserved, reserved(s)); diff != "" {
				t.Errorf("reserved (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolver_isTheSecondAddressOfTheVPC(t *testing.T) {
	for cidr, want := range map[string]string{"10.0.0.0/16": "10.0.0.2", "172.16.5.9/20": "172.16.0.2", "": "169.254.169.253", "10.0.0.0": "169.254.169.253"} {
		if got := subnet.Resolver(cidr); got != want {
			t.Errorf("Resolver(%q) = %s, want %s", cidr, got, want)
		}
	}
}

// FuzzNew takes any ranges: the reserved addresses lie in the subnet, or there is an
// error.
func FuzzNew(f *testing.F) {
	f.Add("10.0.0.0/24", "10.0.0.128/25", "10.0.0.6")
	f.Add("10.0.0.0/16", "", "10.0.0.6")
	f.Add("255.255.255.240/28", "255.255.255.248/29", "x")
	f.Add("10.0.0.0/24", "10.0.0.0/30", "")
	f.Fuzz(func(t *testing.T, cidr, own, director string) {
		s, err := subnet.New("the subnet", cidr, own)
		if err != nil {
			return
		}
		prefix := netip.MustParsePrefix(cidr).Masked()
		if !prefix.Contains(s.Gateway) {
			t.Fatalf("the gateway %s of %s", s.Gateway, cidr)
		}
		for _, item := range reserved(s) {
			var from, to string
			if n, _ := fmt.Sscanf(item, "%s - %s", &from, &to); n == 1 {
				to = from
			}
			a, errA := netip.ParseAddr(from)
			b, errB := netip.ParseAddr(to)
			if errA != nil || errB != nil || !prefix.Contains(a) || !prefix.Contains(b) || b.Less(a) {
				t.Fatalf("%s of %s with the own range %q", item, cidr, own)
			}
		}
		before := len(s.Reserved)
		s.Reserve(director)
		if len(s.Reserved) > before+1 {
			t.Fatalf("%q reserves %v", director, reserved(s))
		}
	})
}
