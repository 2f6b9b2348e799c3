package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// taken says why a resource cannot be made next to what there is; "" if it can.
func (s *Engine) taken(l *resource.Live) string {
	reason, one := resource.Named[l.Type]
	if !one {
		return ""
	}
	for _, st := range s.Stacks {
		for _, there := range st.Live {
			if there.Type == l.Type && there.PhysicalID == l.PhysicalID {
				return reason
			}
		}
	}
	if s.Options.Taken != nil && s.Options.Taken(*l) {
		return reason
	}
	return ""
}

// Random gives hexadecimal digits that are the same in every run.
func (s *Engine) Random(of ...string) string {
	s.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", s.Options.Account, strings.Join(of, " "), s.made))
	return hex.EncodeToString(sum[:])
}

// make gives a resource its ids and attributes.
func (s *Engine) make(st *Stack, id string, r template.Resource, properties, metadata map[string]any) *resource.Live {
	number := s.Random(st.ID, id)
	l := &resource.Live{
		LogicalID: id, Type: r.Type, Properties: properties, Metadata: metadata, Policy: r.DeletionPolicy,
		Attributes: map[string]string{}, Status: "CREATE_COMPLETE",
	}
	l.PhysicalID = st.Name + "-" + id + "-" + strings.ToUpper(number[:12])
	if prefix := resource.Prefixes[r.Type]; prefix != "" {
		l.PhysicalID = prefix + "-" + number[:17]
	}
	l.Tags = l.AllTags(st.Tags)
	s.describe(l, number)
	return l
}

// describe fills in what Fn::GetAtt gives, and ids that are none of the usual kind.
func (s *Engine) describe(l *resource.Live, number string) {
	iam := "arn:aws:iam::" + s.Options.Account + ":"
	switch l.Type {
	case "AWS::EC2::VPC":
		l.Attributes["VpcId"], l.Attributes["CidrBlock"] = l.PhysicalID, fmt.Sprint(l.Properties["CidrBlock"])
	case "AWS::EC2::SecurityGroup":
		l.Attributes["GroupId"] = l.PhysicalID
	case "AWS::EC2::EIP":
		s.addresses++
		l.PhysicalID = fmt.Sprintf("%s%d", s.Options.Addresses, s.addresses%254+1)
		l.Attributes["PublicIp"], l.Attributes["AllocationId"] = l.PhysicalID, "eipalloc-"+number[:17]
	case "AWS::EC2::KeyPair":
		l.PhysicalID = fmt.Sprint(l.Properties["KeyName"])
		l.Attributes["KeyPairId"], l.Attributes["KeyFingerprint"] = "key-"+number[:17], number[:40]
	case "AWS::IAM::Role":
		l.Attributes["Arn"], l.Attributes["RoleId"] = iam+"role/"+l.PhysicalID, "AROA"+strings.ToUpper(number[:16])
	case "AWS::IAM::InstanceProfile":
		l.Attributes["Arn"] = iam + "instance-profile/" + l.PhysicalID
	case "AWS::IAM::User":
		l.Attributes["Arn"] = iam + "user/" + l.PhysicalID
	case "AWS::IAM::ManagedPolicy":
		l.PhysicalID = iam + "policy/" + l.PhysicalID
	case "AWS::IAM::OIDCProvider":
		l.PhysicalID = iam + "oidc-provider/" + strings.TrimPrefix(fmt.Sprint(l.Properties["Url"]), "https://")
		l.Attributes["Arn"] = l.PhysicalID
	case "AWS::RDS::DBInstance":
		l.PhysicalID = strings.ToLower(l.PhysicalID)
		l.Attributes["Endpoint.Address"] = l.PhysicalID + "." + number[:12] + "." + s.Options.Region + ".rds.amazonaws.com"
		l.Attributes["Endpoint.Port"] = "5432"
		l.Attributes["DBInstanceArn"] = "arn:aws:rds:" + s.Options.Region + ":" + s.Options.Account + ":db:" + l.PhysicalID
	case "AWS::RDS::DBSubnetGroup":
		l.PhysicalID = strings.ToLower(l.PhysicalID)
	case "AWS::Route53::RecordSet":
		l.PhysicalID = fmt.Sprint(l.Properties["Name"])
	}
}
