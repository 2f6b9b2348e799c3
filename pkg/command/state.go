package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// store gives nil for a source without a state section.
func (c *call) store(s resource.State) (state.Store, error) {
	switch {
	case s == (resource.State{}):
		return nil, nil
	case s.Dir != "":
		dir, err := state.NewDir(s.Dir)
		if err != nil {
			return nil, fmt.Errorf("source.state.dir: %w", err)
		}
		return dir, nil
	}
	b, err := aws.New(aws.Options{
		Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, Endpoint: s.Endpoint, PathStyle: s.PathStyle,
		CACert: s.CACert, KMSKey: s.KMSKey, Policy: patience(retry.Default), Notify: c.notify, Env: c.Env,
		Credentials: aws.Credentials{
			AccessKey: s.AccessKeyID, SecretKey: s.SecretAccessKey, SessionToken: s.SessionToken,
			Role: s.Role, IdentityToken: s.IdentityToken,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("source.state: %w", err)
	}
	return bucket{b}, nil
}

// bucket is a state store over the adapter.
type bucket struct{ *aws.Bucket }

// Get implements state.Store.
func (b bucket) Get(ctx context.Context, name string) (state.Document, error) {
	object, err := b.Bucket.Get(ctx, name)
	return state.Document(object), stateError(err)
}

// Put implements state.Store.
func (b bucket) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	revision, err := b.Bucket.Put(ctx, name, body, revision)
	return revision, stateError(err)
}

// Delete implements state.Store.
func (b bucket) Delete(ctx context.Context, name, revision string) error {
	return stateError(b.Bucket.Delete(ctx, name, revision))
}

// List implements state.Store.
func (b bucket) List(ctx context.Context, prefix string) ([]string, error) {
	names, err := b.Bucket.List(ctx, prefix)
	return names, stateError(err)
}

// Now implements state.Store.
func (b bucket) Now(ctx context.Context) (time.Time, error) {
	now, err := b.Bucket.Now(ctx)
	return now, stateError(err)
}

func stateError(err error) error {
	switch {
	case errors.Is(err, aws.ErrNotFound):
		return &translated{err, state.ErrNotFound}
	case errors.Is(err, aws.ErrConflict):
		return &translated{err, state.ErrConflict}
	}
	return err
}
