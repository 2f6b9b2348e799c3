package account

import (
	"context"
	"errors"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// AccessKey is one of a user's keys, as IAM shows it to others.
type AccessKey struct {
	ID   string    // "AKIA…"
	Made time.Time // to the second
}

// AccessKeys lists a user's access keys. IAM allows two. It fails with
// aws.ErrNotFound where there is no such user, aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) AccessKeys(ctx context.Context, user string) ([]AccessKey, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.keys().ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user})
	if err != nil {
		return nil, a.Wrap(ctx, "list the access keys of user "+user, err)
	}
	list := make([]AccessKey, 0, len(out.AccessKeyMetadata))
	for _, k := range out.AccessKeyMetadata {
		list = append(list, AccessKey{ID: sdk.ToString(k.AccessKeyId), Made: sdk.ToTime(k.CreateDate)})
	}
	return list, nil
}

// NewAccessKey makes an access key of a user. Its secret is told once: who loses it
// deletes the key and makes another. A call whose answer is lost may leave a key
// that nobody knows; AccessKeys shows it. It fails as AccessKeys does.
func (a *Account) NewAccessKey(ctx context.Context, user string) (id, key secret.Value, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.keys().CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err == nil && (out.AccessKey == nil || out.AccessKey.SecretAccessKey == nil) {
		err = errors.New("the answer is not one of IAM")
	}
	if err != nil {
		return id, key, a.Wrap(ctx, "make an access key of user "+user, err)
	}
	crash.Here("access-key-created")
	return secret.New(sdk.ToString(out.AccessKey.AccessKeyId)), secret.New(sdk.ToString(out.AccessKey.SecretAccessKey)), nil
}

// DeleteAccessKey deletes an access key of a user; one that is gone already is no
// error. It fails as AccessKeys does.
func (a *Account) DeleteAccessKey(ctx context.Context, user, id string) error {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	_, err := a.keys().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
	if err = a.Wrap(ctx, "delete access key "+id+" of user "+user, err); errors.Is(err, aws.ErrNotFound) {
		return nil
	}
	return err
}

// TryAccessKey asks STS once whether AWS knows a key already, which takes some seconds
// after it was made. For one that it does not know it fails with aws.ErrCredentials.
func (a *Account) TryAccessKey(ctx context.Context, id, key secret.Value) error {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	config := a.Connection().SDK()
	config.Credentials = credentials.NewStaticCredentialsProvider(id.Reveal(), key.Reveal(), "")
	_, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return a.Wrap(ctx, "try access key "+id.Reveal(), err)
}

// keys is the client of IAM, which few commands need.
func (a *Account) keys() *iam.Client { return iam.NewFromConfig(a.Connection().SDK()) }
