package aws

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ec2"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ssm"
)

// arnTypes are the ARNs of what CloudFormation makes, after the account, by type.
// The tagging API does not know the other types.
var arnTypes = map[string]string{
	"AWS::EC2::VPC": "ec2:%s:%s:vpc/", "AWS::EC2::Subnet": "ec2:%s:%s:subnet/", "AWS::EC2::InternetGateway": "ec2:%s:%s:internet-gateway/",
	"AWS::EC2::NatGateway": "ec2:%s:%s:natgateway/", "AWS::EC2::RouteTable": "ec2:%s:%s:route-table/", "AWS::EC2::SecurityGroup": "ec2:%s:%s:security-group/",
	"AWS::EC2::VPCEndpoint": "ec2:%s:%s:vpc-endpoint/", "AWS::EC2::EIP": "ec2:%s:%s:elastic-ip/", "AWS::EC2::KeyPair": "ec2:%s:%s:key-pair/",
	"AWS::RDS::DBInstance": "rds:%s:%s:db:", "AWS::RDS::DBSubnetGroup": "rds:%s:%s:subgrp:",
}

// arn is that of a resource; "" if the tagging API does not know its type.
func (c *Cloud) arn(l cloudformation.Live) string {
	format, known := arnTypes[l.Type]
	if !known {
		return ""
	}
	id := l.PhysicalID
	for _, attribute := range []string{"KeyPairId", "AllocationId"} {
		if other := l.Attributes[attribute]; other != "" {
			id = other
		}
	}
	return fmt.Sprintf("arn:aws:"+format, c.options.Region, c.options.Account) + id
}

// Created makes a resource of CloudFormation known to the other services: its
// tags, subnets and addresses in use, and the private key of a key pair, which EC2
// leaves in SSM. It is for cloudformation.Options.OnCreate.
func (c *Cloud) Created(l cloudformation.Live) {
	if arn := c.arn(l); arn != "" {
		c.SetTags(arn, l.Tags)
	}
	switch l.Type {
	case "AWS::EC2::KeyPair":
		c.AddKeyPair(l.PhysicalID, l.Tags)
		c.SetParameter(keyParameter(l), ssm.Parameter{Type: "SecureString", Value: privateKey(fmt.Sprint(l.Properties["KeyType"])), Tags: maps.Clone(l.Tags), Version: 1})
	case "AWS::EC2::Subnet":
		text := func(name string) string { return fmt.Sprint(l.Properties[name]) }
		c.AddSubnet(ec2.Subnet{ID: l.PhysicalID, VPC: text("VpcId"), Zone: text("AvailabilityZone"), CIDR: text("CidrBlock")})
	case "AWS::EC2::VPC":
		c.Use(0, 1)
	case "AWS::EC2::EIP":
		c.Use(1, 0)
	}
}

// Deleted makes the other services forget it.
func (c *Cloud) Deleted(l cloudformation.Live) {
	if arn := c.arn(l); arn != "" {
		c.SetTags(arn, nil)
	}
	switch l.Type {
	case "AWS::EC2::KeyPair":
		c.RemoveKeyPair(l.PhysicalID)
		c.DeleteParameter(keyParameter(l))
	case "AWS::EC2::Subnet":
		c.RemoveSubnet(l.PhysicalID)
	case "AWS::EC2::VPC":
		c.Use(0, -1)
	case "AWS::EC2::EIP":
		c.Use(-1, 0)
	}
}

// keyParameter is where EC2 leaves a private key.
func keyParameter(l cloudformation.Live) string { return "/ec2/keypair/" + l.Attributes["KeyPairId"] }

// privateKey makes a key as EC2 does, in its form; "" if that fails.
func privateKey(kind string) string {
	if kind == "ed25519" {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return ""
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return ""
		}
		return string(pem.EncodeToMemory(block))
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
