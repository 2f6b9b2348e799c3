package cloudformation_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

const rule = `
Parameters:
  Port: {Type: Number, Default: "443"}
Resources:
  Network:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties: {VpcId: !Ref Network, GroupDescription: x}
  Rule:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Group, IpProtocol: tcp, FromPort: !Ref Port, ToPort: !Ref Port, CidrIp: 192.0.2.0/24}
`

const second = `
  Second:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 192.0.2.0/24}
`

// topic is of a type whose handler is not known.
const topic = `
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: x}
`

// TestServer_judgesWhatAChangeLeadsTo: a change that makes a new resource needs the
// right to make and to delete one, and what a type's handler calls must be known.
func TestServer_judgesWhatAChangeLeadsTo(t *testing.T) {
	for title, c := range map[string]struct {
		denied []string // once the stack is there
		port   string
		body   string
		ends   string // the stack's state
		says   string
	}{
		"everything allowed":          {port: "8443", body: rule, ends: "UPDATE_COMPLETE"},
		"the right to make another":   {denied: []string{"ec2:AuthorizeSecurityGroupIngress"}, port: "8443", body: rule, ends: "UPDATE_ROLLBACK_COMPLETE", says: "not authorized to perform: ec2:AuthorizeSecurityGroupIngress"},
		"the right to delete the old": {denied: []string{"ec2:RevokeSecurityGroupIngress"}, port: "8443", body: rule, ends: "UPDATE_COMPLETE", says: "not authorized to perform: ec2:RevokeSecurityGroupIngress"},
		"the right to undo":           {denied: []string{"ec2:RevokeSecurityGroupIngress"}, port: "443", body: rule + second + topic + "    DependsOn: Second\n", ends: "UPDATE_ROLLBACK_COMPLETE", says: "not authorized to perform: ec2:RevokeSecurityGroupIngress"},
		"a type that is not known":    {port: "443", body: rule + topic, ends: "UPDATE_ROLLBACK_COMPLETE", says: "the handler of AWS::SNS::Topic"},
	} {
		t.Run(title, func(t *testing.T) {
			var denied []string
			judge := func(r iam.Request) error {
				if slices.Contains(denied, r.Action) {
					return &iam.Denied{Principal: "ada", Action: r.Action, Resource: "*"}
				}
				return nil
			}
			cloud := cloudformation.New(cloudformation.Options{})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				cloud.ServeHTTP(rw, r.WithContext(cloudformation.WithJudge(r.Context(), judge)))
			}))
			defer server.Close()
			w := &world{cloud, server.URL}
			if answer := w.apply(t, "CREATE", rule); answer != "" {
				t.Fatal(answer)
			}
			w.call(t, "DescribeStacks", "StackName", "s")
			denied = c.denied
			if answer := w.apply(t, "UPDATE", c.body, "Port="+c.port); answer != "" {
				t.Fatal(answer)
			}
			_, events := w.call(t, "DescribeStackEvents", "StackName", "s")
			if state := cloud.State().Stacks["s"].Status; state != c.ends || !strings.Contains(events, c.says) {
				t.Errorf("the stack is %s, its events are %s", state, events)
			}
		})
	}
}

// TestJudge_isAskedAboutTheDefaultsOfADatabase: RDS checks the parameter and the option
// group that a database gets without naming them.
func TestJudge_isAskedAboutTheDefaultsOfADatabase(t *testing.T) {
	var touched []string
	judge := func(r iam.Request) error {
		if r.Action == "rds:CreateDBInstance" {
			for _, one := range r.Resources {
				touched = append(touched, one.ARN)
			}
			return errors.New("enough")
		}
		return nil
	}
	cloud := cloudformation.New(cloudformation.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		cloud.ServeHTTP(rw, r.WithContext(cloudformation.WithJudge(r.Context(), judge)))
	}))
	defer server.Close()
	w := &world{cloud, server.URL}
	if answer := w.apply(t, "CREATE", "Resources: {DB: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres}}}"); answer != "" {
		t.Fatal(answer)
	}
	w.call(t, "DescribeStacks", "StackName", "s")
	for _, want := range []string{":pg:default.", ":og:default:"} {
		if !slices.ContainsFunc(touched, func(arn string) bool { return strings.Contains(arn, want) }) {
			t.Errorf("%s is not among %q", want, touched)
		}
	}
}
