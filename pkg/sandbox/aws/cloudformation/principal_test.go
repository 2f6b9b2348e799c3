package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// document is a policy that IAM counts as so many characters.
func document(t *testing.T, size int) string {
	t.Helper()
	const text = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s"}}`
	out := fmt.Sprintf(text, strings.Repeat("a", size-len(text)+len("%s")))
	if n, err := iam.Size(out); n != size || err != nil {
		t.Fatalf("the policy has %d characters, want %d (%v)", n, size, err)
	}
	return out
}

// TestServer_holdsPoliciesAgainstTheLimitsOfIAM: what a principal has inline counts
// together, wherever it is written; a managed policy by itself.
func TestServer_holdsPoliciesAgainstTheLimitsOfIAM(t *testing.T) {
	const trust = `AssumeRolePolicyDocument: {}`
	own := func(size int) string {
		return fmt.Sprintf("Policies: [{PolicyName: own, PolicyDocument: %s}]", document(t, size))
	}
	user := func(properties string) string {
		return "  Ada: {Type: AWS::IAM::User, Properties: {" + properties + "}}\n"
	}
	role := func(properties string) string {
		return "  Web: {Type: AWS::IAM::Role, Properties: {" + trust + ", " + properties + "}}\n"
	}
	policy := func(id, kind, of string, size int) string {
		return fmt.Sprintf("  %s: {Type: AWS::IAM::%s, Properties: {PolicyName: x, %s, PolicyDocument: %s}}\n", id, kind, of, document(t, size))
	}
	many := func(n int) string {
		body := role("Path: /")
		for i := range n {
			body += policy(fmt.Sprint("P", i), "ManagedPolicy", "Roles: [!Ref Web]", 200)
		}
		return body
	}
	for title, c := range map[string]struct{ body, says string }{
		"a user's own":                {user(own(2048)), ""},
		"a user's own, longer":        {user(own(2049)), "Maximum policy size of 2048 bytes exceeded for user"},
		"a user's, together":          {user(own(1024)) + policy("More", "Policy", "Users: [!Ref Ada]", 1024), ""},
		"a user's, together longer":   {user(own(1024)) + policy("More", "Policy", "Users: [!Ref Ada]", 1025), "Maximum policy size of 2048 bytes exceeded for user"},
		"a role's own":                {role(own(10240)), ""},
		"a role's own, longer":        {role(own(10241)), "Maximum policy size of 10240 bytes exceeded for role"},
		"a managed one of a user":     {user("Path: /") + policy("More", "ManagedPolicy", "Users: [!Ref Ada]", 6144), ""},
		"a managed one, longer":       {policy("More", "ManagedPolicy", "Roles: []", 6145), "Cannot exceed quota for PolicySize: 6144"},
		"ten managed ones of a role":  {many(10), ""},
		"eleven":                      {many(11), "Cannot exceed quota for PoliciesPerRole: 10"},
		"one that IAM does not parse": {"  More: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: {Version: \"2012-10-17\", Statement: []}}}\n", "Syntax errors in policy"},
	} {
		t.Run(title, func(t *testing.T) {
			w := newWorld(t)
			w.call(t, "CreateChangeSet", "StackName", "s", "ChangeSetName", "c", "ChangeSetType", "CREATE", "TemplateBody", "Resources:\n"+c.body, "Capabilities.member.1", "CAPABILITY_IAM")
			w.call(t, "ExecuteChangeSet", "StackName", "s", "ChangeSetName", "c")
			w.call(t, "DescribeStacks", "StackName", "s")
			_, events := w.call(t, "DescribeStackEvents", "StackName", "s")
			want := "CREATE_COMPLETE"
			if c.says != "" {
				want = "ROLLBACK_COMPLETE"
			}
			if state := w.cloud.State().Stacks["s"].Status; state != want || !strings.Contains(events, c.says) {
				t.Errorf("the stack is %s, its events are %s", state, events)
			}
		})
	}
}
