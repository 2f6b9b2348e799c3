package cpi_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// judge decides by a policy, with resources named as in the account that it is for.
func judge(t *testing.T, statements string) cpi.Judge {
	t.Helper()
	p, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [` + statements + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return func(_ string, r iam.Request) error {
		for i, one := range r.Resources {
			r.Resources[i].ARN = "arn:aws:ec2:eu-central-1:123456789012:" + one.ARN
			if strings.HasPrefix(one.ARN, "image/") {
				r.Resources[i].ARN = "arn:aws:ec2:eu-central-1::" + one.ARN
			}
			if strings.HasPrefix(one.ARN, "role-of/") {
				r.Resources[i].ARN = "arn:aws:iam::123456789012:role/" + one.ARN
			}
		}
		return iam.Set{Policies: []iam.Policy{p}}.Allows(r)
	}
}

// TestCPI_ofAVMThatIsGone: EC2 says that there is no such VM only to who might end it.
func TestCPI_ofAVMThatIsGone(t *testing.T) {
	const (
		all  = `{"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:RunInstances", "ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute", "ec2:CreateTags", "iam:PassRole"], "Resource": "*"}`
		own  = `{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": {"StringEquals": {"ec2:InstanceProfile": "worker"}}}`
		lost = `{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/perpetual:name": "ci"}, "Null": {"ec2:InstanceProfile": "true"}}}`
		gone = `{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": {"Null": {"ec2:InstanceType": "true", "aws:ResourceTag/perpetual:name": "true"}}}`
	)
	for title, c := range map[string]struct{ statements, reclaimed, gone string }{
		"by profile alone":                     {all + "," + own, "Unknown", "Unknown"},
		"by profile, and if gone":              {all + "," + own + "," + gone, "Unknown", "Bosh::Clouds::VMNotFound"},
		"by profile, by tag if ended, if gone": {all + "," + own + "," + lost + "," + gone, "", "Bosh::Clouds::VMNotFound"},
	} {
		t.Run(title, func(t *testing.T) {
			c2 := start(t, cpi.Options{Judge: judge(t, c.statements)})
			call(t, c2, "create_stemcell", "/image", map[string]any{})
			env := map[string]any{"bosh": map[string]any{"tags": map[string]string{"perpetual:name": "ci"}}}
			for _, profile := range []string{"worker", "worker", "other", "worker"} {
				if a := call(t, c2, "create_vm", "agent", "sc-1", map[string]any{"iam_instance_profile": profile, "instance_type": "m6i.large"}, map[string]any{}, []string{}, env); a.Error != nil {
					t.Fatalf("create_vm: %+v", a.Error)
				}
			}
			if a := call(t, c2, "delete_vm", "vm-2"); a.Error != nil {
				t.Errorf("of its own: %+v", a.Error)
			}
			c2.Remove("vm-3")
			if a := call(t, c2, "delete_vm", "vm-3"); a.Error == nil || a.Error.Type != c.gone {
				t.Errorf("of one that is gone: %+v, want %s", a.Error, c.gone)
			}
			c2.Reclaim("vm-5")
			if a := call(t, c2, "delete_vm", "vm-5"); (a.Error == nil) != (c.reclaimed == "") || a.Error != nil && a.Error.Type != c.reclaimed {
				t.Errorf("of one that was reclaimed: %+v, want %s", a.Error, c.reclaimed)
			}
			if a := call(t, c2, "delete_vm", "vm-4"); a.Error == nil || a.Error.Type != "Unknown" || !strings.Contains(a.Error.Message, "ec2:TerminateInstances") {
				t.Errorf("of one with another profile: %+v, want a refusal", a.Error)
			}
			if n := len(c2.VMs()); n != 1 {
				t.Errorf("%d VMs are left", n)
			}
		})
	}
}

// TestCPI_launchesSpotInstancesWithARightOfTheirOwn: a launch on spot touches the request
// for it as well.
func TestCPI_launchesSpotInstancesWithARightOfTheirOwn(t *testing.T) {
	const statements = `{"Effect": "Allow", "Action": ["ec2:*", "iam:PassRole"], "Resource": "*"},
		{"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:spot-instances-request/*"}`
	c := start(t, cpi.Options{Judge: judge(t, statements)})
	call(t, c, "create_stemcell", "/image", map[string]any{})
	for title, of := range map[string]struct {
		properties map[string]any
		refused    bool
	}{
		"on demand": {map[string]any{"instance_type": "m6i.large"}, false},
		"spot":      {map[string]any{"instance_type": "m6i.large", "spot_bid_price": 0.1}, true},
	} {
		a := call(t, c, "create_vm", "agent", "sc-1", of.properties, map[string]any{}, []string{}, map[string]any{})
		if (a.Error != nil) != of.refused || of.refused && !strings.Contains(a.Error.Message, "spot-instances-request/new") {
			t.Errorf("%s: %+v", title, a.Error)
		}
	}
}
