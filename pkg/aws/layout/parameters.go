package layout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// none fills the template's lists up to their fixed lengths.
const none = "none"

const (
	maxZones = 3 // of the template's lists
	maxCIDRs = 8
)

// Parameters are what the template is told. Lists about zones hold one entry a zone.
type Parameters struct {
	Name  string   // "ci": of the installation
	Zones []string // ["eu-central-1a", "eu-central-1b"]: one to three; the database service needs two

	NetworkCIDR string // "10.0.0.0/16": of the VPC that is made; Cut gives its subnets' ranges

	// The VPC that exists, instead; with it one public and one private subnet a zone.
	ExistingVPC            string   // "vpc-0a1b2c3d"
	ExistingPublicSubnets  []string // ["subnet-0aaa", "subnet-0bbb"]
	ExistingPrivateSubnets []string // ["subnet-0ccc", "subnet-0ddd"]

	// Of the subnets, made or existing.
	PublicCIDRs  []string // ["10.0.0.0/24", "10.0.1.0/24"]
	PrivateCIDRs []string // ["10.0.16.0/20", "10.0.32.0/20"]
	DirectorIP   string   // "10.0.0.6": the director's own address, in the first public subnet; see Address
	NATIP        string   // "10.0.0.7": the NAT gateway's, in the same; of no use with a VPC that exists

	WebPort       int      // 443: at which Concourse speaks HTTPS; 0: 443; neither 80 nor 2222, which have their uses
	WebCIDRs      []string // ["0.0.0.0/0"]: who may reach Concourse; one to eight, IPv4
	DirectorCIDRs []string // ["203.0.113.7/32"]: who may reach the director from outside; one to eight, IPv4

	// UpgradeWorker says that a worker of its own runs the self-upgrade: of all VMs it
	// alone reaches the director's API and agent.
	UpgradeWorker bool

	Domain     string // "ci.example.com"; with HostedZone it gets a record
	HostedZone string // "Z0123456789ABC"; empty: no record is made

	Database           bool         // a database of the RDS service; otherwise there is none in the stack
	DatabaseType       string       // "db.t4g.small"
	DatabaseVersion    string       // "17", major version of PostgreSQL; empty keeps the one that the stack has, and is the template's in a new one
	DatabaseStorage    int          // GiB, 20; 0: 20
	DatabaseMaxStorage int          // GiB up to which storage grows by itself, 100; 0: five times DatabaseStorage
	DatabaseMultiZone  bool         // a standby in a second zone
	DatabasePassword   secret.Value // 16 to 128 letters and digits; empty keeps the one that the stack has

	ParameterPath string // "/perpetual/ci": the SSM parameters below it may be read by the web node
	OwnPath       string // "/perpetual-own/ci": those below it by the pipeline and its reader alone
	StateBucket   string // "perpetual-ci-123456789012-eu-central-1": the pipeline's role may use it; empty: no grant
	StateKey      string // ARN of the KMS key of that bucket; empty: it is S3's own

	// For the pipeline's role. Without an issuer there is no role.
	Issuer          string // "https://ci.example.com": a Concourse that the internet reaches, without slash or port
	PipelineSubject string // "perpetual/self-upgrade": team and pipeline, as the token's sub says it; empty: that

	PermissionsBoundary string // "arn:aws:iam::123456789012:policy/boundary": bounds every role; empty: none
}

// Cut gives the ranges of a new VPC's subnets: the public ones are
// a 256th each (a /24 of a /16) from the start, the private ones a sixteenth
// of the whole (a /20 of a /16) after the first such. It fails unless the range is
// an IPv4 one of a size from /16 to /20 and its address the first in it.
func Cut(network string, zones int) (public, private []string, err error) {
	whole, err := netip.ParsePrefix(network)
	switch {
	case err != nil || !whole.Addr().Is4():
		return nil, nil, fmt.Errorf("cut subnets from %q: it is not an IPv4 range such as 10.0.0.0/16", network)
	case whole != whole.Masked():
		return nil, nil, fmt.Errorf("cut subnets from %s: write %s", network, whole.Masked())
	case whole.Bits() < 16 || whole.Bits() > 20:
		return nil, nil, fmt.Errorf("cut subnets from %s: a VPC here has a size from /16 to /20", network)
	case zones < 1 || zones > maxZones:
		return nil, nil, fmt.Errorf("cut subnets for %d zones: there are one to %d", zones, maxZones)
	}
	for i := range zones {
		public = append(public, part(whole, i, whole.Bits()+8))
		private = append(private, part(whole, i+1, whole.Bits()+4))
	}
	return public, private, nil
}

// part is the nth range of a size within another.
func part(whole netip.Prefix, n, bits int) string {
	at := whole.Addr().As4()
	binary.BigEndian.PutUint32(at[:], binary.BigEndian.Uint32(at[:])+uint32(n)<<(32-bits)) //nolint:gosec // n counts zones
	return netip.PrefixFrom(netip.AddrFrom4(at), bits).String()
}

// Address gives the nth address of an IPv4 range: 6 of 10.0.0.0/24 is 10.0.0.6. AWS
// keeps the first four and the last one of every subnet for itself. It fails if
// the range has no such address for us.
func Address(cidr string, n int) (string, error) {
	whole, err := netip.ParsePrefix(cidr)
	if err != nil || !whole.Addr().Is4() {
		return "", fmt.Errorf("find an address in %q: it is not an IPv4 range", cidr)
	}
	if n < 4 || n >= 1<<(32-whole.Bits())-1 {
		return "", fmt.Errorf("find an address in %s: AWS leaves no number %d in it", cidr, n)
	}
	address, _, _ := strings.Cut(part(whole.Masked(), n, 32), "/")
	return address, nil
}

var password = regexp.MustCompile(`^[A-Za-z0-9]{16,128}$`)

// Validate says what of the parameters no stack could be made with, as far as that
// shows without asking.
func (p Parameters) Validate() error {
	zones := len(p.Zones)
	switch {
	case p.Name == "":
		return errors.New("the installation has no name")
	case zones < 1 || zones > maxZones:
		return fmt.Errorf("%d zones are given: there are one to %d", zones, maxZones)
	case p.Database && zones < 2:
		return errors.New("RDS keeps a database in two zones at least: give a second zone, or have the database on a VM")
	case len(p.PublicCIDRs) != zones || len(p.PrivateCIDRs) != zones:
		return fmt.Errorf("%d zones need as many public and private ranges, %d and %d are given", zones, len(p.PublicCIDRs), len(p.PrivateCIDRs))
	case p.ExistingVPC != "" && (len(p.ExistingPublicSubnets) != zones || len(p.ExistingPrivateSubnets) != zones):
		return fmt.Errorf("%d zones need as many public and private subnets of %s, %d and %d are given", zones, p.ExistingVPC, len(p.ExistingPublicSubnets), len(p.ExistingPrivateSubnets))
	case !p.DatabasePassword.Empty() && !password.MatchString(p.DatabasePassword.Reveal()):
		return errors.New("the database's password must be 16 to 128 letters and digits")
	}
	if port := p.WebPort; port < 0 || port > 65535 || port == 22 || port == 80 || port == 2222 {
		return fmt.Errorf("port %d cannot be the one for HTTPS: 22 is SSH's, 80 only points there, 2222 is where workers register, and ports end at 65535", port)
	}
	if err := checkRanges("Concourse", p.WebCIDRs); err != nil {
		return err
	}
	return checkRanges("the director", p.DirectorCIDRs)
}

// ValidateUpdate says why a stack that has the parameters have, as the template names
// them, cannot become as p says: the data of its PostgreSQL cannot be read by an older
// one.
func (p Parameters) ValidateUpdate(have map[string]string) error {
	if !p.Database || have[DatabaseParameter] != "true" {
		return nil
	}
	wanted, err := strconv.Atoi(p.DatabaseVersion)
	is, other := strconv.Atoi(have[versionParameter])
	if err == nil && other == nil && wanted < is {
		return fmt.Errorf("the database is PostgreSQL %d and cannot become %d; nothing was changed", is, wanted)
	}
	return nil
}

// checkRanges says which of the ranges a security group would refuse.
func checkRanges(what string, ranges []string) error {
	if n := len(ranges); n < 1 || n > maxCIDRs {
		return fmt.Errorf("%d ranges may reach %s: give one to %d", n, what, maxCIDRs)
	}
	for i, text := range ranges {
		parsed, err := netip.ParsePrefix(text)
		switch {
		case err != nil || !parsed.Addr().Is4():
			return fmt.Errorf("%q may reach %s: it is not an IPv4 range such as 203.0.113.0/24", text, what)
		case parsed != parsed.Masked():
			return fmt.Errorf("%s may reach %s: write %s", text, what, parsed.Masked())
		case slices.Contains(ranges[:i], text):
			return fmt.Errorf("%s may reach %s: it is given twice", text, what)
		}
	}
	return nil
}

// Values are the parameters as the template takes them. What is not there is left
// to the template's default, or, for the password, to what the stack has.
func (p Parameters) Values() map[string]string {
	storage := max(p.DatabaseStorage, 20)
	most := p.DatabaseMaxStorage
	if most == 0 {
		most = 5 * storage
	}
	port := p.WebPort
	if port == 0 {
		port = 443
	}
	out := map[string]string{
		"Name": p.Name, "Zones": pad(p.Zones, maxZones),
		"PublicCIDRs": pad(p.PublicCIDRs, maxZones), "PrivateCIDRs": pad(p.PrivateCIDRs, maxZones),
		"ExistingVPC":           p.ExistingVPC,
		"ExistingPublicSubnets": pad(p.ExistingPublicSubnets, maxZones), "ExistingPrivateSubnets": pad(p.ExistingPrivateSubnets, maxZones),
		"WebPort": strconv.Itoa(port), "WebCIDRs": pad(p.WebCIDRs, maxCIDRs), "DirectorCIDRs": pad(p.DirectorCIDRs, maxCIDRs),
		"UpgradeWorker": strconv.FormatBool(p.UpgradeWorker),
		"Domain":        p.Domain, "HostedZone": p.HostedZone,
		DatabaseParameter: strconv.FormatBool(p.Database), "DatabaseMultiZone": strconv.FormatBool(p.DatabaseMultiZone),
		"DatabaseStorage": strconv.Itoa(storage), "DatabaseMaxStorage": strconv.Itoa(most),
		ProtectionParameter: strconv.FormatBool(p.Database),
		"ParameterPath":     p.ParameterPath, "OwnPath": p.OwnPath, "StateBucket": p.StateBucket, "StateKey": p.StateKey,
		"Issuer": p.Issuer, "PermissionsBoundary": p.PermissionsBoundary,
	}
	for key, value := range map[string]string{
		"NetworkCIDR": p.NetworkCIDR, "DirectorIP": p.DirectorIP, "NATIP": p.NATIP, "DatabaseType": p.DatabaseType,
		versionParameter: p.DatabaseVersion, "PipelineSubject": p.PipelineSubject,
	} {
		if value != "" {
			out[key] = value
		}
	}
	if !p.DatabasePassword.Empty() {
		out[passwordParameter] = p.DatabasePassword.Reveal()
		out["DatabasePasswordCheck"] = digest(p.DatabasePassword)
	}
	return out
}

// Parameters of the template that a stack is judged by, or changed in, on their own. Both
// are "true" or "false".
const (
	// DatabaseParameter says whether there is a database of the RDS service.
	DatabaseParameter = "DatabaseService"
	// ProtectionParameter says whether RDS refuses to delete that database.
	ProtectionParameter = "DatabaseProtection"
)

const (
	versionParameter = "DatabaseVersion"
	// passwordParameter is the one that CloudFormation does not give back.
	passwordParameter = "DatabasePassword"
)

// Match says whether a stack with the parameters have, as the template names them, is
// as p says. The password cannot be compared: a digest of it is a parameter besides.
func (p Parameters) Match(have map[string]string) bool {
	for key, value := range p.Values() {
		if key != passwordParameter && have[key] != value {
			return false
		}
	}
	return true
}

// digest tells one password from another and gives neither away: 32 bits of a hash
// of at least 16 generated characters.
func digest(v secret.Value) string {
	sum := sha256.Sum256([]byte("perpetual database password: " + v.Reveal()))
	return hex.EncodeToString(sum[:4])
}

// pad writes a list as the template takes it.
func pad(list []string, length int) string {
	list = slices.Clone(list)
	for len(list) < length {
		list = append(list, none)
	}
	return strings.Join(list, ",")
}
