package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/template"
)

const text = `
Parameters:
  Name: {Type: String}
  CIDRs: {Type: CommaDelimitedList}
  Password: {Type: String, NoEcho: true}
  Issuer: {Type: String, Default: ""}
Conditions:
  Two: !Not [!Equals [!Select [1, !Ref CIDRs], none]]
  WithIssuer: !Not [!Equals [!Ref Issuer, ""]]
  Both: {"Fn::And": [!Condition Two, {Condition: WithIssuer}]}
  Either: !Or [!Condition Two, !Condition WithIssuer]
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      SecurityGroupIngress:
        - {FromPort: 22, CidrIp: !Select [0, !Ref CIDRs]}
        - !If [Two, {FromPort: 22, CidrIp: !Select [1, !Ref CIDRs]}, !Ref AWS::NoValue]
  Database:
    Type: AWS::RDS::DBInstance
    Properties: {MasterUserPassword: !Ref Password, Size: 20}
  Issuer:
    Type: AWS::IAM::OIDCProvider
    Condition: WithIssuer
    Properties: {Url: !Ref Issuer}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: !Sub
        - '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "${Host}"}}]}'
        - Host: !Join [".", [ec2, !Sub "${AWS::URLSuffix}"]]
      Policies:
        - PolicyName: one
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [ec2:AttachVolume, ec2:DetachVolume]
                Resource: ["arn:aws:ec2:::volume/*", !GetAtt Group.Arn]
                Condition: {StringEquals: {"aws:ResourceTag/perpetual:name": !Ref Name}}
              - !If
                - Both
                - {Effect: Deny, NotAction: "iam:*", Resource: "*"}
                - !Ref AWS::NoValue
`

func values(more ...string) map[string]string {
	out := map[string]string{"Name": "ci", "CIDRs": "203.0.113.7/32,none", "Password": "S3CR3T"}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func lines(t *testing.T, before, after template.Source) []string {
	t.Helper()
	got, err := template.Differences(before, after)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(got, "\n"), "S3CR3T") {
		t.Errorf("the password is shown: %q", got)
	}
	return got
}

func TestDifferences(t *testing.T) {
	now := template.Source{Text: []byte(text), Parameters: values()}
	with := func(old, new string) template.Source {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in the template", old)
		}
		return template.Source{Text: []byte(strings.Replace(text, old, new, 1)), Parameters: values()}
	}
	const tag = "if StringEquals aws:ResourceTag/perpetual:name: ci"
	for name, c := range map[string]struct {
		before, after template.Source
		want          []string
	}{
		"nothing": {now, now, nil},
		"a new stack": {template.Source{}, now, []string{
			"+ parameter CIDRs: 203.0.113.7/32", `+ parameter Issuer: ""`, "+ parameter Name: ci",
			"+ Group: AWS::EC2::SecurityGroup", "+ Role: AWS::IAM::Role", "+ Role/Policies/0/PolicyName: one",
			"+ Group/SecurityGroupIngress: CidrIp: 203.0.113.7/32, FromPort: 22",
			"+ Role/AssumeRolePolicyDocument: Allow sts:AssumeRole to Service: ec2.${AWS::URLSuffix}",
			"+ Role/Policies/0/PolicyDocument: Allow ec2:AttachVolume, ec2:DetachVolume on arn:aws:ec2:::volume/*, ${Group.Arn} " + tag,
		}},
		"another action": {now, with("ec2:DetachVolume]", "ec2:DeleteVolume]"), []string{
			"- Role/Policies/0/PolicyDocument: Allow ec2:DetachVolume on arn:aws:ec2:::volume/*, ${Group.Arn} " + tag,
			"+ Role/Policies/0/PolicyDocument: Allow ec2:DeleteVolume on arn:aws:ec2:::volume/*, ${Group.Arn} " + tag,
		}},
		"one more resource": {now, with("[\"arn:aws:ec2:::volume/*\",", "[\"arn:aws:ec2:::volume/*\", \"*\","), []string{
			"+ Role/Policies/0/PolicyDocument: Allow ec2:AttachVolume, ec2:DetachVolume on * " + tag,
		}},
		"no condition": {now, with("Condition: {StringEquals", "Other: {StringEquals"), []string{
			"- Role/Policies/0/PolicyDocument: Allow ec2:AttachVolume, ec2:DetachVolume on arn:aws:ec2:::volume/*, ${Group.Arn} " + tag,
			"+ Role/Policies/0/PolicyDocument: Allow ec2:AttachVolume, ec2:DetachVolume on arn:aws:ec2:::volume/*, ${Group.Arn}",
		}},
		"who is trusted": {now, with(`[".", [ec2,`, `[".", [evil,`), []string{
			"- Role/AssumeRolePolicyDocument: Allow sts:AssumeRole to Service: ec2.${AWS::URLSuffix}",
			"+ Role/AssumeRolePolicyDocument: Allow sts:AssumeRole to Service: evil.${AWS::URLSuffix}",
		}},
		"parameters": {now, template.Source{Text: []byte(text), Parameters: values("CIDRs", "0.0.0.0/0,198.51.100.1/32", "Issuer", "https://ci")}, []string{
			"~ parameter CIDRs: 203.0.113.7/32 → 0.0.0.0/0,198.51.100.1/32", `~ parameter Issuer: "" → https://ci`,
			"+ Issuer: AWS::IAM::OIDCProvider", "+ Issuer/Url: https://ci",
			"+ Group/SecurityGroupIngress: CidrIp: 0.0.0.0/0, FromPort: 22",
			"+ Group/SecurityGroupIngress: CidrIp: 198.51.100.1/32, FromPort: 22",
			"- Group/SecurityGroupIngress: CidrIp: 203.0.113.7/32, FromPort: 22",
			"+ Role/Policies/0/PolicyDocument: Deny everything but [iam:*] on *",
		}},
		"a value": {now, with("Size: 20", "Size: 30"), []string{"~ Database/Size: 20 → 30"}},
		"a resource goes": {now, with("  Database:\n    Type: AWS::RDS::DBInstance\n    Properties: {MasterUserPassword: !Ref Password, Size: 20}\n", ""), []string{
			"- Database: AWS::RDS::DBInstance", "- Database/MasterUserPassword: (hidden)", "- Database/Size: 20",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lines(t, c.before, c.after)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDifferences_refusesWhatIsNoTemplate(t *testing.T) {
	for _, bad := range []string{
		"a: [", "- a", "x",
		"Conditions: {A: !And [!Condition A, !Condition A]}\nResources: {B: {Condition: A}}",
		"a0: &a0 [1, 2]\n" + bomb(),
	} {
		if got, err := template.Differences(template.Source{Text: []byte(bad)}, template.Source{}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: lines %q, error %v", bad, got, err)
		}
	}
}

// bomb is a text whose aliases make something large.
func bomb() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

// FuzzDifferences holds that no text, such as that of a stack that others have changed,
// ends the program, and that the same text is no difference.
func FuzzDifferences(f *testing.F) {
	f.Add(text)
	f.Add("Conditions: {A: !Condition A}\nResources: {B: {Condition: A, Properties: !Sub [\"${x}\", {x: !Ref Password}]}}")
	f.Add("Resources: {B: {Properties: {Statement: {Effect: {a: !Select [9, [1]]}, Action: !Split [\"\", a]}}}}")
	f.Fuzz(func(t *testing.T, body string) {
		given := template.Source{Text: []byte(body), Parameters: values()}
		if got, err := template.Differences(given, given); err == nil && len(got) > 0 {
			t.Errorf("the same differs: %q", got)
		}
		_, _ = template.Differences(given, template.Source{Text: []byte(text), Parameters: values()})
		_, _ = template.Differences(template.Source{}, given)
	})
}
