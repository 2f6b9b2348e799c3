package stack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/template"
)

// detailed plans, and discards the change.
func (w *world) detailed(t *testing.T, p layout.Parameters) string {
	t.Helper()
	c, err := w.stack.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.stack.Discard(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(c.Details, "\n") + "\n"
	if strings.Contains(text, password) || strings.Contains(text, "S3CR3T") {
		t.Errorf("a password is shown:\n%s", text)
	}
	return text
}

func hasLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

// A plan says which rights are given, and later which parameters, tags, rights and rules
// change, and nothing of what stays.
func TestPlan_saysEveryRightThatChanges(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	text := w.detailed(t, p)
	hasLines(t, text, "+ tag team: build = test", "+ parameter StateBucket: "+p.StateBucket,
		"+ DirectorGroup/SecurityGroupIngress: CidrIp: 203.0.113.7/32, Description: director, FromPort: 25555, IpProtocol: tcp, ToPort: 25555",
		"+ DirectorRole/AssumeRolePolicyDocument: Allow sts:AssumeRole to Service: ec2.${AWS::URLSuffix}")
	for _, s := range statements(t) {
		for _, action := range s.actions {
			if !strings.Contains(text, action) {
				t.Errorf("%s: no action %s in\n%s", s.id, action, text)
			}
		}
	}
	w.made(t, p)
	if text := w.detailed(t, p); text != "\n" {
		t.Errorf("nothing changes, and the plan says\n%s", text)
	}
	p.DirectorCIDRs, p.StateBucket = []string{"203.0.113.7/32", "198.51.100.0/24"}, "another-bucket"
	w.options.Tags = map[string]string{"team": "ours"}
	w.stack = w.open(t)
	text = w.detailed(t, p)
	hasLines(t, text, "~ tag team: build = test → ours", "~ parameter DirectorCIDRs: 203.0.113.7/32 → 203.0.113.7/32,198.51.100.0/24",
		"~ parameter StateBucket: perpetual-ci-123456789012-eu-central-1 → another-bucket",
		"+ DirectorGroup/SecurityGroupIngress: CidrIp: 198.51.100.0/24, Description: ssh, FromPort: 22, IpProtocol: tcp, ToPort: 22")
	for line := range strings.Lines(text) {
		if strings.Contains(line, "UpgradePolicy") && strings.Contains(line, "-bucket") != strings.HasPrefix(line, "+ ") || strings.Contains(line, "ec2:") {
			t.Errorf("the line %q is of something else", line)
		}
	}
}

// statement is one of the template's.
type statement struct {
	id      string
	actions []string
}

// statements are those of the template that are there without any condition.
func statements(t *testing.T) (list []statement) {
	t.Helper()
	for id, r := range parsed(t).Resources {
		document, _ := r.Properties["PolicyDocument"].(map[string]any)
		items, _ := document["Statement"].([]any)
		for _, item := range items {
			if s, ok := item.(map[string]any); ok && s["Effect"] != nil {
				list = append(list, statement{id, texts(s["Action"])})
			}
		}
	}
	if len(list) < 20 {
		t.Fatalf("%d statements in the template", len(list))
	}
	return list
}

// Whatever text in a statement of the template is changed, the old and the new one are
// both shown.
func TestTemplate_hasNoStatementThatChangesUnseen(t *testing.T) {
	var root yaml.Node
	if err := yaml.Unmarshal(layout.Template(), &root); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{
		"Name": "ci", "Zones": "a,b,none", "DirectorCIDRs": "203.0.113.7/32,none,none,none,none,none,none,none", "HostedZone": "Z1",
		"StateBucket": "bucket", "StateKey": "arn:key", "ParameterPath": "/perpetual/ci", "PermissionsBoundary": "arn:boundary",
	}
	seen := map[string]bool{}
	for _, node := range policyTexts(&root, false) {
		old := node.Value
		if seen[old] {
			continue
		}
		seen[old] = true
		if given["Issuer"] = "https://ci.example.com"; strings.Contains(old, "PipelineUser") {
			given["Issuer"] = "" // there is a user or a role
		}
		before := template.Source{Text: layout.Template(), Parameters: given}
		node.Value = "canary:" + old
		text, err := yaml.Marshal(&root)
		if node.Value = old; err != nil {
			t.Fatal(err)
		}
		lines, err := template.Differences(before, template.Source{Text: text, Parameters: given})
		if err != nil {
			t.Fatal(err)
		}
		gone := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "~ ") })
		if all := fmt.Sprint(lines); !gone || !strings.Contains(all, "canary:") {
			t.Errorf("line %d, %s: the lines are %q", node.Line, old, lines)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d texts were changed", len(seen))
	}
}

// policyTexts are the texts of policies: values that neither a function's condition nor
// "Version" are.
func policyTexts(node *yaml.Node, inside bool) (list []*yaml.Node) {
	switch {
	case node.Kind == yaml.ScalarNode && inside:
		return []*yaml.Node{node}
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i].Value; key != "Version" {
				list = append(list, policyTexts(node.Content[i+1], inside || key == "Statement")...)
			}
		}
	case node.Tag == "!If" && inside:
		return append(policyTexts(node.Content[1], true), policyTexts(node.Content[2], false)...)
	default:
		for _, item := range node.Content {
			list = append(list, policyTexts(item, inside)...)
		}
	}
	return list
}
