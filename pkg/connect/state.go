package connect

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// State opens the store that a source's state section names; nil for a source without one.
func (c Connector) State(s resource.State) (state.Store, error) {
	switch {
	case s == (resource.State{}):
		return nil, nil
	case s.Dir != "":
		dir, err := c.Dir(s.Dir)
		if err != nil {
			return nil, fmt.Errorf("source.state.dir: %w", err)
		}
		return dir, nil
	}
	b, err := c.Bucket(bucket.Options{
		Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, Endpoint: s.Endpoint, PathStyle: s.PathStyle,
		CACert: s.CACert, KMSKey: s.KMSKey,
		Credentials: aws.Credentials{
			AccessKey: s.AccessKeyID, SecretKey: s.SecretAccessKey, SessionToken: s.SessionToken,
			Role: s.Role, IdentityToken: s.IdentityToken,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("source.state: %w", err)
	}
	return b, nil
}

// Dir opens a directory as a store, and makes it if it is not there.
func (c Connector) Dir(path string) (state.Store, error) {
	dir, err := state.NewDir(path)
	if err != nil {
		return nil, err
	}
	return traced{dir, c.Debug}, nil
}

// Bucket opens a bucket as a store; the options lack what all stores have in common.
func (c Connector) Bucket(o bucket.Options) (state.Store, error) {
	o.Policy, o.Notify, o.Debug, o.Env = Patience(retry.Default), c.Notify, c.Debug, c.Env
	b, err := bucket.New(o)
	if err != nil {
		return nil, err
	}
	return traced{b, c.Debug}, nil
}

// traced tells the log what is read and written in a state store: names and
// sizes, no content.
type traced struct {
	state.Store
	debug *slog.Logger
}

func (t traced) tell(ctx context.Context, what, name string, began time.Time, err error, more ...any) {
	more = append([]any{"what", what, "name", name, "took", time.Since(began).Round(time.Microsecond)}, more...)
	if err != nil {
		more = append(more, "error", retry.FirstLine(err.Error()))
	}
	t.debug.DebugContext(ctx, "state", more...)
}

// Get implements state.Store.
func (t traced) Get(ctx context.Context, name string) (state.Document, error) {
	began := time.Now()
	document, err := t.Store.Get(ctx, name)
	t.tell(ctx, "get", name, began, err, "bytes", len(document.Body), "revision", document.Revision)
	return document, err
}

// Put implements state.Store.
func (t traced) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	began := time.Now()
	next, err := t.Store.Put(ctx, name, body, revision)
	t.tell(ctx, "put", name, began, err, "bytes", len(body), "over", revision, "revision", next)
	return next, err
}

// Delete implements state.Store.
func (t traced) Delete(ctx context.Context, name, revision string) error {
	began := time.Now()
	err := t.Store.Delete(ctx, name, revision)
	t.tell(ctx, "delete", name, began, err, "over", revision)
	return err
}

// List implements state.Store.
func (t traced) List(ctx context.Context, prefix string) ([]string, error) {
	began := time.Now()
	names, err := t.Store.List(ctx, prefix)
	t.tell(ctx, "list", prefix, began, err, "names", len(names))
	return names, err
}
