package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// errNotS3 is for an answer with status 200 that lacks what S3 always gives, as
// the login page of a network has.
var errNotS3 = errors.New("the answer is not one of S3: it has no ETag, time or name of the bucket")

// maxPages bounds a listing: a page has 1000 keys.
const maxPages = 100

// Get implements state.Store. It fails with aws.ErrCredentials or an *aws.Error besides.
func (b *Bucket) Get(ctx context.Context, name string) (state.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	object, err := b.get(ctx, name)
	if err != nil {
		return state.Document{}, b.wrap("read", name, err)
	}
	return object, nil
}

// Put implements state.Store. It fails with aws.ErrCredentials or an *aws.Error besides.
//
// A write whose reply was lost is looked up, and sent again, with the same
// condition, only if it is not there: it is never taken for someone else's.
func (b *Bucket) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if len(body) > state.MaxDocument {
		return "", b.wrap("write", name, fmt.Errorf("it has %d bytes, at most %d are kept", len(body), state.MaxDocument))
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	next, err := b.putOften(ctx, name, body, revision)
	if err != nil {
		return "", b.wrap("write", name, err)
	}
	return next, nil
}

// Delete implements state.Store. It fails with aws.ErrCredentials or an *aws.Error besides.
func (b *Bucket) Delete(ctx context.Context, name, revision string) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	return b.wrap("delete", name, b.deleteOften(ctx, name, revision))
}

// List implements state.Store: the names are sorted by their bytes.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	names := []string{}
	pages := s3.NewListObjectsV2Paginator(b.api, &s3.ListObjectsV2Input{
		Bucket: &b.options.Bucket, Prefix: sdk.String(b.options.Prefix + prefix),
	})
	for range maxPages {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.wrap("list", prefix, b.explain(ctx, err))
		}
		if page.Name == nil {
			return nil, b.wrap("list", prefix, errNotS3)
		}
		for _, object := range page.Contents {
			names = append(names, strings.TrimPrefix(sdk.ToString(object.Key), b.options.Prefix))
		}
		if !pages.HasMorePages() {
			return names, nil
		}
	}
	return nil, b.wrap("list", prefix, fmt.Errorf("more than %d objects", maxPages*1000))
}

// Now implements state.Store. It is the time by S3's clock: the Date header of the answer to a small
// listing. A HEAD would cost less, but its refusals do not say why.
func (b *Bucket) Now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	out, err := b.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &b.options.Bucket, Prefix: &b.options.Prefix, MaxKeys: sdk.Int32(1),
	})
	if err != nil {
		return time.Time{}, b.wrap("read the clock of", "", b.explain(ctx, err))
	}
	now, found := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !found || now.IsZero() || out.Name == nil {
		return time.Time{}, b.wrap("read the clock of", "", errNotS3)
	}
	return now, nil
}

// key is where an object is in the bucket.
func (b *Bucket) key(name string) (*string, error) {
	if err := state.ValidName(name); err != nil {
		return nil, err
	}
	return sdk.String(b.options.Prefix + name), nil
}

// wrap says what was done with which object.
func (b *Bucket) wrap(action, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s s3://%s/%s%s: %w", action, b.options.Bucket, b.options.Prefix, name, err)
}

// get reads an object; the HTTP client repeats that by itself.
func (b *Bucket) get(ctx context.Context, name string) (state.Document, error) {
	key, err := b.key(name)
	if err != nil {
		return state.Document{}, err
	}
	out, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.options.Bucket, Key: key})
	if err != nil {
		return state.Document{}, b.explain(ctx, err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return state.Document{}, retry.Explain(err, b.caller.Host, b.options.CACert != "")
	}
	if sdk.ToString(out.ETag) == "" || out.LastModified == nil {
		return state.Document{}, errNotS3
	}
	return state.Document{Body: body, Revision: *out.ETag, Modified: *out.LastModified}, nil
}

// putOften tries to write until it is certain what happened.
func (b *Bucket) putOften(ctx context.Context, name string, body []byte, revision string) (string, error) {
	inDoubt := false // an earlier try may have taken effect
	for try := uint(1); ; try++ {
		next, err := b.put(ctx, name, body, revision)
		conflict := errors.Is(err, state.ErrConflict) || (revision != "" && errors.Is(err, state.ErrNotFound))
		switch {
		case err == nil:
			return next, nil
		case conflict && !inDoubt:
			return "", conflictError(err)
		case ctx.Err() != nil:
			return "", fmt.Errorf("%w; it is not known whether it was written", err)
		case !conflict && certain(ctx, err):
			return "", err
		}
		inDoubt = true
		found, getErr := b.get(ctx, name)
		switch absent := errors.Is(getErr, state.ErrNotFound); {
		case getErr != nil && !absent:
			return "", fmt.Errorf("%w; it is not known whether it was written: %w", err, getErr)
		case !absent && bytes.Equal(found.Body, body):
			return found.Revision, nil
		case conflict, found.Revision != revision:
			return "", conflictError(err)
		case try >= b.options.Policy.Attempts:
			return "", fmt.Errorf("%w; it was not written", err)
		}
		if err := b.pause(ctx, try, err); err != nil {
			return "", err
		}
	}
}

// conflictError keeps what S3 said and makes it an state.ErrConflict.
func conflictError(err error) error {
	if errors.Is(err, state.ErrConflict) {
		return err
	}
	return fmt.Errorf("%w (%v)", state.ErrConflict, err)
}

// put sends the write once.
func (b *Bucket) put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	key, err := b.key(name)
	if err != nil {
		return "", err
	}
	in := &s3.PutObjectInput{
		Bucket: &b.options.Bucket, Key: key, Body: bytes.NewReader(body),
		ContentType: sdk.String(contentType(name)), ServerSideEncryption: types.ServerSideEncryptionAes256,
	}
	if b.options.KMSKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &b.options.KMSKey
	}
	if revision == "" {
		in.IfNoneMatch = sdk.String("*")
	} else {
		in.IfMatch = &revision
	}
	out, err := b.api.PutObject(ctx, in)
	if err != nil {
		return "", b.explain(ctx, err)
	}
	if sdk.ToString(out.ETag) == "" {
		return "", errNotS3
	}
	return *out.ETag, nil
}

// contentType is for people who look at the bucket.
func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	case strings.HasSuffix(name, ".yml"), strings.HasSuffix(name, ".yaml"):
		return "application/yaml"
	}
	return "application/octet-stream"
}

// deleteOften tries to delete until it is certain what happened. It reads first:
// S3 does not tell an object that is absent from one that changed, and some
// servers know no condition on a deletion.
func (b *Bucket) deleteOften(ctx context.Context, name, revision string) error {
	for try := uint(1); ; try++ {
		found, err := b.get(ctx, name)
		switch {
		case errors.Is(err, state.ErrNotFound) && try > 1:
			return nil // an earlier try took effect
		case err != nil:
			return err
		case found.Revision != revision:
			return state.ErrConflict
		}
		_, err = b.api.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: &b.options.Bucket, Key: sdk.String(b.options.Prefix + name), IfMatch: &revision,
		})
		err = b.explain(ctx, err)
		switch {
		case err == nil:
			return nil
		case certain(ctx, err) || try >= b.options.Policy.Attempts:
			return err
		}
		if err := b.pause(ctx, try, err); err != nil {
			return err
		}
	}
}

// pause waits before the next try of a write, twice as long each time. That goes over a new
// connection: one that has just served a read may be broken without our having seen it yet,
// and unlike a read a write is not sent again by the client.
func (b *Bucket) pause(ctx context.Context, try uint, why error) error {
	wait := min(b.options.Policy.First<<(try-1), b.options.Policy.Max)
	if b.options.Notify != nil {
		b.options.Notify(fmt.Sprintf("%s; trying again in %s", retry.FirstLine(why.Error()), wait))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		b.client.CloseIdleConnections()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w; gave up: %w", why, context.Cause(ctx))
	}
}
