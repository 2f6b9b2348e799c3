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

// TestCPI_needsEachRightOfALaunch: a launch is more than RunInstances, and each call of it
// touches more than the instance.
func TestCPI_needsEachRightOfALaunch(t *testing.T) {
	type object = map[string]any
	plain := object{"instance_type": "m6i.large"}
	for title, of := range map[string]struct {
		action, resource string // what is denied
		properties       object
		network          string // its type
		env              object
		refused          string // on which resource; empty: it is allowed
	}{
		"on demand":               {"ec2:RunInstances", "arn:aws:ec2:*:*:spot-instances-request/*", plain, "manual", nil, ""},
		"spot":                    {"ec2:RunInstances", "arn:aws:ec2:*:*:spot-instances-request/*", object{"spot_bid_price": 0.1}, "manual", nil, "spot-instances-request/new"},
		"the interface goes too":  {"ec2:ModifyNetworkInterfaceAttribute", "arn:aws:ec2:*:*:instance/*", plain, "manual", nil, "instance/new"},
		"an address":              {"ec2:AssociateAddress", "arn:aws:ec2:*:*:elastic-ip/*", plain, "vip", nil, "elastic-ip/own"},
		"no address":              {"ec2:AssociateAddress", "arn:aws:ec2:*:*:elastic-ip/*", plain, "manual", nil, ""},
		"tags":                    {"ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", plain, "manual", object{"bosh": object{"tags": object{"a": "b"}}}, "instance/new"},
		"no tags":                 {"ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", plain, "manual", nil, ""},
		"the role of its profile": {"iam:PassRole", "arn:aws:iam::*:role/*", object{"iam_instance_profile": "worker"}, "manual", nil, "role-of/worker"},
		"no profile":              {"iam:PassRole", "arn:aws:iam::*:role/*", plain, "manual", nil, ""},
	} {
		t.Run(title, func(t *testing.T) {
			c := start(t, cpi.Options{Judge: judge(t, `{"Effect": "Allow", "Action": ["ec2:*", "iam:PassRole"], "Resource": "*"}, {"Effect": "Deny", "Action": "`+of.action+`", "Resource": "`+of.resource+`"}`)})
			call(t, c, "create_stemcell", "/image", object{})
			a := call(t, c, "create_vm", "agent", "sc-1", of.properties, object{"a": object{"type": of.network}}, []string{}, of.env)
			if (a.Error != nil) != (of.refused != "") || a.Error != nil && !(strings.Contains(a.Error.Message, of.action) && strings.Contains(a.Error.Message, of.refused)) {
				t.Errorf("%+v, want a refusal on %q", a.Error, of.refused)
			}
		})
	}
}

// TestCPI_tagsADiskOnlyOnceItIsAttached: a right by tag is not enough to attach a new disk,
// but it is for everything that comes after, and a VM's root volume is tagged by itself.
func TestCPI_tagsADiskOnlyOnceItIsAttached(t *testing.T) {
	type object = map[string]any
	const (
		around = `{"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:RunInstances", "ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute", "ec2:CreateVolume"], "Resource": "*"}, {"Effect": "Allow", "Action": ["ec2:*Volume", "ec2:CreateTags"], "Resource": "arn:aws:ec2:*:*:instance/*"}`
		own    = `{"Effect": "Allow", "Action": ["ec2:*Volume", "ec2:CreateTags"], "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"StringEquals": {"aws:ResourceTag/perpetual:name": "ci"}}}`
		fresh  = `{"Effect": "Allow", "Action": ["ec2:AttachVolume"], "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"Null": {"aws:ResourceTag/perpetual:name": "true"}}}`
		adopt  = `{"Effect": "Allow", "Action": ["ec2:CreateTags"], "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"StringEquals": {"aws:RequestTag/perpetual:name": "ci"}, "Null": {"aws:ResourceTag/perpetual:name": "true"}}}`
		making = `{"Effect": "Allow", "Action": ["ec2:CreateTags"], "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVolume"}}}`
	)
	metadata := object{"perpetual:name": "ci", "name": "worker/0"}
	for title, c := range map[string]struct {
		statements string
		disk       object // its cloud_properties
		fails      string // the method; empty: none
	}{
		"by tag alone":                 {around + "," + own, object{"encrypted": true}, "set_vm_metadata"},
		"and tag what has none":        {around + "," + own + "," + adopt, object{"encrypted": true}, "attach_disk"},
		"and attach what has none":     {around + "," + own + "," + adopt + "," + fresh, object{"encrypted": true}, ""},
		"tagged in the call":           {around + "," + own + "," + adopt + "," + making, object{"encrypted": true, "tags": metadata}, ""},
		"tagged, without the right to": {around + "," + own + "," + adopt, object{"encrypted": true, "tags": object{"team": "x"}}, "create_disk"},
	} {
		t.Run(title, func(t *testing.T) {
			cloud := start(t, cpi.Options{Judge: judge(t, c.statements)})
			call(t, cloud, "create_stemcell", "/image", object{})
			for _, step := range []struct {
				method    string
				arguments []any
			}{
				{"create_vm", []any{"agent", "sc-1", object{"instance_type": "m6i.large"}, object{}, []string{}, object{}}}, {"set_vm_metadata", []any{"vm-2", metadata}},
				{"create_disk", []any{1024, c.disk, "vm-2"}}, {"attach_disk", []any{"vm-2", "disk-3"}}, {"set_disk_metadata", []any{"disk-3", metadata}},
				{"set_vm_metadata", []any{"vm-2", metadata}}, {"detach_disk", []any{"vm-2", "disk-3"}}, {"delete_disk", []any{"disk-3"}},
			} {
				a := call(t, cloud, step.method, step.arguments...)
				if a.Error == nil {
					continue
				}
				if step.method != c.fails {
					t.Errorf("%s: %+v", step.method, a.Error)
				}
				return
			}
			if c.fails != "" {
				t.Errorf("%s does not fail", c.fails)
			}
		})
	}
}
