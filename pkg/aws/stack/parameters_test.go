package stack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		network string
		zones   int
		want    string
	}{
		{"10.0.0.0/16", 2, "[10.0.0.0/24 10.0.1.0/24] [10.0.16.0/20 10.0.32.0/20] <nil>"},
		{"10.0.0.0/16", 3, "[10.0.0.0/24 10.0.1.0/24 10.0.2.0/24] [10.0.16.0/20 10.0.32.0/20 10.0.48.0/20] <nil>"},
		{"172.31.240.0/20", 1, "[172.31.240.0/28] [172.31.241.0/24] <nil>"},
		{"10.0.0.0/21", 1, "[] [] cut subnets from 10.0.0.0/21: a VPC here has a size from /16 to /20"},
		{"10.0.0.1/16", 1, "[] [] cut subnets from 10.0.0.1/16: write 10.0.0.0/16"},
		{"fd00::/16", 1, `[] [] cut subnets from "fd00::/16": it is not an IPv4 range such as 10.0.0.0/16`},
		{"10.0.0.0/16", 4, "[] [] cut subnets for 4 zones: there are one to 3"},
	} {
		public, private, err := stack.Cut(c.network, c.zones)
		if got := fmt.Sprint(public, private, err); got != c.want {
			t.Errorf("%s for %d zones: %s, want %s", c.network, c.zones, got, c.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for cidr, want := range map[string]string{
		"10.0.0.0/24":     "10.0.0.6 <nil>",
		"172.31.240.0/28": "172.31.240.6 <nil>",
		"10.0.0.0/30":     " find an address in 10.0.0.0/30: AWS leaves no number 6 in it",
		"x":               ` find an address in "x": it is not an IPv4 range`,
	} {
		address, err := stack.Address(cidr, 6)
		if got := fmt.Sprint(address, " ", err); got != want {
			t.Errorf("in %s: %s, want %s", cidr, got, want)
		}
	}
}

func TestPlan_refusesParametersWithoutAsking(t *testing.T) {
	nine := strings.Fields(strings.Repeat("192.0.2.1/32 ", 9))
	for want, spoil := range map[string]func(*stack.Parameters){
		"no name":                  func(p *stack.Parameters) { p.Name = "" },
		"0 zones":                  func(p *stack.Parameters) { p.Zones = nil },
		"two zones at least":       func(p *stack.Parameters) { p.Zones = p.Zones[:1] },
		"as many public":           func(p *stack.Parameters) { p.PublicCIDRs = nil },
		"subnets of vpc-1":         func(p *stack.Parameters) { p.ExistingVPC = "vpc-1" },
		"16 to 128 letters":        func(p *stack.Parameters) { p.DatabasePassword = secret.New("s3cret-canary-key") },
		"needs a password":         func(p *stack.Parameters) { p.DatabasePassword = secret.Value{} },
		"0 ranges may reach Conc":  func(p *stack.Parameters) { p.WebCIDRs = nil },
		"9 ranges may reach the d": func(p *stack.Parameters) { p.DirectorCIDRs = nine },
		"given twice":              func(p *stack.Parameters) { p.DirectorCIDRs = nine[:2] },
		`"everywhere" may reach`:   func(p *stack.Parameters) { p.WebCIDRs = []string{"everywhere"} },
		`"::/0" may reach`:         func(p *stack.Parameters) { p.WebCIDRs = []string{"::/0"} },
		"port 80 cannot be":        func(p *stack.Parameters) { p.WebPort = 80 },
		"port 70000 cannot be":     func(p *stack.Parameters) { p.WebPort = 70000 },
		"write 203.0.113.0/24":     func(p *stack.Parameters) { p.DirectorCIDRs = []string{"203.0.113.7/24"} },
	} {
		w := newWorld(t)
		p := parameters()
		spoil(&p)
		_, err := w.stack.Plan(t.Context(), p)
		says(t, err, "plan stack perpetual-ci", want)
		if w.cloud.State().Writes != 0 {
			t.Errorf("%s: something was written", want)
		}
	}
}

func TestOutputs_ofAnExistingVPC(t *testing.T) {
	w := newWorld(t)
	out := w.made(t, little())
	want := stack.Outputs{
		Region: "eu-central-1", VPC: "vpc-1", Zones: []string{"eu-central-1a"}, PublicSubnets: []string{"subnet-1"}, PrivateSubnets: []string{"subnet-2"},
		PublicCIDRs: []string{"10.0.0.0/24"}, PrivateCIDRs: []string{"10.0.16.0/20"}, ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci", DirectorIP: "10.0.0.6", KeyPair: name,
	}
	got := stack.Outputs{
		Region: out.Region, VPC: out.VPC, Zones: out.Zones, PublicSubnets: out.PublicSubnets, PrivateSubnets: out.PrivateSubnets, PublicCIDRs: out.PublicCIDRs,
		PrivateCIDRs: out.PrivateCIDRs, ParameterPath: out.ParameterPath, OwnPath: out.OwnPath, DirectorIP: out.DirectorIP, KeyPair: out.KeyPair,
		NATAddress: out.NATAddress, DatabaseHost: out.DatabaseHost, DatabasePort: out.DatabasePort, PipelineRole: out.PipelineRole,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err := newWorld(t).stack.Outputs(t.Context())
	is(t, err, stack.ErrNotFound)
}
