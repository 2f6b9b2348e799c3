package state_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

func TestDir_keepsTheContractOfStores(t *testing.T) {
	statetest.Run(t, func(t *testing.T) func() state.Store {
		path := t.TempDir()
		return func() state.Store {
			dir, err := state.NewDir(path)
			if err != nil {
				t.Error(err)
			}
			return dir
		}
	})
}

func TestBucket_keepsTheContractOfStores(t *testing.T) {
	statetest.Run(t, func(t *testing.T) func() state.Store {
		simulator, err := s3.New("state")
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(simulator)
		t.Cleanup(server.Close)
		return func() state.Store {
			bucket, err := aws.New(aws.Options{
				Bucket: "state", Prefix: "ci", Endpoint: server.URL, PathStyle: true,
				Credentials: aws.Credentials{AccessKey: "AKIATEST", SecretKey: secret.New("s3cret")},
			})
			if err != nil {
				t.Error(err)
			}
			return bridge{bucket}
		}
	})
}

// bridge makes a bucket a store, as pkg/command does.
type bridge struct{ *aws.Bucket }

func (b bridge) Get(ctx context.Context, name string) (state.Document, error) {
	if err := state.ValidName(name); err != nil {
		return state.Document{}, err
	}
	object, err := b.Bucket.Get(ctx, name)
	return state.Document(object), translate(err)
}

func (b bridge) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	if err := state.ValidName(name); err != nil {
		return "", err
	}
	next, err := b.Bucket.Put(ctx, name, body, revision)
	return next, translate(err)
}

func (b bridge) Delete(ctx context.Context, name, revision string) error {
	if err := state.ValidName(name); err != nil {
		return err
	}
	return translate(b.Bucket.Delete(ctx, name, revision))
}

func (b bridge) Now(ctx context.Context) (time.Time, error) {
	now, err := b.Bucket.Now(ctx)
	return now, translate(err)
}

func translate(err error) error {
	switch {
	case errors.Is(err, aws.ErrNotFound):
		return fmt.Errorf("%w: %w", state.ErrNotFound, err)
	case errors.Is(err, aws.ErrConflict):
		return fmt.Errorf("%w: %w", state.ErrConflict, err)
	}
	return err
}
