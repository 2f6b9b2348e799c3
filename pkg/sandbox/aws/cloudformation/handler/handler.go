// Package handler is what the handlers of resources ask IAM: which calls they make for a
// resource, with which condition keys, and which policies IAM takes.
package handler

import "github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"

// handler is what CloudFormation calls for a resource of a type: an action, and the
// resources that it touches. These are written
//
//	vpc/new       one that the call makes
//	vpc/self      the resource itself
//	@VpcId        what a property names
//	*             no resource
//
// It is drawn from the permissions of the handlers in the resource types' schemas, less
// those for properties that no template here has.
type handler struct{ create, update, delete []string }

// tagged are the calls that change the tags of something in EC2.
func tagged(self string) []string {
	return []string{"ec2:CreateTags " + self, "ec2:DeleteTags " + self}
}

var handlers = map[string]handler{
	"AWS::EC2::VPC": {
		create: []string{"ec2:CreateVpc vpc/new", "ec2:CreateTags vpc/new", "ec2:ModifyVpcAttribute vpc/self", "ec2:DescribeVpcs *", "ec2:DescribeVpcAttribute *"},
		update: append(tagged("vpc/self"), "ec2:DescribeVpcs *"), delete: []string{"ec2:DeleteVpc vpc/self", "ec2:DescribeVpcs *"},
	},
	"AWS::EC2::InternetGateway": {
		create: []string{"ec2:CreateInternetGateway internet-gateway/new", "ec2:CreateTags internet-gateway/new", "ec2:DescribeInternetGateways *"},
		update: append(tagged("internet-gateway/self"), "ec2:DescribeInternetGateways *"),
		delete: []string{"ec2:DeleteInternetGateway internet-gateway/self", "ec2:DescribeInternetGateways *"},
	},
	"AWS::EC2::VPCGatewayAttachment": {
		create: []string{"ec2:AttachInternetGateway @InternetGatewayId @VpcId", "ec2:DescribeInternetGateways *", "ec2:DescribeVpnGateways *"},
		delete: []string{"ec2:DetachInternetGateway @InternetGatewayId @VpcId", "ec2:DescribeInternetGateways *"},
	},
	"AWS::EC2::Subnet": {
		create: []string{"ec2:CreateSubnet subnet/new @VpcId", "ec2:CreateTags subnet/new", "ec2:ModifySubnetAttribute subnet/self", "ec2:DescribeSubnets *"},
		update: append(tagged("subnet/self"), "ec2:DescribeSubnets *"), delete: []string{"ec2:DeleteSubnet subnet/self", "ec2:DescribeSubnets *"},
	},
	"AWS::EC2::RouteTable": {
		create: []string{"ec2:CreateRouteTable route-table/new @VpcId", "ec2:CreateTags route-table/new", "ec2:DescribeRouteTables *"},
		update: append(tagged("route-table/self"), "ec2:DescribeRouteTables *"),
		delete: []string{"ec2:DeleteRouteTable route-table/self", "ec2:DescribeRouteTables *"},
	},
	"AWS::EC2::Route": {
		create: []string{"ec2:CreateRoute @RouteTableId", "ec2:DescribeRouteTables *", "ec2:DescribeNetworkInterfaces *"},
		update: []string{"ec2:ReplaceRoute @RouteTableId", "ec2:DescribeRouteTables *", "ec2:DescribeNetworkInterfaces *"},
		delete: []string{"ec2:DeleteRoute @RouteTableId", "ec2:DescribeRouteTables *"},
	},
	"AWS::EC2::SubnetRouteTableAssociation": {
		create: []string{"ec2:AssociateRouteTable @RouteTableId @SubnetId", "ec2:DescribeRouteTables *", "ec2:DescribeSubnets *"},
		delete: []string{"ec2:DisassociateRouteTable @RouteTableId @SubnetId", "ec2:DescribeRouteTables *"},
	},
	"AWS::EC2::EIP": {
		create: []string{"ec2:AllocateAddress elastic-ip/new", "ec2:CreateTags elastic-ip/new", "ec2:DescribeAddresses *"},
		update: append(tagged("elastic-ip/self"), "ec2:DescribeAddresses *"),
		delete: []string{"ec2:DisassociateAddress elastic-ip/self", "ec2:ReleaseAddress elastic-ip/self", "ec2:DescribeAddresses *"},
	},
	"AWS::EC2::NatGateway": {
		create: []string{"ec2:CreateNatGateway natgateway/new @AllocationId @SubnetId", "ec2:CreateTags natgateway/new", "ec2:DescribeNatGateways *"},
		update: append(tagged("natgateway/self"), "ec2:DescribeNatGateways *"),
		delete: []string{"ec2:DeleteNatGateway natgateway/self", "ec2:DescribeNatGateways *"},
	},
	"AWS::EC2::VPCEndpoint": {
		create: []string{"ec2:CreateVpcEndpoint vpc-endpoint/new @VpcId @RouteTableIds", "ec2:CreateTags vpc-endpoint/new", "ec2:DescribeVpcEndpoints *"},
		update: append(tagged("vpc-endpoint/self"), "ec2:ModifyVpcEndpoint vpc-endpoint/self @RouteTableIds", "ec2:DescribeVpcEndpoints *"),
		delete: []string{"ec2:DeleteVpcEndpoints vpc-endpoint/self", "ec2:DescribeVpcEndpoints *"},
	},
	"AWS::EC2::SecurityGroup": {
		create: []string{
			"ec2:CreateSecurityGroup security-group/new @VpcId", "ec2:CreateTags security-group/new", "ec2:AuthorizeSecurityGroupIngress security-group/self security-group-rule/new",
			"ec2:AuthorizeSecurityGroupEgress security-group/self security-group-rule/new", "ec2:RevokeSecurityGroupEgress security-group/self", "ec2:DescribeSecurityGroups *",
		},
		update: append(tagged("security-group/self"),
			"ec2:AuthorizeSecurityGroupIngress security-group/self security-group-rule/new", "ec2:RevokeSecurityGroupIngress security-group/self",
			"ec2:UpdateSecurityGroupRuleDescriptionsIngress security-group/self", "ec2:DescribeSecurityGroups *",
		),
		delete: []string{"ec2:DeleteSecurityGroup security-group/self", "ec2:DescribeSecurityGroups *", "ec2:DescribeInstances *"},
	},
	"AWS::EC2::SecurityGroupIngress": {
		create: []string{"ec2:AuthorizeSecurityGroupIngress @GroupId security-group-rule/new", "ec2:DescribeSecurityGroupRules *", "ec2:DescribeSecurityGroups *"},
		update: []string{"ec2:UpdateSecurityGroupRuleDescriptionsIngress @GroupId", "ec2:DescribeSecurityGroupRules *"},
		delete: []string{"ec2:RevokeSecurityGroupIngress @GroupId", "ec2:DescribeSecurityGroupRules *"},
	},
	"AWS::EC2::KeyPair": {
		create: []string{"ec2:CreateKeyPair key-pair/new", "ec2:CreateTags key-pair/new", "ssm:PutParameter parameter/ec2/keypair/new", "ec2:DescribeKeyPairs *"},
		delete: []string{"ec2:DeleteKeyPair key-pair/self", "ssm:DeleteParameter parameter/ec2/keypair/self", "ec2:DescribeKeyPairs *"},
	},
	resource.UserType: {
		create: []string{"iam:CreateUser user/self", "iam:TagUser user/self", "iam:GetUser user/self"},
		update: []string{"iam:UpdateUser user/self", "iam:TagUser user/self", "iam:UntagUser user/self", "iam:ListUserTags user/self", "iam:GetLoginProfile user/self", "iam:PutUserPermissionsBoundary user/self"},
		delete: []string{
			"iam:GetUser user/self", "iam:GetLoginProfile user/self", "iam:DeleteLoginProfile user/self", "iam:ListGroupsForUser user/self", "iam:ListAccessKeys user/self",
			"iam:DeleteAccessKey user/self", "iam:ListAttachedUserPolicies user/self", "iam:ListUserPolicies user/self", "iam:DeleteUser user/self",
		},
	},
	resource.RoleType: {
		create: []string{"iam:CreateRole role/self", "iam:TagRole role/self", "iam:PutRolePolicy role/self", "iam:GetRole role/self", "iam:GetRolePolicy role/self"},
		update: []string{"iam:UpdateRole role/self", "iam:UpdateAssumeRolePolicy role/self", "iam:PutRolePolicy role/self", "iam:TagRole role/self", "iam:UntagRole role/self", "iam:PutRolePermissionsBoundary role/self"},
		delete: []string{"iam:GetRole role/self", "iam:ListAttachedRolePolicies role/self", "iam:ListRolePolicies role/self", "iam:DeleteRolePolicy role/self", "iam:DeleteRole role/self"},
	},
	"AWS::IAM::InstanceProfile": {
		create: []string{"iam:CreateInstanceProfile instance-profile/self", "iam:AddRoleToInstanceProfile instance-profile/self", "iam:PassRole @Roles", "iam:GetInstanceProfile instance-profile/self"},
		update: []string{"iam:GetInstanceProfile instance-profile/self", "iam:RemoveRoleFromInstanceProfile instance-profile/self", "iam:AddRoleToInstanceProfile instance-profile/self", "iam:PassRole @Roles"},
		delete: []string{"iam:GetInstanceProfile instance-profile/self", "iam:RemoveRoleFromInstanceProfile instance-profile/self", "iam:DeleteInstanceProfile instance-profile/self"},
	},
	resource.ManagedPolicyType: {
		create: []string{"iam:CreatePolicy policy/self", "iam:AttachRolePolicy @Roles", "iam:AttachUserPolicy @Users"},
		update: []string{"iam:GetPolicy policy/self", "iam:ListPolicyVersions policy/self", "iam:CreatePolicyVersion policy/self", "iam:DeletePolicyVersion policy/self", "iam:AttachRolePolicy @Roles", "iam:AttachUserPolicy @Users"},
		delete: []string{"iam:GetPolicy policy/self", "iam:ListEntitiesForPolicy policy/self", "iam:DetachRolePolicy @Roles", "iam:DetachUserPolicy @Users", "iam:ListPolicyVersions policy/self", "iam:DeletePolicy policy/self"},
	},
	resource.InlinePolicyType: {
		create: []string{"iam:PutRolePolicy @Roles", "iam:GetRolePolicy @Roles", "iam:PutUserPolicy @Users", "iam:GetUserPolicy @Users"},
		update: []string{"iam:PutRolePolicy @Roles", "iam:PutUserPolicy @Users"},
		delete: []string{"iam:DeleteRolePolicy @Roles", "iam:DeleteUserPolicy @Users"},
	},
	"AWS::IAM::OIDCProvider": {
		create: []string{"iam:CreateOpenIDConnectProvider oidc-provider/self", "iam:TagOpenIDConnectProvider oidc-provider/self", "iam:GetOpenIDConnectProvider oidc-provider/self"},
		update: []string{"iam:GetOpenIDConnectProvider oidc-provider/self", "iam:UpdateOpenIDConnectProviderThumbprint oidc-provider/self", "iam:TagOpenIDConnectProvider oidc-provider/self"},
		delete: []string{"iam:DeleteOpenIDConnectProvider oidc-provider/self"},
	},
	"AWS::RDS::DBSubnetGroup": {
		create: []string{"rds:CreateDBSubnetGroup subgrp:self", "rds:AddTagsToResource subgrp:self", "rds:ListTagsForResource subgrp:self", "rds:DescribeDBSubnetGroups *"},
		update: []string{"rds:ModifyDBSubnetGroup subgrp:self", "rds:AddTagsToResource subgrp:self", "rds:RemoveTagsFromResource subgrp:self", "rds:DescribeDBSubnetGroups *"},
		delete: []string{"rds:DeleteDBSubnetGroup subgrp:self", "rds:DescribeDBSubnetGroups *"},
	},
	resource.DatabaseType: {
		create: []string{
			"rds:CreateDBInstance db:self @DBSubnetGroupName pg:default.postgres17 og:default:postgres-17", "rds:AddTagsToResource db:self", "rds:DescribeDBInstances *", "rds:DescribeEvents *",
			"ec2:DescribeSecurityGroups *", "ec2:DescribeSubnets *", "ec2:DescribeVpcs *", "ec2:DescribeAccountAttributes *",
		},
		update: []string{
			"rds:ModifyDBInstance db:self", "rds:AddTagsToResource db:self", "rds:RemoveTagsFromResource db:self", "rds:DescribeDBInstances *", "rds:DescribeDBEngineVersions *",
			"rds:DescribeEvents *", "ec2:DescribeSecurityGroups *", "ec2:DescribeAccountAttributes *", "ec2:DescribeVpcAttribute *",
		},
		delete: []string{"rds:CreateDBSnapshot db:self snapshot:self", "rds:AddTagsToResource snapshot:self", "rds:DeleteDBInstance db:self", "rds:DescribeDBInstances *"},
	},
	"AWS::Route53::RecordSet": {
		create: []string{"route53:ChangeResourceRecordSets @HostedZoneId", "route53:GetHostedZone @HostedZoneId", "route53:GetChange change/C0123456789"},
		update: []string{"route53:ChangeResourceRecordSets @HostedZoneId", "route53:GetHostedZone @HostedZoneId", "route53:GetChange change/C0123456789"},
		delete: []string{"route53:ChangeResourceRecordSets @HostedZoneId", "route53:GetHostedZone @HostedZoneId", "route53:GetChange change/C0123456789"},
	},
}
