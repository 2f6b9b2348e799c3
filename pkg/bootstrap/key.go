package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// The parameters with the pipeline's keys.
const (
	accessKeyName = "aws_access_key_id"
	secretKeyName = "aws_secret_access_key"
)

// putKeys gives the pipeline keys of its own user, where AWS cannot reach Concourse
// to trust its identity tokens.
func (r *run) putKeys(ctx context.Context, prefix string) (made bool, err error) {
	user := r.infra.PipelineUser
	if user == "" {
		return false, nil
	}
	if have, err := r.haveKey(ctx, prefix); err != nil || have {
		return false, err
	}
	ids, err := r.Account.AccessKeys(ctx, user)
	if err != nil {
		return false, err
	}
	// Keys of which nobody knows the secret, of a run that was killed before it wrote it down.
	for _, id := range ids {
		if err := r.Account.DeleteAccessKey(ctx, user, id); err != nil {
			return false, err
		}
	}
	id, key, err := r.Account.NewAccessKey(ctx, user)
	if err != nil {
		return false, err
	}
	r.Mask(key)
	// The id comes last: with it the key counts as written down.
	if _, err := r.Account.PutParameter(ctx, prefix+secretKeyName, key, r.config.AWS.Tags); err != nil {
		return false, fmt.Errorf("%w; the next run makes another key", err)
	}
	if _, err := r.Account.PutParameter(ctx, prefix+accessKeyName, id, r.config.AWS.Tags); err != nil {
		return false, fmt.Errorf("%w; the next run makes another key", err)
	}
	return true, nil
}

// haveKey says whether the parameters hold a key that the pipeline's user still has, or
// it needs none.
func (r *run) haveKey(ctx context.Context, prefix string) (bool, error) {
	if r.infra.PipelineUser == "" {
		return true, nil
	}
	known, err := r.Account.Parameter(ctx, prefix+accessKeyName)
	if err != nil {
		return false, err
	}
	key, err := r.Account.Parameter(ctx, prefix+secretKeyName)
	if err != nil {
		return false, err
	}
	r.Mask(key)
	ids, err := r.Account.AccessKeys(ctx, r.infra.PipelineUser)
	return !key.Empty() && slices.Contains(ids, known.Reveal()), err
}

// deleteKeys takes the keys from the pipeline's user, which could not be deleted with them.
func (r *run) deleteKeys(ctx context.Context) error {
	if r.infra.PipelineUser == "" {
		return nil
	}
	ids, err := r.Account.AccessKeys(ctx, r.infra.PipelineUser)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.Account.DeleteAccessKey(ctx, r.infra.PipelineUser, id); err != nil {
			return err
		}
	}
	return nil
}
