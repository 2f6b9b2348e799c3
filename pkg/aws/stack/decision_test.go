package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// decisions are questions about policies, and what another evaluator says to them.
type decisions struct {
	Policies map[string][]json.RawMessage `json:"policies"`
	Cases    []decision                   `json:"cases"`
}

// decision is one question.
type decision struct {
	Who      string      `json:"who"` // of policies
	Action   string      `json:"action"`
	Resource string      `json:"resource"`
	Keys     iam.Context `json:"keys"`
	Allowed  *bool       `json:"allowed"` // nil: not decided yet
}

const decisionsFile = "testdata/decisions.json"

// TestEvaluator_decidesAsAnotherOne compares the evaluator, which decides in all these
// tests, with @cloud-copilot/iam-simulate: for the policies as they were when the file
// was written, which need not be those of now. With -update it writes the file without
// decisions; then run testdata/decide.mjs.
func TestEvaluator_decidesAsAnotherOne(t *testing.T) {
	if testkit.Update() {
		writeDecisions(t)
		t.Log("the questions are written; run testdata/decide.mjs to answer them")
		return
	}
	text, err := os.ReadFile(decisionsFile)
	if err != nil {
		t.Fatal(err)
	}
	var all decisions
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	sets := map[string]iam.Set{}
	for who, documents := range all.Policies {
		set := iam.Set{}
		for _, document := range documents {
			p, err := iam.Parse(document)
			if err != nil {
				t.Fatalf("%s: %v", who, err)
			}
			set.Policies = append(set.Policies, p)
		}
		sets[who] = set
	}
	counts := map[bool]int{}
	for _, d := range all.Cases {
		if d.Allowed == nil {
			t.Fatalf("%s is not decided: run testdata/decide.mjs", decisionsFile)
		}
		err := sets[d.Who].Allows(iam.Request{Action: d.Action, Resources: []iam.Resource{{ARN: d.Resource, Context: d.Keys}}})
		var denied *iam.Denied
		if err != nil && !errors.As(err, &denied) || (err == nil) != *d.Allowed {
			t.Errorf("%s, %s on %s with %v: %v, and the other says that allowed is %v", d.Who, d.Action, d.Resource, d.Keys, err, *d.Allowed)
		}
		counts[*d.Allowed]++
	}
	if counts[true] < 200 || counts[false] < 400 {
		t.Errorf("only %v decisions are compared", counts)
	}
}

// operatorCases are statements about one VM of ours, for what the policies do not use.
var operatorCases = map[string]string{
	"a deny":               `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:Terminate*", "Resource": "arn:aws:ec2:*:*:instance/*"}`,
	"not action":           `{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}`,
	"not resource":         `{"Effect": "Allow", "Action": "ec2:*", "NotResource": "arn:aws:ec2:*:*:instance/*"}`,
	"if exists":            `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringEqualsIfExists": {"aws:ResourceTag/perpetual:name": "ci"}}}`,
	"not equal":            `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceTag/perpetual:name": "ci"}}}`,
	"not equal, if exists": `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringNotEqualsIfExists": {"aws:ResourceTag/perpetual:name": ["ci", "x"]}}}`,
	"a pattern":            `{"Effect": "Allow", "Action": "ec2:?erminate*", "Resource": "arn:aws:ec2:eu-*:*:inst*/i-?", "Condition": {"StringLike": {"ec2:InstanceType": "m6?.*"}}}`,
	"case":                 `{"Effect": "Allow", "Action": "EC2:terminateinstances", "Resource": "*", "Condition": {"StringEqualsIgnoreCase": {"AWS:RESOURCETAG/perpetual:name": "CI"}}}`,
	"arn not like":         `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"ArnNotLike": {"ec2:InstanceProfile": "arn:aws:iam::*:instance-profile/perpetual-other-*"}}}`,
	"there":                `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"Null": {"ec2:InstanceProfile": "false"}}}`,
	"stars and colons":     `{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:instance/*:*"}`,
	"two keys":             `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/perpetual:name": "ci", "ec2:InstanceType": ["t3.micro", "m6i.large"]}}}`,
}

// writeDecisions writes every call of these tests as a question about every principal.
func writeDecisions(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	p := here(t, w)
	all := decisions{Policies: map[string][]json.RawMessage{}}
	add := func(who string, document any) {
		text, isText := document.(string)
		if !isText {
			encoded, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			text = string(encoded)
		}
		all.Policies[who] = append(all.Policies[who], json.RawMessage(text))
	}
	documents := policies(p.resources)
	for who, ids := range map[string][]string{"director": {"CPIPolicy", "DirectorPolicy"}, "pipeline": {"CPIPolicy", "UpgradePolicy"}, "web": {"WebRole.credentials"}} {
		for _, id := range ids {
			add(who, documents[id])
		}
	}
	for _, document := range policy.Installer(scope) {
		add("installer", string(document))
	}
	far := p
	far.region = "us-east-1"
	director := p
	director.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	calls := []call{}
	for _, set := range []map[string]call{
		p.cpi("WorkerRole", "WebAddress"), director.cpi("DirectorRole", "DirectorAddress"), far.cpi("WebRole"), p.foreign(), p.narrow(), p.strange(),
		p.programs("web"), p.programs("both"), p.programs("installer"),
	} {
		for _, title := range slices.Sorted(maps.Keys(set)) {
			calls = append(calls, set[title])
		}
	}
	seen := map[string]bool{}
	for _, who := range []string{"director", "pipeline", "web", "installer"} {
		for _, c := range calls {
			all.ask(t, who, c, seen)
		}
	}
	for title, statements := range operatorCases {
		add(title, `{"Version": "2012-10-17", "Statement": [`+statements+`]}`)
		for _, vm := range []iam.Resource{p.vm(), part(p.vm().ARN), part(p.vm().ARN, "aws:ResourceTag/perpetual:name", "x")} {
			all.ask(t, title, of("ec2:TerminateInstances", vm), seen)
		}
	}
	text := all.encode(t)
	if err := os.WriteFile(filepath.FromSlash(decisionsFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask adds a call's questions, one a resource, with the keys that IAM sees.
func (d *decisions) ask(t *testing.T, who string, c call, seen map[string]bool) {
	t.Helper()
	parts := c.parts
	if len(parts) == 0 {
		parts = []iam.Resource{{ARN: "*"}}
	}
	if strings.HasPrefix(c.action, "kms:") { // where a key's own policy decides as well
		return
	}
	for _, one := range parts {
		one.ARN = strings.Replace(one.ARN, "/*", "/0a1b2c3d", 1) // a call by a stack's name
		region := "eu-central-1"
		if strings.Contains(one.ARN, "us-east-1") {
			region = "us-east-1"
		}
		keys := iam.Context{"aws:RequestedRegion": {region}}
		maps.Copy(keys, c.keys)
		visible, err := iam.Visible(iam.Request{Action: c.action, Context: keys}, one)
		if err != nil {
			t.Fatal(err)
		}
		if id := fmt.Sprint(who, c.action, one.ARN, visible); !seen[id] {
			seen[id] = true
			d.Cases = append(d.Cases, decision{Who: who, Action: c.action, Resource: one.ARN, Keys: visible})
		}
	}
}

// encode writes a question a line.
func (d *decisions) encode(t *testing.T) string {
	t.Helper()
	encoded, err := json.Marshal(d.Policies)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, one := range d.Cases {
		line, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return "{\"policies\": " + string(encoded) + ",\n\"cases\": [\n" + strings.Join(lines, ",\n") + "\n]}\n"
}
