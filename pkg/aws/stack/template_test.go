package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// parsed is the template.
func parsed(t *testing.T) *cloudformation.Template {
	t.Helper()
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// TestTemplate_refersToNothingThatIsNotThere evaluates every combination of what
// can be on and off: a reference to a resource whose condition is false would fail.
func TestTemplate_refersToNothingThatIsNotThere(t *testing.T) {
	for bits := range 128 {
		p := everything()
		if bits&1 != 0 {
			p.ExistingVPC, p.ExistingPublicSubnets, p.ExistingPrivateSubnets = "vpc-1", []string{"a", "b", "c"}, []string{"d", "e", "f"}
		}
		if bits&2 != 0 {
			p.Database = false
		}
		if bits&4 != 0 {
			p.Issuer = ""
		}
		if bits&8 != 0 {
			p.HostedZone = ""
		}
		if bits&16 != 0 {
			p.StateBucket, p.StateKey = "", ""
		}
		if bits&32 != 0 {
			p.PermissionsBoundary, p.Zones, p.PublicCIDRs, p.PrivateCIDRs = "", p.Zones[:2], p.PublicCIDRs[:2], p.PrivateCIDRs[:2]
			if p.ExistingVPC != "" {
				p.ExistingPublicSubnets, p.ExistingPrivateSubnets = p.ExistingPublicSubnets[:2], p.ExistingPrivateSubnets[:2]
			}
		}
		p.UpgradeWorker = bits&64 != 0
		w := newWorld(t)
		out, err := w.deploy(t, p)
		if err != nil {
			t.Fatalf("combination %07b: %v", bits, err)
		}
		if (out.NATAddress == "") != (p.ExistingVPC != "") || (out.DatabaseHost == "") == p.Database || (out.PipelineRole == "") != (p.Issuer == "") || (out.PipelineUser == "") != (p.Issuer != "") {
			t.Errorf("combination %07b: the outputs are %+v", bits, out)
		}
	}
}

func TestTemplate_givesTheOutputsThatAreRead(t *testing.T) {
	var want []string
	for field := range reflect.TypeFor[layout.Outputs]().Fields() {
		want = append(want, field.Name)
	}
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(parsed(t).Outputs))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the template's outputs are not those of the struct: %s", diff)
	}
	w := newWorld(t)
	out := reflect.ValueOf(w.made(t, everything()))
	for i := range out.NumField() {
		if field := out.Type().Field(i).Name; out.Field(i).IsZero() != (field == "PipelineUser") {
			t.Errorf("%s is %v, although everything is on", field, out.Field(i))
		}
	}
}

func TestTemplate_makesTheDatabaseSafe(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	is := w.there(t).Resources["Database"].Properties
	for property, want := range map[string]string{
		"StorageEncrypted": "true", "DeletionProtection": "true", "PubliclyAccessible": "false", "StorageType": "gp3", "AutoMinorVersionUpgrade": "true",
		"MaxAllocatedStorage": "100", "BackupRetentionPeriod": "7", "MultiAZ": "true",
	} {
		if fmt.Sprint(is[property]) != want {
			t.Errorf("the database's %s is %v, want %s", property, is[property], want)
		}
	}
}

// openPorts are all ways inwards that the rules of a stack leave, sorted.
func openPorts(resources map[string]cloudformation.Live, out layout.Outputs) []string {
	called := map[string]string{
		out.WebSecurityGroup: "web", out.DirectorSecurityGroup: "director", out.VMsSecurityGroup: "vms", out.DatabaseSecurityGroup: "database",
		out.UpgradeWorkerSecurityGroup: "upgrade worker",
		out.NATAddress + "/32":         "nat", out.WebAddress + "/32": "web address", "0.0.0.0/0": "everybody", "203.0.113.7/32": "operator",
	}
	var got []string
	add := func(to string, rule map[string]any) {
		from := fmt.Sprint(rule["SourceSecurityGroupId"])
		if rule["CidrIp"] != nil {
			from = fmt.Sprint(rule["CidrIp"])
		}
		got = append(got, fmt.Sprintf("%s → %s %v %v-%v", called[from], called[to], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]))
	}
	for _, r := range resources {
		if r.Type == "AWS::EC2::SecurityGroupIngress" {
			add(fmt.Sprint(r.Properties["GroupId"]), r.Properties)
		}
		rules, _ := r.Properties["SecurityGroupIngress"].([]any)
		for _, rule := range rules {
			add(r.PhysicalID, rule.(map[string]any))
		}
	}
	slices.Sort(got)
	return got
}

func TestTemplate_opensThesePortsAndNoOthers(t *testing.T) {
	w := newWorld(t)
	out := w.made(t, parameters())
	got := openPorts(w.there(t).Resources, out)
	want := []string{
		"director → database tcp 5432-5432", "director → vms tcp 22-22",
		"everybody → web tcp 443-443", "everybody → web tcp 80-80",
		"nat → web tcp 443-443", "nat → web tcp 80-80",
		"operator → director tcp 22-22", "operator → director tcp 25555-25555", "operator → director tcp 6868-6868",
		"vms → director tcp 25250-25250", "vms → director tcp 25555-25555", "vms → director tcp 4222-4222", "vms → director tcp 6868-6868",
		"vms → web tcp 2222-2222", "vms → web tcp 443-443", "vms → web tcp 80-80",
		"web address → web tcp 443-443", "web → database tcp 5432-5432", "web → web tcp 0-65535",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// With a worker of its own the self-upgrade alone reaches the director's API and
	// agent, and what every agent needs stays. Without it again all is as before.
	p := parameters()
	p.UpgradeWorker = true
	made := w.made(t, p)
	closed := slices.DeleteFunc(slices.Clone(want), func(rule string) bool {
		return slices.Contains([]string{"vms → director tcp 25555-25555", "vms → director tcp 6868-6868"}, rule)
	})
	closed = append(closed, "upgrade worker → director tcp 25555-25555", "upgrade worker → director tcp 6868-6868")
	slices.Sort(closed)
	if diff := cmp.Diff(closed, openPorts(w.there(t).Resources, made)); diff != "" {
		t.Errorf("with an upgrade worker: %s", diff)
	}
	if again := w.made(t, parameters()); !cmp.Equal(again, out) {
		t.Errorf("without it again the outputs are %+v", again)
	}
	if diff := cmp.Diff(want, openPorts(w.there(t).Resources, out)); diff != "" {
		t.Errorf("without it again: %s", diff)
	}
}

// policies are all policy documents of a stack, by where they are.
func policies(resources map[string]cloudformation.Live) map[string]map[string]any {
	out := map[string]map[string]any{}
	for id, r := range resources {
		if document, ok := r.Properties["PolicyDocument"].(map[string]any); ok {
			out[id] = document
		}
		list, _ := r.Properties["Policies"].([]any)
		for _, p := range list {
			policy := p.(map[string]any)
			out[id+"."+fmt.Sprint(policy["PolicyName"])] = policy["PolicyDocument"].(map[string]any)
		}
	}
	return out
}

func TestTemplate_grantsNoMoreThanIsNeeded(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	found := policies(w.there(t).Resources)
	if len(found) != 6 {
		t.Errorf("%d policies were found: %v", len(found), slices.Sorted(maps.Keys(found)))
	}
	operators := []string{
		"StringEquals", "StringEqualsIfExists", "StringNotEquals", "StringNotLike", "ArnEquals", "Bool", "BoolIfExists", "Null",
		"ForAllValues:StringEquals", "ForAllValues:StringNotEquals",
	}
	for at, document := range found {
		for _, s := range document["Statement"].([]any) {
			statement := s.(map[string]any)
			actions := append(texts(statement["Action"]), "")
			reads := true
			for _, action := range actions[:len(actions)-1] {
				reads = reads && regexp.MustCompile(`:(Describe|Get|List)`).MatchString(action)
				if at == "KeyPolicy" && regexp.MustCompile(`^iam:(Create|Delete|List)AccessKeys?$`).MatchString(action) && !strings.Contains(fmt.Sprint(statement["Resource"]), "*") {
					continue // of the pipeline's two users
				}
				if strings.Contains(action, "*") || strings.HasPrefix(action, "iam:") && action != "iam:PassRole" && !reads && action != "iam:CreateServiceLinkedRole" {
					t.Errorf("%s grants %s", at, action)
				}
				if action == "iam:PassRole" && (statement["Condition"] == nil || strings.Contains(fmt.Sprint(statement["Resource"]), "*")) {
					t.Errorf("%s passes any role: %v", at, statement)
				}
			}
			if slices.Contains(texts(statement["Resource"]), "*") && !reads {
				t.Errorf("%s grants %v on everything", at, actions)
			}
			conditions, _ := statement["Condition"].(map[string]any)
			for operator := range conditions {
				if !slices.Contains(operators, operator) {
					t.Errorf("%s has a condition %s", at, operator)
				}
			}
		}
	}
}

func TestTemplate_bindsThePipelinesRoleToOnePipeline(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	var trust struct {
		Statement []struct {
			Action    string
			Principal map[string]string
			Condition map[string]map[string]string
		}
	}
	role := w.there(t).Resources["PipelineRole"]
	if err := json.Unmarshal([]byte(fmt.Sprint(role.Properties["AssumeRolePolicyDocument"])), &trust); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"ci.example.com:aud": "sts.amazonaws.com", "ci.example.com:sub": "perpetual/self-upgrade"}
	s := trust.Statement[0]
	if len(trust.Statement) != 1 || s.Action != "sts:AssumeRoleWithWebIdentity" || !cmp.Equal(s.Condition["StringEquals"], want) ||
		s.Principal["Federated"] != "arn:aws:iam::123456789012:oidc-provider/ci.example.com" {
		t.Errorf("the pipeline's role trusts %+v", trust)
	}
	for id, r := range w.there(t).Resources {
		if r.Type == "AWS::IAM::Role" && r.Properties["PermissionsBoundary"] != "arn:aws:iam::123456789012:policy/boundary" {
			t.Errorf("%s is not bounded", id)
		}
	}
}

func TestInstallerPolicies_areForOneInstallation(t *testing.T) {
	left := regexp.MustCompile(`\(\(([a-z_]+)\)\)`)
	placeholders := map[string]bool{}
	for _, text := range append(policy.Installer(policy.Scope{}), policy.Boundary(policy.Scope{})) {
		for _, found := range left.FindAllSubmatch(text, -1) {
			placeholders[string(found[1])] = true
		}
	}
	if want := []string{"account", "boundary", "bucket", "domain", "encryption_key", "key_pair", "name", "region", "signing_key", "zone"}; !slices.Equal(slices.Sorted(maps.Keys(placeholders)), want) {
		t.Errorf("the placeholders are %v, want %v", slices.Sorted(maps.Keys(placeholders)), want)
	}
	for _, text := range append(policy.Installer(scope), policy.Boundary(scope)) {
		var document struct {
			Statement []struct {
				Sid              string
				Action, Resource any
				Condition        any
			}
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		if found := left.Find(text); found != nil {
			t.Errorf("a placeholder is left: %s", found)
		}
		for _, s := range document.Statement {
			for _, action := range texts(s.Action) {
				if action == "*" || strings.HasSuffix(action, ":*") {
					t.Errorf("%s grants %s", s.Sid, action)
				}
			}
			if slices.Contains(texts(s.Resource), "*") && s.Sid != "Look" && s.Sid != "Compute" {
				t.Errorf("%s is on everything", s.Sid)
			}
		}
	}
}
