package site

import (
	"fmt"
	"maps"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// boundary is the ARN of the permissions boundary.
const boundary = "arn:aws:iam::" + aws.DefaultAccount + ":policy/PerpetualBoundary-" + Name

// limitInstaller gives whoever runs the installer the rights of the policies and no
// others, and makes the permissions boundary.
func (s *Site) limitInstaller() error {
	var policies []iam.Policy
	for _, text := range s.options.InstallerPolicies {
		policy, err := iam.Parse(fill(text))
		if err != nil {
			return fmt.Errorf("limit the installer: %w", err)
		}
		policies = append(policies, policy)
	}
	if policies != nil {
		s.AWS.ChangeKey(aws.AccessKey, func(k *aws.Key) { k.Policies = policies })
	}
	if s.options.Boundary == "" {
		return nil
	}
	policy, err := iam.Parse(fill(s.options.Boundary))
	if err != nil {
		return fmt.Errorf("make the permissions boundary: %w", err)
	}
	s.Stacks.AddPolicy(boundary, policy)
	return nil
}

// fill puts this site into a policy's placeholders. It has no domain.
func fill(text string) []byte {
	return []byte(strings.NewReplacer(
		"((partition))", "aws", "((region))", aws.DefaultRegion, "((account))", aws.DefaultAccount, "((name))", Name,
		"((bucket))", "perpetual-"+Name+"-"+aws.DefaultAccount+"-"+aws.DefaultRegion,
		"((domain))", "none", "((zone))", "none", "((key_pair))", "*", "((signing_key))", aws.FirstKMSKey, "((encryption_key))", aws.SecondKMSKey, "((boundary))", boundary,
	).Replace(text))
}

// judge decides on a call of the CPI, whose user is known by the secret key.
func (s *Site) judge(secret string, r iam.Request) error {
	judge, err := s.AWS.JudgeOfSecret(secret)
	if judge == nil || err != nil {
		return err
	}
	local := "arn:aws:ec2:" + aws.DefaultRegion + ":" + aws.DefaultAccount + ":"
	keys := iam.Context{"aws:RequestedRegion": {aws.DefaultRegion}}
	maps.Copy(keys, r.Context)
	r.Context = keys
	var touched []iam.Resource
	for _, one := range r.Resources {
		kind, name, _ := strings.Cut(one.ARN, "/")
		one.Context = maps.Clone(one.Context) // calls share resources
		one.ARN = local + one.ARN
		switch kind {
		case "image":
			one.ARN = "arn:aws:ec2:" + aws.DefaultRegion + "::" + kind + "/" + name
		case "role-of":
			one.ARN = "arn:aws:iam::" + aws.DefaultAccount + ":role/" + s.roleOf(name)
		case "key-pair":
			if name == "" { // the CPI's default
				one.ARN = local + "key-pair/perpetual-" + Name
			}
		case "elastic-ip":
			one.ARN = local + "elastic-ip/" + s.allocation("DirectorAddress")
			one.Context["aws:ResourceTag/perpetual:name"] = []string{Name} // as of everything in the stack
		case "subnet", "network-interface":
			one.Context["ec2:Vpc"] = []string{local + "vpc/" + s.vpc()}
		case "instance":
			if profile := one.Context["ec2:InstanceProfile"]; len(profile) > 0 {
				one.Context["ec2:InstanceProfile"] = []string{"arn:aws:iam::" + aws.DefaultAccount + ":instance-profile/" + profile[0]}
			}
		}
		touched = append(touched, one)
	}
	r.Resources = touched
	return judge(r)
}

// Credential reads a parameter of SSM as the web does, which acts as the stack's role.
func (s *Site) Credential(path string) (value string, found bool) {
	for _, role := range s.elastic("WebRole") {
		judge, err := s.AWS.Judge("arn:aws:iam::" + aws.DefaultAccount + ":role/" + role)
		if err != nil || judge == nil || judge(reading(path)) != nil {
			return "", false
		}
	}
	p, found := s.AWS.Parameters()[path]
	return p.Value, found
}

// CredentialOf reads one as whoever has a secret key does.
func (s *Site) CredentialOf(key, path string) (value string, found bool) {
	judge, err := s.AWS.JudgeOfSecret(key)
	if err != nil || judge == nil || judge(reading(path)) != nil {
		return "", false
	}
	p, found := s.AWS.Parameters()[path]
	return p.Value, found
}

// reading is the reading of a parameter, as IAM sees it.
func reading(path string) iam.Request {
	return iam.Request{
		Action: "ssm:GetParameter", Context: iam.Context{"aws:RequestedRegion": {aws.DefaultRegion}},
		Resources: []iam.Resource{{ARN: "arn:aws:ssm:" + aws.DefaultRegion + ":" + aws.DefaultAccount + ":parameter/" + strings.TrimPrefix(path, "/")}},
	}
}

// roleOf is the role in an instance profile of the stack.
func (s *Site) roleOf(profile string) string {
	for _, stack := range s.Stacks.State().Stacks {
		for _, r := range stack.Resources {
			if roles, _ := r.Properties["Roles"].([]any); r.PhysicalID == profile && len(roles) > 0 {
				return fmt.Sprint(roles[0])
			}
		}
	}
	return "none"
}

// allocation is the allocation id of an address of the stack.
func (s *Site) allocation(logicalID string) string {
	for _, stack := range s.Stacks.State().Stacks {
		if r, there := stack.Resources[logicalID]; there {
			return r.Attributes["AllocationId"]
		}
	}
	return ""
}

// vpc is the VPC of the stack: its own, or the one that it was given.
func (s *Site) vpc() string {
	for _, stack := range s.Stacks.State().Stacks {
		return stack.Outputs["VPC"]
	}
	return ""
}
