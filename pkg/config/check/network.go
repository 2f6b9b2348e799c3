package check

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// smallest is the longest prefix of a network from which subnets for three zones
// can be cut: of a /20 the public ones are a /28 each, than which AWS has no smaller.
const smallest = 20

// containers are the networks that Concourse's workers give their containers
// (worker job, containerd.network_pool, and Garden's default): addresses in them
// cannot be reached from builds.
var containers = []string{"10.80.0.0/16", "10.254.0.0/22"}

// network looks at the VPC that is made.
func (v *validator) network() {
	n := v.c.AWS.Network
	if n.VPC != "" || len(n.PublicSubnets)+len(n.PrivateSubnets) > 0 {
		v.existing(n)
		return
	}
	if n.CIDR == "" {
		return
	}
	const key = "aws.network.cidr"
	network, ok := v.cidr(key, n.CIDR)
	if !ok {
		return
	}
	if network.Bits() < 16 || network.Bits() > 28 {
		v.wrong(key, "AWS takes /16 to /28 for a VPC, got /%d", network.Bits())
		return
	}
	if network.Bits() > smallest {
		v.wrong(key, "/%d is too small for the subnets; want /16 to /%d", network.Bits(), smallest)
	}
	if !private(network) {
		v.warn(key, "%s is not a private network (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16); hosts on the internet with these addresses cannot be reached", n.CIDR)
	}
	for _, other := range containers {
		if network.Overlaps(netip.MustParsePrefix(other)) {
			v.wrong(key, "%s overlaps %s, which the workers give to their containers", n.CIDR, other)
		}
	}
}

// existing looks at a VPC that is there already.
func (v *validator) existing(n config.Network) {
	const section = "aws.network"
	public, private := n.PublicSubnets, n.PrivateSubnets
	switch {
	case n.VPC == "":
		v.wrong(section+".vpc", "is required where subnets are given")
	case len(public) == 0:
		v.wrong(section+".public_subnets", "is required where a VPC is given")
	case len(private) == 0:
		v.wrong(section+".private_subnets", "is required where a VPC is given")
	case len(public) != len(private):
		v.wrong(section+".private_subnets", "want one per zone, as many as public_subnets: %d, got %d", len(public), len(private))
	case len(v.c.AWS.Zones) > 0 && len(v.c.AWS.Zones) != len(public):
		v.wrong("aws.zones", "want one for each pair of subnets: %d, got %d; or leave the key out, since the subnets have their zones", len(public), len(v.c.AWS.Zones))
	case len(public) == 1 && v.c.Database.Kind == "rds":
		v.wrong(section+".private_subnets", "an RDS database needs subnets in two zones; add them, or set database.kind to vm")
	}
	if n.VPC != "" && n.CIDR != "" {
		v.wrong(section+".cidr", "is for a new VPC; %s exists and has its own", n.VPC)
	}
	for i, id := range private {
		for _, other := range public {
			if id == other {
				v.wrong(fmt.Sprintf("%s.private_subnets[%d]", section, i), "%s is in public_subnets as well", id)
			}
		}
	}
}

// access looks at who may reach what.
func (v *validator) access() {
	switch v.c.Access.Port {
	case 22:
		v.wrong("access.port", "22 is where SSH answers; want another")
	case 80:
		v.wrong("access.port", "80 is where people are sent on to HTTPS; want another")
	case 2222:
		v.wrong("access.port", "2222 is where workers register; want another")
	}
	a := v.c.Access
	v.networks("access.web", a.Web)
	v.networks("access.director", a.Director)
	if v.c.AWS != nil {
		v.atMost("access.web", a.Web)
		v.atMost("access.director", a.Director)
	}
	for i, text := range a.Director {
		if text == config.Everywhere {
			v.warn(fmt.Sprintf("access.director[%d]", i), "opens the director to the whole internet; its password is then all that protects it")
		}
	}
	if a.HostedZone != "" && a.Domain == "" {
		v.wrong("access.hosted_zone", "has no effect without access.domain")
	}
	if _, err := netip.ParseAddr(a.Domain); err == nil && v.c.AWS != nil {
		v.wrong("access.domain", "%s is an address, and the web node gets an address of its own; want a name, or leave the key out", a.Domain)
	} else if a.Domain != "" && err != nil && !strings.Contains(a.Domain, ".") {
		v.warn("access.domain", "%s has no dot; only hosts that search the right domain find it", a.Domain)
	}
}

// maxNetworks is how many networks the stack's security groups take, each for the web
// and for the director.
const maxNetworks = 8

// atMost looks whether a list of networks fits.
func (v *validator) atMost(key string, list []string) {
	if len(list) > maxNetworks {
		v.wrong(key, "want at most %d networks, got %d; join some to larger ones", maxNetworks, len(list))
	}
}

// networks looks at a list of CIDRs.
func (v *validator) networks(key string, list []string) {
	var before []netip.Prefix
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		network, ok := v.cidr(at, text)
		if !ok {
			continue
		}
		for _, other := range before {
			if network == other {
				v.wrong(at, "%s is listed twice", text)
			} else if network.Overlaps(other) {
				v.warn(at, "%s and %s overlap; one is in the other", text, other)
			}
		}
		before = append(before, network)
	}
}

// cidr parses an IPv4 network.
func (v *validator) cidr(key, text string) (netip.Prefix, bool) {
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !network.Addr().Is4():
		v.wrong(key, "%q is not an IPv4 network; want one such as 10.0.0.0/16", text)
	case network != network.Masked():
		v.wrong(key, "%s has bits behind the prefix; the network is %s, and the single address %s/32", text, network.Masked(), network.Addr())
	default:
		return network, true
	}
	return netip.Prefix{}, false
}

// private says whether a network is one of RFC 1918, or the one that carriers share.
func private(network netip.Prefix) bool {
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} {
		if of := netip.MustParsePrefix(text); of.Contains(network.Addr()) && of.Bits() <= network.Bits() {
			return true
		}
	}
	return false
}

// proxy looks at the proxy's URLs.
func (v *validator) proxy() {
	for key, text := range map[string]string{"proxy.http": v.c.Proxy.HTTP, "proxy.https": v.c.Proxy.HTTPS} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
			v.wrong(key, "is not the URL of a proxy; want one such as http://proxy.example.com:3128")
		case u.User != nil:
			v.wrong(key, "has a user or a password in it, which every container would show; want a proxy that takes these hosts without")
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			v.wrong(key, "has a path behind the host; want one such as http://proxy.example.com:3128")
		}
	}
	if len(v.c.Proxy.No) > 0 && v.c.Proxy.HTTP == "" && v.c.Proxy.HTTPS == "" {
		v.warn("proxy.no", "has no effect without proxy.http or proxy.https")
	}
}

var (
	bucketForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{1,61})[a-z0-9]$`)
	addressLike = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}$`)
)

// bucketProblem says what keeps name from being that of a bucket, "" for nothing (S3
// user guide, bucket naming rules).
func bucketProblem(name string) string {
	switch {
	case len(name) > 63:
		return fmt.Sprintf("has %d characters, and a bucket's name at most 63", len(name))
	case !bucketForm.MatchString(name):
		return "is not a valid bucket name: want 3 to 63 lower-case letters, digits, hyphens and dots, with a letter or digit first and last"
	case strings.Contains(name, ".."), strings.Contains(name, ".-"), strings.Contains(name, "-."), addressLike.MatchString(name):
		return "is not a valid bucket name: dots stand between letters or digits, and it does not look like an address"
	case strings.HasPrefix(name, "xn--"), strings.HasPrefix(name, "sthree-"), strings.HasPrefix(name, "amzn-s3-demo-"),
		strings.HasSuffix(name, "-s3alias"), strings.HasSuffix(name, "--ol-s3"), strings.HasSuffix(name, ".mrap"), strings.HasSuffix(name, "--x-s3"):
		return "begins or ends as S3 keeps for itself"
	}
	return ""
}
