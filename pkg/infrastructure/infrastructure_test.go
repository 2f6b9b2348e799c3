package infrastructure_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// wanted is an installation with everything by default, but for what change says.
func wanted(change func(*config.Config)) infrastructure.Wanted {
	c := config.Defaults(&config.Config{Schema: 1, Name: "ci", AWS: &config.AWS{Region: "eu-central-1"}})
	if change != nil {
		change(c)
	}
	return infrastructure.Wanted{
		Config: c, Account: "123456789012", Zones: []string{"eu-central-1a", "eu-central-1b"}, DirectorCIDRs: []string{"203.0.113.7/32"},
		DatabasePassword: secret.New("canary-password-of-16"),
		Subnets: []account.Subnet{
			{ID: "subnet-pb", Zone: "eu-central-1b", CIDR: "172.16.2.0/24"}, {ID: "subnet-pa", Zone: "eu-central-1a", CIDR: "172.16.1.0/24"},
			{ID: "subnet-a", Zone: "eu-central-1a", CIDR: "172.16.3.0/24"}, {ID: "subnet-b", Zone: "eu-central-1b", CIDR: "172.16.4.0/24"},
		},
	}
}

// existing is a network that is there already; its subnets are not in the order of the zones.
func existing(c *config.Config) {
	c.AWS.Network = config.Network{VPC: "vpc-1", PublicSubnets: []string{"subnet-pb", "subnet-pa"}, PrivateSubnets: []string{"subnet-a", "subnet-b"}}
}

func TestParameters_followTheConfiguration(t *testing.T) {
	for name, of := range map[string]struct {
		change func(*config.Config)
		right  func(layout.Parameters) bool
	}{
		"a new network": {nil, func(p layout.Parameters) bool {
			return p.ExistingVPC == "" && p.NetworkCIDR == "10.0.0.0/16" && len(p.PublicCIDRs) == 2 && len(p.PrivateCIDRs) == 2 &&
				strings.HasSuffix(p.DirectorIP, ".6") && strings.HasSuffix(p.NATIP, ".7")
		}},
		"an existing network, by zone": {existing, func(p layout.Parameters) bool {
			return p.ExistingVPC == "vpc-1" && p.NetworkCIDR == "" && p.NATIP == "" && p.DirectorIP == "172.16.1.6" &&
				slices.Equal(p.ExistingPublicSubnets, []string{"subnet-pa", "subnet-pb"}) && slices.Equal(p.ExistingPrivateSubnets, []string{"subnet-a", "subnet-b"}) &&
				slices.Equal(p.PublicCIDRs, []string{"172.16.1.0/24", "172.16.2.0/24"})
		}},
		"a bucket by default": {nil, func(p layout.Parameters) bool {
			return p.StateBucket == "perpetual-ci-123456789012-eu-central-1" && p.StateKey == ""
		}},
		"a directory": {func(c *config.Config) { c.State = &config.State{Dir: "state"} }, func(p layout.Parameters) bool { return p.StateBucket == "" }},
		"a key by its ARN": {func(c *config.Config) { c.State = &config.State{KMSKey: "arn:aws:kms:eu-central-1:1:key/k"} }, func(p layout.Parameters) bool {
			return p.StateKey == "arn:aws:kms:eu-central-1:1:key/k"
		}},
		"a key by an alias": {func(c *config.Config) { c.State = &config.State{KMSKey: "alias/k"} }, func(p layout.Parameters) bool { return p.StateKey == "" }},
		"a database service": {func(c *config.Config) { c.Database.Kind, c.Database.Version = "rds", 17 }, func(p layout.Parameters) bool {
			return p.Database && p.DatabaseVersion == "17" && p.DatabasePassword.Reveal() == "canary-password-of-16"
		}},
		"a database VM": {func(c *config.Config) { c.Database.Kind, c.Database.Version = "vm", 17 }, func(p layout.Parameters) bool {
			return !p.Database && p.DatabaseVersion == "" && p.DatabasePassword.Empty()
		}},
		"a worker for upgrades":  {func(c *config.Config) { c.Upgrade.WorkerTag = "x" }, func(p layout.Parameters) bool { return p.UpgradeWorker }},
		"no worker for upgrades": {func(c *config.Config) { c.Upgrade.WorkerTag = "" }, func(p layout.Parameters) bool { return !p.UpgradeWorker }},
		"paths of the credentials": {nil, func(p layout.Parameters) bool {
			return p.ParameterPath == "/perpetual/ci" && p.OwnPath == "/perpetual-own/ci"
		}},
	} {
		p, err := wanted(of.change).Parameters()
		if err != nil || !of.right(p) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestParameters_wantASubnetOfEachKindInEachZone(t *testing.T) {
	for part, change := range map[string]func(*config.Config){
		"aws.network.public_subnets has none in zone eu-central-1b":  func(c *config.Config) { c.AWS.Network.PublicSubnets = []string{"subnet-pa"} },
		"aws.network.private_subnets has none in zone eu-central-1a": func(c *config.Config) { c.AWS.Network.PrivateSubnets = []string{"subnet-b"} },
	} {
		_, err := wanted(func(c *config.Config) { existing(c); change(c) }).Parameters()
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q", err, part)
		}
	}
}

// What a plan shows of a stack that is not there yet has the form of one that is.
func TestExpected_isWhatAStackOfTheseParametersGives(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"a new network": nil, "an existing one": existing, "a database VM": func(c *config.Config) { c.Database.Kind = "vm" }} {
		p, err := wanted(change).Parameters()
		if err != nil {
			t.Fatal(err)
		}
		infra, err := infrastructure.Expected(p, "eu-central-1")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if infra.Region != "eu-central-1" || infra.DirectorIP != p.DirectorIP || len(infra.Zones) != 2 || infra.Zones[1].PublicCIDR != p.PublicCIDRs[1] ||
			infra.CIDR != p.NetworkCIDR || infra.KeyPair != "perpetual-ci" || (infra.Database.Host != "") != p.Database || infra.PipelineUser == "" {
			t.Errorf("%s: %+v", name, infra)
		}
	}
	p, err := wanted(nil).Parameters()
	if err != nil {
		t.Fatal(err)
	}
	p.Issuer = "https://ci.example.com"
	if infra, err := infrastructure.Expected(p, "eu-central-1"); err != nil || infra.PipelineUser != "" || infra.PipelineRole == "" {
		t.Errorf("with an issuer: %+v, %v", infra, err)
	}
}

func TestRead_refusesOutputsThatDoNotFitTogether(t *testing.T) {
	o := layout.Outputs{Zones: []string{"a", "b"}, PublicSubnets: []string{"s1", "s2"}, PrivateSubnets: []string{"s3", "s4"}, PublicCIDRs: []string{"c1", "c2"}, PrivateCIDRs: []string{"c3"}}
	if _, err := infrastructure.Read(o, nil); err == nil || !strings.Contains(err.Error(), "2 zones need as many subnets and ranges") {
		t.Errorf("error %v", err)
	}
	o.PrivateCIDRs = append(o.PrivateCIDRs, "c4")
	infra, err := infrastructure.Read(o, map[string]string{"DatabaseVersion": "17", "NetworkCIDR": "10.0.0.0/16", "ExistingVPC": "vpc-1"})
	if err != nil || infra.Database.Major != 17 || infra.CIDR != "" || infra.Zones[1].PrivateSubnet != "s4" {
		t.Errorf("%+v, %v", infra, err)
	}
}

func TestChangeLines_sayWhatHappensToWhat(t *testing.T) {
	for name, of := range map[string]struct {
		change stack.Change
		lines  []string
	}{
		"nothing":  {stack.Change{Empty: true}, nil},
		"a repair": {stack.Change{Repair: "finish a rollback", Protect: true}, []string{"! before anything else: finish a rollback; what changes after that is known only then"}},
		"protection": {stack.Change{Protect: true, Resources: []cloudformation.ResourceChange{{Action: cloudformation.Remove, LogicalID: "Old", Type: "AWS::EC2::EIP"}}},
			[]string{"! the stack's protection against deletion is turned on", "- Old (AWS::EC2::EIP)"}},
		"a creation": {stack.Change{Create: true, Protect: true, Resources: []cloudformation.ResourceChange{{Action: cloudformation.Add, LogicalID: "VPC", Type: "AWS::EC2::VPC"}}}, []string{"+ VPC (AWS::EC2::VPC)"}},
		"replacements": {stack.Change{Resources: []cloudformation.ResourceChange{
			{Action: cloudformation.Modify, LogicalID: "A", Type: "T", Replacement: "True", Details: []string{"Properties.X", "Tags"}},
			{Action: cloudformation.Modify, LogicalID: "B", Type: "T", Replacement: "Conditional"}, {Action: "Import", LogicalID: "C", Type: "T"},
		}}, []string{"~ A (T) Properties.X, Tags; it is replaced", "~ B (T); it may be replaced", "~ C (T)"}},
	} {
		if diff := cmp.Diff(of.lines, infrastructure.ChangeLines(of.change)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEventLine_isForPeople(t *testing.T) {
	for line, e := range map[string]cloudformation.Event{
		"stack perpetual-ci is busy: waiting":           {Reason: "stack perpetual-ci is busy: waiting"},
		"Database: create in progress":                  {LogicalID: "Database", Status: "CREATE_IN_PROGRESS"},
		"Database: create failed, no capacity in zones": {LogicalID: "Database", Status: "CREATE_FAILED", Reason: "no capacity in zones"},
	} {
		if got := infrastructure.EventLine(e); got != line {
			t.Errorf("%q, want %q", got, line)
		}
	}
}
