// Package resource is what simulated stacks consist of, and what is known of its types: how
// their ids look, and which properties cannot change.
package resource

import (
	"fmt"
	"maps"
	"reflect"
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

	Policy string // on deletion: "Retain", "Snapshot"; "": it is deleted
}

// The types of principals and of what says what they may do, and that of databases.
const (
	UserType          = "AWS::IAM::User"
	RoleType          = "AWS::IAM::Role"
	InlinePolicyType  = "AWS::IAM::Policy"
	ManagedPolicyType = "AWS::IAM::ManagedPolicy"
	DatabaseType      = "AWS::RDS::DBInstance"
)

// Prefixes of physical ids, by type. What is not here is called as CloudFormation
// calls what has no name: STACK-LOGICALID-RANDOM.
var Prefixes = map[string]string{
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

// Untagged are the types that a stack's tags do not reach: they cannot be tagged after
// they were made.
var Untagged = map[string]bool{"AWS::EC2::KeyPair": true}

// Named are the types of which there is one of a name, and what says that it is there.
var Named = map[string]string{
	"AWS::EC2::KeyPair": `Resource handler returned message: "The key pair already exists (Service: Ec2, Status Code: 400)" (HandlerErrorCode: AlreadyExists)`,
}

// Replaces says whether a change of that property makes a new resource.
func Replaces(resourceType, property string) bool {
	return slices.Contains(immutable[resourceType], property)
}

// Differ lists what of a resource would be otherwise.
func (there *Live) Differ(properties, metadata map[string]any) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !reflect.DeepEqual(there.Properties[name], properties[name]) {
			out = append(out, "Properties."+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there.Properties)) {
		if _, ok := properties[name]; !ok {
			out = append(out, "Properties."+name)
		}
	}
	if !reflect.DeepEqual(there.Metadata, metadata) {
		out = append(out, "Metadata")
	}
	return out
}

// Replacement says whether a change makes a new resource.
func Replacement(kind string, differences []string) string {
	for _, d := range differences {
		if Replaces(kind, strings.TrimPrefix(d, "Properties.")) {
			return "True"
		}
	}
	return "False"
}

// AllTags are the tags that a resource gets: the stack's and its own.
func (l *Live) AllTags(stack map[string]string) map[string]string {
	out := maps.Clone(stack)
	if out == nil || Untagged[l.Type] {
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
