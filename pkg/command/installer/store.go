package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// ownerTag is the key of the tag that makes a resource of AWS one of ours; its
// value is the installation's name.
const ownerTag = "perpetual:name"

// openStore opens the state's store: a directory if one is configured, else a
// bucket. It gives bootstrap.ErrNotFound for one that is not there and shall not
// be made.
func (s *session) openStore(ctx context.Context, c *config.Config, accountID string, create bool) (state.Store, bool, error) {
	if c.State != nil && c.State.Dir != "" {
		return openDir(c.State.Dir, create)
	}
	spec, err := s.bucket(c, accountID)
	if err != nil {
		return nil, false, err
	}
	created := false
	if create {
		created, err = s.account.EnsureBucket(ctx, spec)
	} else if exists, lookErr := s.account.BucketExists(ctx, spec); lookErr != nil {
		err = lookErr
	} else if !exists {
		err = fmt.Errorf("bucket %s: %w", spec.Name, bootstrap.ErrNotFound)
	}
	if err != nil {
		return nil, false, err
	}
	if err := s.adoptKey(ctx, &spec); err != nil && (create || !errors.Is(err, aws.ErrDenied)) {
		return nil, false, err // who only reads needs no key
	}
	b, err := bucket.New(bucket.Options{
		Bucket: spec.Name, Region: s.account.Region(), KMSKey: spec.KMSKey, Connection: s.account.Connection(), Notify: s.Notify, Debug: s.Logger(), Env: s.Env,
	})
	if err != nil {
		return nil, false, err
	}
	return b, created, nil
}

// adoptKey takes the key that the bucket has for the one that is wanted, where nothing
// is said of it: objects, the stack and the pipeline use it, too.
func (s *session) adoptKey(ctx context.Context, spec *account.BucketSpec) error {
	if spec.KMSKey != "" || spec.S3Key {
		return nil
	}
	key, err := s.account.BucketKey(ctx, *spec)
	if err != nil || key == "" {
		return err
	}
	spec.KMSKey = key
	return config.Apply(s.config, "bucket "+spec.Name, "state.kms_key", key)
}

// bucket describes the bucket of the state.
func (s *session) bucket(c *config.Config, accountID string) (account.BucketSpec, error) {
	if s.account == nil {
		return account.BucketSpec{}, errNoStore
	}
	spec := account.BucketSpec{Name: config.BucketName(c, accountID), Owner: ownerTag, Tags: tags(c)}
	if c.State != nil {
		spec.KMSKey = c.State.KMSKey
	}
	spec.S3Key = spec.KMSKey == "" && slices.Contains(s.config.Reset, "state.kms_key")
	return spec, nil
}

var errNoStore = errors.New("state: where is it to be kept? without aws set state.dir or state.bucket, in perpetual.yml or with --state-dir or --state-bucket")

// tags are those of everything that is made in the account.
func tags(c *config.Config) map[string]string {
	all := map[string]string{}
	if c.AWS != nil {
		maps.Copy(all, c.AWS.Tags)
	}
	all[ownerTag] = c.Name
	return all
}

// openDir opens a directory as a store.
func openDir(path string, create bool) (state.Store, bool, error) {
	_, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && !create:
		return nil, false, fmt.Errorf("directory %s: %w", path, bootstrap.ErrNotFound)
	case err != nil && !missing:
		return nil, false, fmt.Errorf("open the state: %w", err)
	}
	dir, err := state.NewDir(path)
	if err != nil {
		return nil, false, err
	}
	return dir, missing, nil
}

// deleteStore removes the state with everything in it.
func (s *session) deleteStore(ctx context.Context, c *config.Config, accountID string) error {
	if c.State != nil && c.State.Dir != "" {
		return emptyDir(ctx, c.State.Dir)
	}
	spec, err := s.bucket(c, accountID)
	if err != nil {
		return err
	}
	return s.account.DeleteBucket(ctx, spec)
}

// emptyDir removes the documents from a directory, and the directory itself if
// there was nothing else in it.
func emptyDir(ctx context.Context, path string) error {
	dir, err := state.NewDir(path)
	if err != nil {
		return err
	}
	names, err := dir.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	for _, name := range names {
		document, err := dir.Get(ctx, name)
		if err == nil {
			err = dir.Delete(ctx, name, document.Revision)
		}
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("delete the state: %w", err)
		}
	}
	return dir.Remove()
}

// storedConfig is what a local directory holds of the last run's configuration,
// nil if the state is elsewhere. It fails with bootstrap.ErrNotFound.
func (s *session) storedConfig(ctx context.Context) (*config.Config, error) {
	c := s.config
	if c.State == nil || c.State.Dir == "" {
		return nil, nil
	}
	store, _, err := openDir(c.State.Dir, false)
	if err != nil {
		return nil, err
	}
	stored, err := s.installation(ctx).Stored(ctx, store)
	if errors.Is(err, bootstrap.ErrNotFound) {
		return nil, fmt.Errorf("directory %s: %w", c.State.Dir, bootstrap.ErrNotFound)
	}
	return stored, err
}
