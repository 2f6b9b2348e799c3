// Package statebucket makes the bucket of the state, keeps it as it should be, and deletes
// it. What is in it, package bucket reads and writes.
package statebucket

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// ErrForeign says that a bucket of the wanted name belongs to another account, or to
// something else in this one.
var ErrForeign = errors.New("the bucket is not ours")

// maxPages bounds a listing.
const maxPages = 1000

// Keeper looks after buckets of one account.
type Keeper struct {
	session *login.Session
	s3      *s3.Client
}

// New makes a Keeper.
func New(session *login.Session) *Keeper {
	return &Keeper{session: session, s3: s3.NewFromConfig(session.Connection().SDK(), func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
		o.ResponseChecksumValidation = sdk.ResponseChecksumValidationWhenRequired
	})}
}

// Spec is a bucket as it should be.
type Spec struct {
	Name   string            // "perpetual-ci-123456789012-eu-central-1"
	KMSKey string            // key to encrypt with, id or ARN; default: as the bucket has it, and S3's own (AES256) for a new one
	S3Key  bool              // without KMSKey: S3's own key, also where the bucket has another
	Tags   map[string]string // {"perpetual:name": "ci"}; others that the bucket has stay
	Owner  string            // the key of the tag in Tags that makes a bucket ours, "perpetual:name"
}

// check says what is wrong with the spec itself.
func (s Spec) check() error {
	if s.Name == "" || s.Owner == "" || s.Tags[s.Owner] == "" {
		return errors.New("a bucket needs a name and a tag that says whose it is")
	}
	return nil
}

// EnsureBucket makes the bucket, or makes it as it should be: tagged, no public
// access, no ACLs, encrypted, versioned, with old versions for 90 days, reached over
// TLS only. What is already so is not written. A bucket without our tag is taken only if nothing was ever
// in it, as a run that was killed may leave one. It fails with ErrForeign,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (k *Keeper) EnsureBucket(ctx context.Context, spec Spec) (created bool, err error) {
	b, ctx, cancel, err := k.bucket(ctx, spec)
	if err != nil {
		return false, err
	}
	defer cancel()
	tags, found, err := b.look(ctx)
	if err != nil {
		return false, b.wrap(ctx, "look at", err)
	}
	if !found {
		if created, err = b.create(ctx); err != nil {
			return false, b.wrap(ctx, "make", err)
		}
		crash.Here("bucket-created")
		if tags, _, err = b.look(ctx); err != nil {
			return created, b.wrap(ctx, "look at", err)
		}
	}
	if err := b.claim(ctx, tags); err != nil {
		return created, b.wrap(ctx, "look at", err)
	}
	for _, s := range b.settings(tags) {
		right, err := s.right(ctx)
		if err != nil {
			return created, b.wrap(ctx, "read the "+s.name+" of", err)
		}
		if right {
			continue
		}
		if err := s.write(ctx); err != nil {
			return created, b.wrap(ctx, "set the "+s.name+" of", err)
		}
		crash.Here("bucket-" + strings.ReplaceAll(s.name, " ", "-"))
	}
	return created, nil
}

// BucketExists says whether there is such a bucket and it is ours, by its tag. It
// fails with ErrForeign, aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (k *Keeper) BucketExists(ctx context.Context, spec Spec) (bool, error) {
	b, ctx, cancel, err := k.bucket(ctx, spec)
	if err != nil {
		return false, err
	}
	defer cancel()
	tags, found, err := b.look(ctx)
	if err == nil && found {
		err = b.claim(ctx, tags)
	}
	return found && err == nil, b.wrap(ctx, "look at", err)
}

// BucketKey is the KMS key that the bucket encrypts new objects with, id or ARN as it
// was set; "" if that is S3's own. It fails with aws.ErrCredentials, aws.ErrDenied or an
// *aws.Error.
func (k *Keeper) BucketKey(ctx context.Context, spec Spec) (string, error) {
	b, ctx, cancel, err := k.bucket(ctx, spec)
	if err != nil {
		return "", err
	}
	defer cancel()
	rule, err := b.defaultEncryption(ctx)
	if err != nil || rule == nil || !strings.HasPrefix(string(rule.SSEAlgorithm), string(types.ServerSideEncryptionAwsKms)) {
		return "", b.wrap(ctx, "read the encryption of", err)
	}
	return sdk.ToString(rule.KMSMasterKeyID), nil
}

// bucket is one bucket while it is worked on.
type bucket struct {
	*Keeper
	spec      Spec
	owner     string // the account that it must belong to
	partition string // "aws"
}

// bucket begins work on a bucket.
func (k *Keeper) bucket(ctx context.Context, spec Spec) (*bucket, context.Context, context.CancelFunc, error) {
	if err := spec.check(); err != nil {
		return nil, nil, nil, err
	}
	who, err := k.session.Identity(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := k.session.Bound(ctx)
	return &bucket{Keeper: k, spec: spec, owner: who.Account, partition: who.Partition}, ctx, cancel, nil
}

// wrap says what was being done.
func (b *bucket) wrap(ctx context.Context, action string, err error) error {
	return b.session.Wrap(ctx, action+" bucket "+b.spec.Name, err)
}

// look reads the bucket's tags; found says whether there is such a bucket. That
// call, unlike a HEAD, is answered with reasons.
func (b *bucket) look(ctx context.Context) (tags map[string]string, found bool, err error) {
	out, err := b.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	tags = map[string]string{}
	switch {
	case aws.Refused(err, "NoSuchTagSet"):
		return tags, true, nil
	case aws.Refused(err, "NoSuchBucket"):
		return nil, false, nil
	case aws.Refused(err, "AccessDenied"):
		return nil, false, fmt.Errorf("%w: it belongs to another account than %s, or these credentials may not read its tags (s3:GetBucketTagging): choose another name for it, or allow that (%w)",
			ErrForeign, b.owner, b.session.Explain(ctx, err))
	case status(err) == http.StatusMovedPermanently, status(err) == http.StatusBadRequest && bucketRegion(err) != "":
		return nil, false, fmt.Errorf("%w: it is in region %s, not in %s: give the region of the bucket, or choose another name for it", ErrForeign, bucketRegion(err), b.session.Region())
	case err != nil:
		return nil, false, err
	}
	for _, t := range out.TagSet {
		tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	return tags, true, nil
}

// status is the HTTP status of a refusal, 0 if err is none.
func status(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// bucketRegion is where S3 says that a bucket is.
func bucketRegion(err error) string {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPResponse() != nil {
		return answer.HTTPResponse().Header.Get("x-amz-bucket-region")
	}
	return ""
}

// create makes the bucket, with its tags at once, so that it is never without
// an owner. A bucket that is there already is of another account, or made by
// the try before, whose reply was lost.
func (b *bucket) create(ctx context.Context) (bool, error) {
	in := &s3.CreateBucketInput{
		Bucket: &b.spec.Name, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: tagSet(b.spec.Tags)},
	}
	if region := b.session.Region(); region != "us-east-1" { // which is the default, and must not be named
		in.CreateBucketConfiguration.LocationConstraint = types.BucketLocationConstraint(region)
	}
	_, err := b.s3.CreateBucket(ctx, in)
	switch {
	case aws.Refused(err, "BucketAlreadyOwnedByYou"):
		return true, nil
	case aws.Refused(err, "BucketAlreadyExists"):
		return false, fmt.Errorf("%w: another account has a bucket of that name, and names are unique over all accounts: choose another", ErrForeign)
	}
	return err == nil, err
}

// claim checks that the bucket is ours.
func (b *bucket) claim(ctx context.Context, tags map[string]string) error {
	wanted, key := b.spec.Tags[b.spec.Owner], b.spec.Owner
	switch found, tagged := tags[key]; {
	case found == wanted:
		return nil
	case tagged:
		return fmt.Errorf("%w: its tag %s is %q, not %q", ErrForeign, key, found, wanted)
	}
	out, err := b.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner, MaxKeys: sdk.Int32(1),
	})
	if err != nil {
		return err
	}
	if len(out.Versions)+len(out.DeleteMarkers) > 0 {
		return fmt.Errorf("%w: it has objects, but no tag %s=%s; if it is yours, tag it so, else choose another name", ErrForeign, key, wanted)
	}
	return nil
}

// tagSet is tags as S3 takes them, sorted.
func tagSet(tags map[string]string) []types.Tag {
	set := []types.Tag{}
	for _, key := range sorted(tags) {
		set = append(set, types.Tag{Key: sdk.String(key), Value: sdk.String(tags[key])})
	}
	return set
}

// merged is what there is, and over it what is wanted.
func merged(have, wanted map[string]string) map[string]string {
	all := maps.Clone(have)
	maps.Copy(all, wanted)
	return all
}
