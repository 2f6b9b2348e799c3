package cloudformation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Live is a resource that exists.
type Live struct {
	LogicalID  string
	Type       string // "AWS::EC2::VPC"
	PhysicalID string // "vpc-0a1b2c3d4e5f60718"
	Status     string // "CREATE_COMPLETE"
	Properties map[string]any
	Metadata   map[string]any
	Attributes map[string]string // what Fn::GetAtt gives
	Tags       map[string]string // the stack's and its own

	policy string // on deletion
	after  []string
}

// prefixes of physical ids, by type. What is not here is called as CloudFormation
// calls what has no name: STACK-LOGICALID-RANDOM.
var prefixes = map[string]string{
	"AWS::EC2::VPC": "vpc", "AWS::EC2::Subnet": "subnet", "AWS::EC2::InternetGateway": "igw", "AWS::EC2::NatGateway": "nat",
	"AWS::EC2::RouteTable": "rtb", "AWS::EC2::SubnetRouteTableAssociation": "rtbassoc", "AWS::EC2::VPCEndpoint": "vpce",
	"AWS::EC2::SecurityGroup": "sg", "AWS::EC2::SecurityGroupIngress": "sgr",
}

// immutable lists, by type, the properties with which a change makes a new
// resource, as far as the templates of tests change them.
var immutable = map[string][]string{
	"AWS::EC2::VPC":                         {"CidrBlock"},
	"AWS::EC2::Subnet":                      {"AvailabilityZone", "CidrBlock", "VpcId"},
	"AWS::EC2::NatGateway":                  {"AllocationId", "PrivateIpAddress", "SubnetId"},
	"AWS::EC2::EIP":                         {"Domain"},
	"AWS::EC2::RouteTable":                  {"VpcId"},
	"AWS::EC2::Route":                       {"RouteTableId", "DestinationCidrBlock"},
	"AWS::EC2::SubnetRouteTableAssociation": {"RouteTableId", "SubnetId"},
	"AWS::EC2::VPCEndpoint":                 {"ServiceName", "VpcId"},
	"AWS::EC2::SecurityGroup":               {"GroupDescription", "GroupName", "VpcId"},
	"AWS::EC2::SecurityGroupIngress":        {"CidrIp", "FromPort", "GroupId", "IpProtocol", "SourceSecurityGroupId", "ToPort"},
	"AWS::EC2::KeyPair":                     {"KeyFormat", "KeyName", "KeyType", "PublicKeyMaterial", "Tags"},
	"AWS::IAM::OIDCProvider":                {"Url"},
	"AWS::IAM::ManagedPolicy":               {"Description"},
	"AWS::RDS::DBInstance":                  {"DBName", "DBSubnetGroupName", "MasterUsername", "StorageEncrypted"},
	"AWS::Route53::RecordSet":               {"HostedZoneId", "Name"},
}

// untagged are the types that a stack's tags do not reach: they cannot be tagged after
// they were made.
var untagged = map[string]bool{"AWS::EC2::KeyPair": true}

// named are the types of which there is one of a name, and what says that it is there.
var named = map[string]string{
	"AWS::EC2::KeyPair": `Resource handler returned message: "The key pair already exists (Service: Ec2, Status Code: 400)" (HandlerErrorCode: AlreadyExists)`,
}

// taken says why a resource cannot be made next to what there is; "" if it can.
func (s *Server) taken(l *Live) string {
	reason, one := named[l.Type]
	if !one {
		return ""
	}
	for _, st := range s.stacks {
		for _, there := range st.live {
			if there.Type == l.Type && there.PhysicalID == l.PhysicalID {
				return reason
			}
		}
	}
	if s.options.Taken != nil && s.options.Taken(*l) {
		return reason
	}
	return ""
}

// Replaces says whether a change of that property makes a new resource.
func Replaces(resourceType, property string) bool {
	return slices.Contains(immutable[resourceType], property)
}

// random gives hexadecimal digits that are the same in every run.
func (s *Server) random(of ...string) string {
	s.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", s.options.Account, strings.Join(of, " "), s.made))
	return hex.EncodeToString(sum[:])
}

// make gives a resource its ids and attributes.
func (s *Server) make(st *stack, id string, r Resource, properties, metadata map[string]any) *Live {
	number := s.random(st.id, id)
	l := &Live{
		LogicalID: id, Type: r.Type, Properties: properties, Metadata: metadata, policy: r.DeletionPolicy,
		Attributes: map[string]string{}, Status: "CREATE_COMPLETE", after: dependencies(st.template, id),
	}
	l.PhysicalID = st.name + "-" + id + "-" + strings.ToUpper(number[:12])
	if prefix := prefixes[r.Type]; prefix != "" {
		l.PhysicalID = prefix + "-" + number[:17]
	}
	l.Tags = st.tagged(l)
	s.describe(l, number)
	return l
}

// tagged are the tags that a resource gets: the stack's and its own.
func (st *stack) tagged(l *Live) map[string]string {
	out := maps.Clone(st.tags)
	if out == nil || untagged[l.Type] {
		out = map[string]string{}
	}
	list, _ := l.Properties["Tags"].([]any)
	for _, item := range list {
		if tag, ok := item.(map[string]any); ok {
			out[fmt.Sprint(tag["Key"])] = fmt.Sprint(tag["Value"])
		}
	}
	return out
}

// describe fills in what Fn::GetAtt gives, and ids that are none of the usual kind.
func (s *Server) describe(l *Live, number string) {
	iam := "arn:aws:iam::" + s.options.Account + ":"
	switch l.Type {
	case "AWS::EC2::VPC":
		l.Attributes["VpcId"], l.Attributes["CidrBlock"] = l.PhysicalID, fmt.Sprint(l.Properties["CidrBlock"])
	case "AWS::EC2::SecurityGroup":
		l.Attributes["GroupId"] = l.PhysicalID
	case "AWS::EC2::EIP":
		s.addresses++
		l.PhysicalID = fmt.Sprintf("%s%d", s.options.Addresses, s.addresses%254+1)
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
		l.Attributes["Endpoint.Address"] = l.PhysicalID + "." + number[:12] + "." + s.options.Region + ".rds.amazonaws.com"
		l.Attributes["Endpoint.Port"] = "5432"
		l.Attributes["DBInstanceArn"] = "arn:aws:rds:" + s.options.Region + ":" + s.options.Account + ":db:" + l.PhysicalID
	case "AWS::RDS::DBSubnetGroup":
		l.PhysicalID = strings.ToLower(l.PhysicalID)
	case "AWS::Route53::RecordSet":
		l.PhysicalID = fmt.Sprint(l.Properties["Name"])
	}
}

// dependencies are the resources that one refers to.
func dependencies(t *Template, id string) []string {
	r := t.Resources[id]
	out := slices.Clone(r.DependsOn)
	add := func(name string) {
		if _, ok := t.Resources[name]; ok && name != id && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, part := range []any{map[string]any(r.Properties), map[string]any(r.Metadata)} {
		Walk(part, func(function string, argument any) {
			switch list, _ := argument.([]any); function {
			case "Ref":
				add(fmt.Sprint(argument))
			case "Fn::GetAtt":
				if len(list) > 0 {
					add(fmt.Sprint(list[0]))
				}
			}
		})
	}
	return out
}

// inOrder sorts resources so that each comes after those that it refers to. It
// fails on a circle.
func inOrder(t *Template, ids []string) ([]string, error) {
	var out []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(id string) error
	visit = func(id string) error {
		if !slices.Contains(ids, id) || state[id] == 2 {
			return nil
		}
		if state[id] == 1 {
			return wrong("Circular dependency between resources: [%s]", id)
		}
		state[id] = 1
		for _, next := range dependencies(t, id) {
			if err := visit(next); err != nil {
				return err
			}
		}
		state[id], out = 2, append(out, id)
		return nil
	}
	for _, id := range ids {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}
