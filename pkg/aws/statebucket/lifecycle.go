package statebucket

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

const (
	// ruleID names our rule of the bucket's lifecycle; others stay.
	ruleID = "perpetual-noncurrent-versions"
	// noncurrentDays is for how long a version that was replaced or deleted is kept:
	// long enough to restore a document, and no archive of old credentials.
	noncurrentDays = 90
)

// lifecycle ends what is no longer current, and the marks of deletions that are left alone
// then.
func (b *bucket) lifecycle() setting {
	wanted := types.LifecycleRule{
		ID: sdk.String(ruleID), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: sdk.String("")},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: sdk.Int32(noncurrentDays)},
		Expiration:                  &types.LifecycleExpiration{ExpiredObjectDeleteMarker: sdk.Bool(true)},
	}
	var rules []types.LifecycleRule
	return setting{"lifecycle",
		func(ctx context.Context) (bool, error) {
			out, err := b.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
			if aws.Refused(err, "NoSuchLifecycleConfiguration") {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			rules = out.Rules
			return slices.ContainsFunc(rules, endsNoncurrent), nil
		},
		func(ctx context.Context) error {
			kept := slices.DeleteFunc(slices.Clone(rules), func(r types.LifecycleRule) bool { return sdk.ToString(r.ID) == ruleID })
			_, err := b.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: append(kept, wanted)}})
			return err
		}}
}

// endsNoncurrent says whether a rule ends the versions of all objects, ours or one that
// somebody has made with a number of days of their own.
func endsNoncurrent(r types.LifecycleRule) bool {
	whole := r.Filter == nil || r.Filter.And == nil && r.Filter.Tag == nil && r.Filter.ObjectSizeGreaterThan == nil &&
		r.Filter.ObjectSizeLessThan == nil && sdk.ToString(r.Filter.Prefix) == ""
	//lint:ignore SA1019 rules that were made before 2016 have it in place of a filter
	whole = whole && sdk.ToString(r.Prefix) == ""
	return r.Status == types.ExpirationStatusEnabled && whole &&
		r.NoncurrentVersionExpiration != nil && sdk.ToInt32(r.NoncurrentVersionExpiration.NoncurrentDays) > 0
}
