package installation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
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
func (c *Connector) openStore(ctx context.Context, of *config.Config, accountID string, create bool) (state.Store, bool, error) {
	if of.State != nil && of.State.Dir != "" {
		return c.openDir(of.State.Dir, create)
	}
	spec, err := c.bucket(of, accountID)
	if err != nil {
		return nil, false, err
	}
	created := false
	if create {
		created, err = c.account.EnsureBucket(ctx, spec)
	} else if exists, lookErr := c.account.BucketExists(ctx, spec); lookErr != nil {
		err = lookErr
	} else if !exists {
		err = fmt.Errorf("bucket %s: %w", spec.Name, bootstrap.ErrNotFound)
	}
	if err != nil {
		return nil, false, err
	}
	if err := c.adoptKey(ctx, &spec); err != nil && (create || !errors.Is(err, aws.ErrDenied)) {
		return nil, false, err // who only reads needs no key
	}
	store, err := c.Bucket(bucket.Options{
		Bucket: spec.Name, Region: c.account.Region(), KMSKey: spec.KMSKey, Connection: c.account.Connection(),
	})
	return store, created, err
}

// adoptKey takes the key that the bucket has for the one that is wanted, where nothing
// is said of it: objects, the stack and the pipeline use it, too.
func (c *Connector) adoptKey(ctx context.Context, spec *statebucket.Spec) error {
	if spec.KMSKey != "" || spec.S3Key {
		return nil
	}
	key, err := c.account.BucketKey(ctx, *spec)
	if err != nil || key == "" {
		return err
	}
	spec.KMSKey = key
	return config.Apply(c.Config, "bucket "+spec.Name, "state.kms_key", key)
}

// bucket describes the bucket of the state.
func (c *Connector) bucket(of *config.Config, accountID string) (statebucket.Spec, error) {
	if c.account == nil {
		return statebucket.Spec{}, errNoStore
	}
	spec := statebucket.Spec{Name: config.BucketName(of, accountID), Owner: ownerTag, Tags: tags(of)}
	if of.State != nil {
		spec.KMSKey = of.State.KMSKey
	}
	spec.S3Key = spec.KMSKey == "" && slices.Contains(c.Config.Reset, "state.kms_key")
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
func (c *Connector) openDir(path string, create bool) (state.Store, bool, error) {
	_, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && !create:
		return nil, false, fmt.Errorf("directory %s: %w", path, bootstrap.ErrNotFound)
	case err != nil && !missing:
		return nil, false, fmt.Errorf("open the state: %w", err)
	}
	store, err := c.Dir(path)
	return store, missing, err
}

// deleteStore removes the state with everything in it.
func (c *Connector) deleteStore(ctx context.Context, of *config.Config, accountID string) error {
	if of.State != nil && of.State.Dir != "" {
		return emptyDir(ctx, of.State.Dir)
	}
	spec, err := c.bucket(of, accountID)
	if err != nil {
		return err
	}
	return c.account.DeleteBucket(ctx, spec)
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
