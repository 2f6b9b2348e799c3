package account

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// KeyPair is a key pair of EC2.
type KeyPair struct {
	ID   string            // "key-0a1b2c3d4e5f60718"
	Tags map[string]string // {"perpetual:name": "ci"}
}

// KeyPair finds the region's key pair of a name; there is at most one. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) KeyPair(ctx context.Context, name string) (pair KeyPair, found bool, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	// By a filter: a name that is not there is an error otherwise.
	out, err := a.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{Filters: []types.Filter{filter("key-name", name)}})
	if err != nil {
		return KeyPair{}, false, a.Wrap(ctx, "look for the key pair "+name, err)
	}
	if len(out.KeyPairs) == 0 {
		return KeyPair{}, false, nil
	}
	only := out.KeyPairs[0]
	pair = KeyPair{ID: sdk.ToString(only.KeyPairId), Tags: map[string]string{}}
	for _, tag := range only.Tags {
		pair.Tags[sdk.ToString(tag.Key)] = sdk.ToString(tag.Value)
	}
	return pair, true, nil
}
