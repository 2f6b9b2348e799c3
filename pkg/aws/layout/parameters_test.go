package layout_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
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
		public, private, err := layout.Cut(c.network, c.zones)
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
		address, err := layout.Address(cidr, 6)
		if got := fmt.Sprint(address, " ", err); got != want {
			t.Errorf("in %s: %s, want %s", cidr, got, want)
		}
	}
}

// parameters are those of an ordinary installation.
func parameters() layout.Parameters {
	return layout.Parameters{
		Name: "ci", Zones: []string{"eu-central-1a", "eu-central-1b"}, NetworkCIDR: "10.0.0.0/16",
		PublicCIDRs: []string{"10.0.0.0/24", "10.0.1.0/24"}, PrivateCIDRs: []string{"10.0.16.0/20", "10.0.32.0/20"}, DirectorIP: "10.0.0.6",
		WebCIDRs: []string{"0.0.0.0/0"}, DirectorCIDRs: []string{"203.0.113.7/32"},
		Database: true, DatabaseVersion: "17", DatabasePassword: secret.New("s3cretCanaryOfTheDatabase"),
	}
}

func TestValues_areParametersOfTheTemplate(t *testing.T) {
	known := parsed(t).Parameters
	for name, value := range parameters().Values() {
		if _, ok := known[name]; !ok {
			t.Errorf("the template has no parameter %s", name)
		}
		if shown := name == "DatabasePassword"; strings.Contains(value, "s3cret") != shown {
			t.Errorf("%s is %q", name, value)
		}
	}
}

func TestMatch_seesWhatDiffers(t *testing.T) {
	p := parameters()
	have := p.Values()
	have["DatabasePassword"] = "****" // CloudFormation does not give it back
	if !p.Match(have) {
		t.Error("a stack made from the parameters does not match them")
	}
	for name := range have {
		other := maps.Clone(have)
		other[name] += "x"
		if got, want := p.Match(other), name == "DatabasePassword"; got != want {
			t.Errorf("another %s matches: %v", name, got)
		}
	}
	p.DatabasePassword = secret.New("s3cretCanaryOfAnotherOne")
	if p.Match(have) {
		t.Error("another password matches")
	}
}

func TestValidateUpdate_refusesAnOlderDatabase(t *testing.T) {
	for is, want := range map[string]string{
		"16": "<nil>", "17": "<nil>", "": "<nil>",
		"18": "the database is PostgreSQL 18 and cannot become 17; nothing was changed",
	} {
		have := map[string]string{layout.DatabaseParameter: "true", "DatabaseVersion": is}
		if got := fmt.Sprint(parameters().ValidateUpdate(have)); got != want {
			t.Errorf("from %q: %s, want %s", is, got, want)
		}
		if have[layout.DatabaseParameter] = "false"; parameters().ValidateUpdate(have) != nil {
			t.Errorf("a stack without a database is refused for its version %q", is)
		}
	}
}

func TestNewOutputs_refusesWhatNoStackGives(t *testing.T) {
	given := func(name, value string) map[string]string {
		out := map[string]string{
			"Region": "eu-central-1", "VPC": "vpc-1", "Zones": "eu-central-1a,none,none", "PublicSubnets": "subnet-1,none,none",
			"PrivateSubnets": "subnet-2,none,none", "VMsSecurityGroup": "sg-1", "WebAddress": "198.51.100.1", "DatabasePort": "5432",
		}
		out[name] = value
		return out
	}
	for _, c := range []struct{ name, value, want string }{
		{"VPC", "", "read the stack's outputs: VPC is missing"},
		{"DatabasePort", "0", `read the stack's outputs: DatabasePort "0" is not a port`},
		{"DatabasePort", "x", `read the stack's outputs: DatabasePort "x" is not a port`},
	} {
		if _, err := layout.NewOutputs(given(c.name, c.value)); fmt.Sprint(err) != c.want {
			t.Errorf("%s %q: %v, want %s", c.name, c.value, err, c.want)
		}
	}
	out, err := layout.NewOutputs(given("DatabasePort", "5433"))
	if err != nil || fmt.Sprint(out.Zones, out.PrivateSubnets, out.DatabasePort) != "[eu-central-1a] [subnet-2] 5433" {
		t.Errorf("%+v, %v", out, err)
	}
}
