package statebucket

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// DeleteBucket deletes a bucket of ours with every version of every object, and
// every mark of a deletion. One that is gone is not an error. It fails with
// ErrForeign, aws.ErrCredentials, aws.ErrDenied or an *aws.Error; what it has
// deleted by then is gone, and it may be called again.
func (k *Keeper) DeleteBucket(ctx context.Context, spec Spec) error {
	b, ctx, cancel, err := k.bucket(ctx, spec)
	if err != nil {
		return err
	}
	defer cancel()
	tags, found, err := b.look(ctx)
	if err != nil || !found {
		return b.wrap(ctx, "look at", err)
	}
	if err := b.claim(ctx, tags); err != nil {
		return b.wrap(ctx, "delete", err)
	}
	if err := b.empty(ctx); err != nil {
		return b.wrap(ctx, "empty", err)
	}
	_, err = k.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &spec.Name, ExpectedBucketOwner: &b.owner})
	if aws.Refused(err, "NoSuchBucket") { // a try before, whose reply was lost
		return nil
	}
	if aws.Refused(err, "BucketNotEmpty") {
		return b.wrap(ctx, "delete", errors.New("something was written into it meanwhile; it still exists: end other runs, then run the same command again"))
	}
	return b.wrap(ctx, "delete", err)
}

// empty deletes page by page, always the first one, until there is none.
func (b *bucket) empty(ctx context.Context) error {
	for range maxPages {
		page, err := b.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
		if err != nil {
			return err
		}
		all := []types.ObjectIdentifier{}
		for _, v := range page.Versions {
			all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(all) == 0 {
			return nil
		}
		out, err := b.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner, Delete: &types.Delete{Objects: all, Quiet: sdk.Bool(true)},
		})
		if err != nil {
			return err
		}
		if len(out.Errors) > 0 {
			first := out.Errors[0]
			return fmt.Errorf("S3 keeps %d versions, such as %s: %s %s (allow s3:DeleteObjectVersion, or end the object lock)",
				len(out.Errors), sdk.ToString(first.Key), sdk.ToString(first.Code), retry.FirstLine(sdk.ToString(first.Message)))
		}
		crash.Here("bucket-page-emptied")
	}
	return fmt.Errorf("more than %d pages of versions", maxPages)
}
