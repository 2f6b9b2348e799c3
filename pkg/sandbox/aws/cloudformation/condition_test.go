package cloudformation_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// marked has what rights hang on besides names: tags, a boundary and a record.
const marked = `
Parameters:
  Team: {Type: String, Default: a}
  Boundary: {Type: String, Default: ""}
  Address: {Type: String, Default: 192.0.2.1}
Conditions:
  Bounded: !Not [!Equals [!Ref Boundary, ""]]
  Teamed: !Not [!Equals [!Ref Team, ""]]
Resources:
  Network:
    Type: AWS::EC2::VPC
    Properties:
      CidrBlock: 10.0.0.0/16
      Tags: [{Key: Name, Value: x}, !If [Teamed, {Key: team, Value: !Ref Team}, !Ref AWS::NoValue]]
  Role:
    Type: AWS::IAM::Role
    Properties:
      PermissionsBoundary: !If [Bounded, !Ref Boundary, !Ref AWS::NoValue]
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: ec2.amazonaws.com}}]}
  Record:
    Type: AWS::Route53::RecordSet
    Properties: {HostedZoneId: Z1, Name: CI.example.com., Type: A, TTL: "60", ResourceRecords: [!Ref Address]}
`

// TestJudge_seesWhatACallSets: the condition keys of each call that a change leads to.
func TestJudge_seesWhatACallSets(t *testing.T) {
	var seen []string
	judge := func(r iam.Request) error {
		keys := func(name string) any { return r.Context[name] }
		switch r.Action {
		case "ec2:CreateTags", "ec2:DeleteTags":
			seen = append(seen, fmt.Sprint(r.Action, keys("aws:TagKeys"), keys("aws:RequestTag/team"), r.Resources[0].Context["aws:ResourceTag/Name"], keys("aws:CalledVia")))
		case "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary":
			seen = append(seen, fmt.Sprint(r.Action, keys("iam:PermissionsBoundary")))
		case "route53:ChangeResourceRecordSets":
			seen = append(seen, fmt.Sprint(r.Action, keys(r.Action+"Actions"), keys(r.Action+"RecordTypes"), keys(r.Action+"NormalizedRecordNames")))
		}
		return nil
	}
	cloud := cloudformation.New(cloudformation.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		cloud.ServeHTTP(rw, r.WithContext(cloudformation.WithJudge(r.Context(), judge)))
	}))
	defer server.Close()
	w := &world{cloud, server.URL}
	for _, step := range []struct {
		title, kind string
		parameters  []string
		want        []string
	}{
		{"made", "CREATE", nil, []string{
			"ec2:CreateTags[Name team] [a] [] [cloudformation.amazonaws.com]", "iam:CreateRole[]", "route53:ChangeResourceRecordSets[CREATE] [A] [ci.example.com]",
		}},
		{"changed", "UPDATE", []string{"Team=b", "Boundary=arn:aws:iam::123456789012:policy/b", "Address=192.0.2.2"}, []string{
			"ec2:CreateTags[team] [b] [x] [cloudformation.amazonaws.com]", "iam:PutRolePermissionsBoundary[arn:aws:iam::123456789012:policy/b]", "route53:ChangeResourceRecordSets[UPSERT] [A] [ci.example.com]",
		}},
		{"taken away", "UPDATE", []string{"Team=", "Boundary=", "Address=192.0.2.2"}, []string{
			"ec2:DeleteTags[team] [] [x] [cloudformation.amazonaws.com]", "iam:DeleteRolePermissionsBoundary[arn:aws:iam::123456789012:policy/b]",
		}},
	} {
		seen = nil
		pairs := []string{"StackName", "s", "ChangeSetName", step.title[:4], "ChangeSetType", step.kind, "TemplateBody", marked, "Capabilities.member.1", "CAPABILITY_IAM"}
		for i, p := range step.parameters {
			key, value, _ := strings.Cut(p, "=")
			at := fmt.Sprintf("Parameters.member.%d.", i+1)
			pairs = append(pairs, at+"ParameterKey", key, at+"ParameterValue", value)
		}
		if status, answer := w.call(t, "CreateChangeSet", pairs...); status != http.StatusOK {
			t.Fatal(answer)
		}
		if status, answer := w.call(t, "ExecuteChangeSet", "StackName", "s", "ChangeSetName", step.title[:4]); status != http.StatusOK {
			t.Fatal(answer)
		}
		w.call(t, "DescribeStacks", "StackName", "s")
		if slices.Sort(seen); !slices.Equal(seen, step.want) {
			t.Errorf("%s: the calls are\n%q, want\n%q", step.title, seen, step.want)
		}
	}
}
