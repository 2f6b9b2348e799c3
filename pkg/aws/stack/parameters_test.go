package stack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestPlan_refusesParametersWithoutAsking(t *testing.T) {
	nine := strings.Fields(strings.Repeat("192.0.2.1/32 ", 9))
	for want, spoil := range map[string]func(*layout.Parameters){
		"no name":                  func(p *layout.Parameters) { p.Name = "" },
		"0 zones":                  func(p *layout.Parameters) { p.Zones = nil },
		"two zones at least":       func(p *layout.Parameters) { p.Zones = p.Zones[:1] },
		"as many public":           func(p *layout.Parameters) { p.PublicCIDRs = nil },
		"subnets of vpc-1":         func(p *layout.Parameters) { p.ExistingVPC = "vpc-1" },
		"16 to 128 letters":        func(p *layout.Parameters) { p.DatabasePassword = secret.New("s3cret-canary-key") },
		"needs a password":         func(p *layout.Parameters) { p.DatabasePassword = secret.Value{} },
		"0 ranges may reach Conc":  func(p *layout.Parameters) { p.WebCIDRs = nil },
		"9 ranges may reach the d": func(p *layout.Parameters) { p.DirectorCIDRs = nine },
		"given twice":              func(p *layout.Parameters) { p.DirectorCIDRs = nine[:2] },
		`"everywhere" may reach`:   func(p *layout.Parameters) { p.WebCIDRs = []string{"everywhere"} },
		`"::/0" may reach`:         func(p *layout.Parameters) { p.WebCIDRs = []string{"::/0"} },
		"port 80 cannot be":        func(p *layout.Parameters) { p.WebPort = 80 },
		"port 70000 cannot be":     func(p *layout.Parameters) { p.WebPort = 70000 },
		"write 203.0.113.0/24":     func(p *layout.Parameters) { p.DirectorCIDRs = []string{"203.0.113.7/24"} },
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
	want := layout.Outputs{
		Region: "eu-central-1", VPC: "vpc-1", Zones: []string{"eu-central-1a"}, PublicSubnets: []string{"subnet-1"}, PrivateSubnets: []string{"subnet-2"},
		PublicCIDRs: []string{"10.0.0.0/24"}, PrivateCIDRs: []string{"10.0.16.0/20"}, ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci", DirectorIP: "10.0.0.6", KeyPair: name,
	}
	got := layout.Outputs{
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
