package bucket

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// explain makes an error of the SDK ours, and that of a state's store where it is one.
func (b *Bucket) explain(ctx context.Context, err error) error {
	err = b.caller.Explain(ctx, err)
	var e *aws.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == "NoSuchBucket":
		e.Kind = nil // or it would be taken for a document that is not there yet
	case e.Status == http.StatusNotFound:
		e.Kind = state.ErrNotFound
	case e.Status == http.StatusPreconditionFailed, e.Status == http.StatusConflict:
		e.Kind = state.ErrConflict // 409: ConditionalRequestConflict, OperationAborted
	case e.Kind == aws.ErrDenied && !strings.Contains(e.Message, "explicit deny") && ofObjects(e.Message): //nolint:errorlint // a kind is one of the constants
		e.Hint = "the role needs s3:GetObject, s3:PutObject and s3:DeleteObject on the objects and s3:ListBucket on the bucket"
	}
	return e
}

// ofObjects says whether a refusal may be about the objects, and not about the key that
// encrypts them.
func ofObjects(message string) bool {
	missing := aws.Missing(message)
	return missing == "" || strings.HasPrefix(missing, "s3:")
}

// certain says whether err means that a write had no effect, and would have none
// if it were repeated: S3 said so, or the connection was never trusted.
func certain(ctx context.Context, err error) bool {
	var refused *aws.Error
	if errors.As(err, &refused) {
		return refused.Status < 500 && refused.Status != http.StatusRequestTimeout && refused.Status != http.StatusTooManyRequests
	}
	return errors.Is(err, aws.ErrCredentials) || retry.Permanent(ctx, err)
}
