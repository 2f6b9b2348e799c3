package aws

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ec2"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/key"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/kms"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ssm"
)

// Services with a state of their own, which the account embeds.
type (
	compute    = ec2.Compute
	keyring    = key.Ring
	vault      = kms.Vault
	buckets    = bucket.Service
	parameters = ssm.Store
)

// What tests say to those services.
type (
	// Key is an access key and who it stands for.
	Key = key.Key
	// KMSKey is a key of KMS. The zero value is one that signs with ECDSA on P-256.
	KMSKey = kms.Key
	// Parameter is a parameter of SSM.
	Parameter = ssm.Parameter
	// Bucket is a bucket of S3, of this account or of another.
	Bucket = bucket.Bucket
	// Subnet is a subnet of the account that exists already.
	Subnet = ec2.Subnet
	// Instance is an instance that others run in the account.
	Instance = ec2.Instance
	// Possession is a VM, disk or image of the account, or an image of another.
	Possession = ec2.Possession
	// Possessions are what EC2 knows by its id, of a region.
	Possessions = ec2.Possessions
)

// The ids of the first keys that AddKMSKey makes.
const (
	FirstKMSKey  = kms.FirstKey
	SecondKMSKey = kms.SecondKey
)
