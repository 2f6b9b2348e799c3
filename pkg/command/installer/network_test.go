package installer_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// A network that exists is planned with its subnets, zone by zone, and nothing of a
// network is made.
func TestPlan_usesANetworkThatExists(t *testing.T) {
	t.Parallel()
	const vpc = "vpc-0123456789abcdef0"
	network := map[string]any{
		"vpc": vpc, "public_subnets": []any{"subnet-0000000000000000a", "subnet-0000000000000000b"},
		"private_subnets": []any{"subnet-0000000000000000c", "subnet-0000000000000000d"},
	}
	p := newPlace(t, site.Options{}, map[string]any{"aws": map[string]any{"region": "eu-central-1", "network": network}})
	for _, s := range []aws.Subnet{
		{ID: "subnet-0000000000000000b", VPC: vpc, Zone: "eu-central-1b", CIDR: "10.9.1.0/24", Gateway: "igw-0123456789abcdef0"},
		{ID: "subnet-0000000000000000a", VPC: vpc, Zone: "eu-central-1a", CIDR: "10.9.0.0/24", Gateway: "igw-0123456789abcdef0"},
		{ID: "subnet-0000000000000000c", VPC: vpc, Zone: "eu-central-1a", CIDR: "10.9.16.0/20", Gateway: "nat-0123456789abcdef0"},
	} {
		p.AWS.AddSubnet(s)
	}
	if q := p.run(t, "plan"); q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, "subnet-0000000000000000d") {
		t.Errorf("a subnet is missing: code %d, stdout %q, stderr %s", q.code, q.stdout, q.stderr)
	}
	p.AWS.AddSubnet(aws.Subnet{ID: "subnet-0000000000000000d", VPC: vpc, Zone: "eu-central-1c", CIDR: "10.9.32.0/20", Gateway: "nat-0123456789abcdef0"})
	if q := p.run(t, "plan"); q.code != 1 || !strings.Contains(q.stderr, "eu-central-1c") {
		t.Errorf("a subnet is in a third zone: code %d, stderr %s", q.code, q.stderr)
	}
	network["private_subnets"] = []any{"subnet-0000000000000000c", "subnet-0000000000000000e"}
	if err := p.WriteFiles(p.dir, map[string]any{"aws": map[string]any{"region": "eu-central-1", "network": network}}); err != nil {
		t.Fatal(err)
	}
	p.AWS.AddSubnet(aws.Subnet{ID: "subnet-0000000000000000e", VPC: vpc, Zone: "eu-central-1b", CIDR: "10.9.48.0/20", Gateway: "nat-0123456789abcdef0"})
	q := p.run(t, "plan", "--output=json")
	plan := decode[report.Plan](t, q)
	if q.code != installer.ExitChanges {
		t.Fatalf("code %d\n%s", q.code, q.stderr)
	}
	for _, s := range plan.Steps {
		if s.Step != "infrastructure" {
			continue
		}
		text := strings.Join(s.Lines, "\n")
		for _, made := range []string{"AWS::EC2::VPC)", "AWS::EC2::Subnet)", "AWS::EC2::NatGateway)", "AWS::EC2::InternetGateway)"} {
			if strings.Contains(text, made) {
				t.Errorf("%s would be created:\n%s", made, text)
			}
		}
		if !strings.Contains(text, "+ Database (AWS::RDS::DBInstance)") {
			t.Errorf("no database:\n%s", text)
		}
	}
}
