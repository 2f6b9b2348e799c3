// Package account looks into an AWS account and prepares it for an
// installation: zones and instance types, hosted zones, parameters, keys, and what is
// left when all is destroyed. Only the installer links it.
package account

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
)

// Account is one AWS account in one region, as seen with some credentials.
type Account struct {
	*login.Session
	*quota.Reader
	*statebucket.Keeper

	ec2     *ec2.Client
	ssm     *ssm.Client
	route53 *route53.Client
	tagging *tagging.Client
	kms     *kms.Client
}

// Open makes an Account. It sends nothing but what resolving credentials needs, and fails
// as login.Open does.
func Open(ctx context.Context, o login.Options) (*Account, error) {
	session, err := login.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	config := session.Connection().SDK()
	a := &Account{
		Session: session, Keeper: statebucket.New(session),
		ec2: ec2.NewFromConfig(config), ssm: ssm.NewFromConfig(config), route53: route53.NewFromConfig(config),
		tagging: tagging.NewFromConfig(config), kms: kms.NewFromConfig(config),
	}
	a.Reader = quota.New(session, a.vcpus)
	return a, nil
}
