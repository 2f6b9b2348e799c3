package check_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
)

// Of a VPC that is made AWS takes /16 to /28, and the subnets need a /20.
func TestConfig_takesNetworksInWhichTheSubnetsHaveRoom(t *testing.T) {
	for bits, want := range map[int]string{
		15: "AWS takes /16 to /28 for a VPC, got /15", 16: "", 17: "", 20: "", 21: "/21 is too small for the subnets; want /16 to /20",
		28: "/28 is too small for the subnets; want /16 to /20", 29: "AWS takes /16 to /28 for a VPC, got /29", 32: "AWS takes /16 to /28 for a VPC, got /32",
		0: "AWS takes /16 to /28 for a VPC, got /0",
	} {
		cidr := fmt.Sprintf("10.0.0.0/%d", bits)
		if bits == 0 {
			cidr = "0.0.0.0/0"
		}
		var lines []string
		if want != "" {
			lines = []string{"aws.network.cidr: " + want}
		}
		says(t, cidr, "name: ci\naws: {region: eu-central-1, network: {cidr: "+cidr+"}}", lines...)
	}
}

// vpc is a VPC that exists, with as many subnets, in a configuration.
func vpc(public, private int, rest string) string {
	list := func(kind string, n int) (text string) {
		for i := range n {
			text += fmt.Sprintf("subnet-%s000000%d, ", kind, i)
		}
		return text
	}
	return "name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [" + list("a", public) + "], private_subnets: [" + list("b", private) + "]}" + rest
}

func TestConfig_takesSubnetsInPairs(t *testing.T) {
	const key = "aws.network.private_subnets: "
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"two pairs":               {vpc(2, 2, "}"), nil},
		"three pairs":             {vpc(3, 3, "}"), nil},
		"one pair, without RDS":   {vpc(1, 1, "}\ndatabase: {kind: vm}"), nil},
		"one pair":                {vpc(1, 1, "}"), []string{key + "an RDS database needs subnets in two zones"}},
		"more public ones":        {vpc(3, 2, "}"), []string{key + "want one per zone, as many as public_subnets: 3, got 2"}},
		"more private ones":       {vpc(2, 3, "}"), []string{key + "want one per zone, as many as public_subnets: 2, got 3"}},
		"zones for each pair":     {vpc(2, 2, ", zones: [eu-central-1a, eu-central-1b]}"), nil},
		"a zone for two pairs":    {vpc(2, 2, ", zones: [eu-central-1a]}"), []string{"aws.zones: want one for each pair of subnets: 2, got 1"}},
		"one zone, for one pair":  {vpc(1, 1, ", zones: [eu-central-1a]}"), []string{key + "an RDS database needs subnets in two zones"}},
		"one zone without subnet": {"name: ci\naws: {region: eu-central-1, zones: [eu-central-1a]}", []string{"aws.zones: an RDS database needs two zones"}},
		"private ones alone":      {"name: ci\naws: {region: eu-central-1, network: {private_subnets: [subnet-00000001]}}", []string{"aws.network.vpc: is required where subnets are given"}},
	} {
		says(t, name, of.text, of.want...)
	}
}

// The schema has refused what is no network before; so has nobody who made a Config.
func TestConfig_takesNetworksOfIPv4Alone(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "", "0.0.0.0/0": "", "10.0.0.1/32": "",
		"::/0":                `access.web[0]: "::/0" is not an IPv4 network; want one such as 10.0.0.0/16`,
		"::ffff:10.0.0.0/104": `access.web[0]: "::ffff:10.0.0.0/104" is not an IPv4 network; want one such as 10.0.0.0/16`,
		"10.0.0.0":            `access.web[0]: "10.0.0.0" is not an IPv4 network; want one such as 10.0.0.0/16`,
		"010.0.0.0/8":         `access.web[0]: "010.0.0.0/8" is not an IPv4 network; want one such as 10.0.0.0/16`,
		"10.0.0.0/08":         `access.web[0]: "10.0.0.0/08" is not an IPv4 network; want one such as 10.0.0.0/16`,
		"10.0.0.1/31":         "access.web[0]: 10.0.0.1/31 has bits behind the prefix; the network is 10.0.0.0/31, and the single address 10.0.0.1/32",
		"0.0.0.1/0":           "access.web[0]: 0.0.0.1/0 has bits behind the prefix; the network is 0.0.0.0/0, and the single address 0.0.0.1/32",
	} {
		c := parse(t, onAWS)
		c.Access.Web = []string{text}
		var lines, wanted []string
		for _, p := range check.Config(config.Defaults(c), now) {
			lines = append(lines, p.Error())
		}
		if want != "" {
			wanted = []string{want}
		}
		if !slices.Equal(lines, wanted) {
			t.Errorf("%s: got  %q\nwant %q", text, lines, wanted)
		}
	}
	c := parse(t, onAWS)
	c.Access.Director = []string{"10.0.0.0/8", "no network", "192.168.0.0/16", "10.0.0.0/8"}
	problems := check.Config(config.Defaults(c), now)
	if want := "access.director[1]: \"no network\" is not an IPv4 network; want one such as 10.0.0.0/16\naccess.director[3]: 10.0.0.0/8 is listed twice"; problems.Error() != want {
		t.Errorf("got  %s\nwant %s", problems.Error(), want)
	}
}

func TestConfig_takesPortsThatNothingElseHas(t *testing.T) {
	for port, want := range map[int]string{
		21: "", 22: "access.port: 22 is where SSH answers", 23: "", 79: "", 80: "access.port: 80 is where people are sent on", 81: "", 443: "", 2221: "", 2222: "access.port: 2222 is where workers register", 2223: "", 8443: "", 65535: "", 1: "",
	} {
		var lines []string
		if want != "" {
			lines = []string{want}
		}
		says(t, fmt.Sprint(port), onAWS+fmt.Sprintf("access: {port: %d}", port), lines...)
	}
}

func TestConfig_takesDomainsThatPeopleCanReach(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"a name":                       {onAWS + "access: {domain: ci.example.com, hosted_zone: Z0123456789ABC}", nil},
		"an address of digits":         {onAWS + "access: {domain: 198.51.100.7}", []string{"access.domain: 198.51.100.7 is an address, and the web node gets"}},
		"what is no address":           {onAWS + "access: {domain: 198.51.100.777}", nil},
		"an address, an own director":  {byoAt("10.0.0.7"), nil},
		"no dot, an own director":      {byoAt("ci"), []string{"warning: access.domain: ci has no dot"}},
		"a zone without, own director": {byoAt("ci.example.com, hosted_zone: Z0123456789ABC"), []string{"warning: access.hosted_zone: has no effect without aws"}},
	} {
		says(t, name, of.text, of.want...)
	}
}

// byoAt is byo with another domain.
func byoAt(domain string) string {
	return "name: ci\ndirector: {url: 'https://10.0.0.6:25555', client: c, client_secret: s}\naccess: {domain: " + domain + "}\nstate: {dir: state}\n"
}
