package stack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

func TestForbidden_isWhatThePipelineHasNoRightTo(t *testing.T) {
	modify := func(kind, replacement string, details ...string) cfn.ResourceChange {
		return cfn.ResourceChange{Action: cfn.Modify, LogicalID: "X", Type: kind, Replacement: replacement, Details: details}
	}
	only := func(action cfn.Action, kind string) cfn.ResourceChange {
		return cfn.ResourceChange{Action: action, LogicalID: "X", Type: kind}
	}
	for title, c := range map[string]struct {
		change    cfn.ResourceChange
		forbidden bool
	}{
		"ranges of a group":        {modify("AWS::EC2::SecurityGroup", "False", "Properties.SecurityGroupIngress", "Tags"), true},
		"tags of a group":          {modify("AWS::EC2::SecurityGroup", "False", "Tags"), false},
		"what a group reaches":     {modify("AWS::EC2::SecurityGroup", "False", "Properties.SecurityGroupEgress"), true},
		"another group":            {modify("AWS::EC2::SecurityGroup", "True", "Properties.GroupDescription"), true},
		"a group that is new":      {only(cfn.Add, "AWS::EC2::SecurityGroup"), true},
		"a rule that is new":       {only(cfn.Add, "AWS::EC2::SecurityGroupIngress"), true},
		"a rule that goes":         {only(cfn.Remove, "AWS::EC2::SecurityGroupIngress"), true},
		"another rule":             {modify("AWS::EC2::SecurityGroupIngress", "True", "Properties.FromPort"), true},
		"size of the database":     {modify("AWS::RDS::DBInstance", "False", "Properties.DBInstanceClass", "Metadata"), true},
		"perhaps another database": {modify("AWS::RDS::DBInstance", "Conditional", "Properties.MultiAZ"), true},
		"another database":         {modify("AWS::RDS::DBInstance", "True", "Properties.DBName"), true},
		"no database":              {only(cfn.Remove, "AWS::RDS::DBInstance"), true},
		"its subnets":              {modify("AWS::RDS::DBSubnetGroup", "False", "Properties.SubnetIds"), true},
		"address of the record":    {modify("AWS::Route53::RecordSet", "False", "Properties.ResourceRecords"), false},
		"another record":           {modify("AWS::Route53::RecordSet", "True", "Properties.Name"), true},
		"tags of the network":      {modify("AWS::EC2::VPC", "False", "Tags"), false},
		"names in the network":     {modify("AWS::EC2::VPC", "False", "Tags", "Properties.EnableDnsHostnames"), true},
		"nobody knows what":        {modify("AWS::EC2::VPC", "False"), true},
		"tags of a role":           {modify("AWS::IAM::Role", "False", "Tags"), true},
		"tags of its subnets":      {modify("AWS::RDS::DBSubnetGroup", "False", "Tags"), true},
		"a policy":                 {modify("AWS::IAM::Policy", "False", "Properties.PolicyDocument"), true},
		"another gateway":          {modify("AWS::EC2::NatGateway", "True", "Properties.PrivateIpAddress"), true},
	} {
		got := stack.Change{Resources: []cfn.ResourceChange{c.change}}.Forbidden()
		if slices.Contains(got, "X") != c.forbidden || len(got) > 1 {
			t.Errorf("%s: forbidden is %v", title, got)
		}
	}
}

func TestForbidden_isWhatOpensPortsOrChangesTheDatabase(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.Domain, p.HostedZone = "ci.example.com", "Z0123456789ABC"
	c, err := w.stack.Plan(t.Context(), p)
	if err != nil || !slices.Contains(c.Forbidden(), "UpgradePolicy") || !slices.Contains(c.Forbidden(), "WebToWeb") {
		t.Errorf("of a creation %v is forbidden (%v)", c.Forbidden(), err)
	}
	w.made(t, p)
	p.WebPort, p.WebCIDRs, p.DirectorCIDRs = 8443, []string{"192.0.2.0/24"}, []string{"192.0.2.0/24"}
	p.DatabaseType, p.DatabaseStorage = "db.t4g.medium", 50
	c, err = w.stack.Plan(t.Context(), p)
	if err != nil || len(c.Resources) < 5 || len(c.Forbidden()) != len(c.Resources) {
		t.Errorf("of %d changes %v is forbidden (%v)", len(c.Resources), c.Forbidden(), err)
	}
	remains := newWorld(t)
	remains.cloud.Fail(cloudformation.Failure{LogicalID: "WebAddress", Reason: noAddresses})
	_, _ = remains.deploy(t, parameters())
	if c, err = remains.stack.Plan(t.Context(), parameters()); err != nil || len(c.Forbidden()) != 1 {
		t.Errorf("to make a stack again, %v is forbidden (%v)", c.Forbidden(), err)
	}
}

// CloudFormation shows a resource as changed, too, when it asks for an attribute of
// one that changes. The pipeline would then seem to change its own rights.
func TestTemplate_hasNoRightsThatHangOnWhatThePipelineChanges(t *testing.T) {
	template := parsed(t)
	for id, r := range template.Resources {
		if !strings.HasPrefix(r.Type, "AWS::IAM::") {
			continue
		}
		cloudformation.Walk(map[string]any(r.Properties), func(function string, argument any) {
			of := argument
			if list, _ := argument.([]any); function == "Fn::GetAtt" && len(list) > 0 {
				of = list[0]
			}
			kind := template.Resources[fmt.Sprint(of)].Type
			if function == "Ref" && kind == "AWS::RDS::DBInstance" || function == "Fn::GetAtt" && (kind == "AWS::RDS::DBInstance" || kind == "AWS::EC2::SecurityGroup" || kind == "AWS::Route53::RecordSet") {
				t.Errorf("%s refers to %v", id, argument)
			}
		})
	}
	w := newWorld(t)
	w.made(t, everything())
	granted := fmt.Sprint(w.there(t).Resources["UpgradePolicy"].Properties["PolicyDocument"])
	if !strings.Contains(granted, "arn:aws:cloudformation:eu-central-1:123456789012:stack/"+name+"/*") {
		t.Errorf("the pipeline may not change the stack by its name: %s", granted)
	}
}

func TestTemplate_opensThePortThatIsGiven(t *testing.T) {
	w := newWorld(t)
	p := everything()
	p.WebPort = 8443
	w.made(t, p)
	ports := map[string]int{}
	for _, r := range w.there(t).Resources {
		rules, _ := r.Properties["SecurityGroupIngress"].([]any)
		if r.Type == "AWS::EC2::SecurityGroupIngress" {
			rules = []any{map[string]any(r.Properties)}
		}
		for _, rule := range rules {
			ports[fmt.Sprint(rule.(map[string]any)["FromPort"], "-", rule.(map[string]any)["ToPort"])]++
		}
	}
	if ports["443-443"] != 0 || ports["8443-8443"] != 8+3 || ports["80-80"] != 8+2 {
		t.Errorf("the open ports are %v", ports)
	}
}

func TestTemplate_givesTheNATGatewayAnAddressThatBOSHLeavesAlone(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.NetworkCIDR, p.PublicCIDRs, p.PrivateCIDRs = "10.9.0.0/16", []string{"10.9.0.0/24", "10.9.1.0/24"}, []string{"10.9.16.0/20", "10.9.32.0/20"}
	p.DirectorIP, p.NATIP = "10.9.0.6", "10.9.0.7"
	w.made(t, p)
	if diff := cmp.Diff("10.9.0.7", w.there(t).Resources["NATGateway"].Properties["PrivateIpAddress"]); diff != "" {
		t.Error(diff)
	}
}
