package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/stock"
)

// taskPoll is how often a director task that is waited for is looked at, as the bosh CLI does.
const taskPoll = 500 * time.Millisecond

// director is the adapter with what the steps of an upgrade ask of it besides.
type director struct{ *bosh.Client }

func (c *call) director(s resource.Director) (director, error) {
	client, err := bosh.New(bosh.Config{
		URL: s.URL, CACert: s.CACert, Username: s.Username, Password: s.Password,
		Client: s.Client, ClientSecret: s.ClientSecret, Notify: c.notify, Debug: c.debug,
		Proxy: s.Proxy, ProxyKey: s.ProxyPrivateKey, ProxyHostKey: s.ProxyHostKey,
		Retry: patience(retry.Default), Poll: crash.Scale(taskPoll),
	})
	if err != nil {
		return director{}, fmt.Errorf("source.director: %w", err)
	}
	return director{client}, nil
}

func (d director) close() { _ = d.Close() }

// Admit implements upgrade.Director.
func (d director) Admit(ctx context.Context, a stock.Artifact) error {
	return dial.Check(ctx, a.URL, a.Network, dial.System)
}

// Upload implements upgrade.Director: from a file where there is one, else by URL.
func (d director) Upload(ctx context.Context, a stock.Artifact) (int, error) {
	u := bosh.Upload{Name: a.Name, Version: a.Version, URL: a.URL, SHA1: a.SHA1, SHA256: a.SHA256, Fix: a.Fix, ContextID: a.ContextID}
	switch {
	case a.Content != nil:
		return d.Client.UploadRelease(ctx, a.Name+"/"+a.Version, a.Content, a.ContextID)
	case a.Stemcell && a.File != "":
		return d.Client.UploadStemcellFile(ctx, a.File, u)
	case a.Stemcell:
		return d.Client.UploadStemcellURL(ctx, u)
	case a.File != "":
		return d.Client.UploadReleaseFile(ctx, a.File, u)
	}
	return d.Client.UploadReleaseURL(ctx, u)
}

// ConfigServer implements upgrade.Director.
func (d director) ConfigServer(ctx context.Context) (bool, error) {
	info, err := d.Client.Info(ctx)
	return slices.Contains(info.Features, "config_server"), err
}

// Version implements bootstrap.Director: /info has "283.1.6 (170763c7)".
func (d director) Version(ctx context.Context) (string, error) {
	info, err := d.Client.Info(ctx)
	version, _, _ := strings.Cut(info.Version, " ")
	return version, err
}

// CPI implements bootstrap.Director.
func (d director) CPI(ctx context.Context) (string, error) {
	info, err := d.Client.Info(ctx)
	return info.CPI, err
}

// CloudConfigs implements bootstrap.Director.
func (d director) CloudConfigs(ctx context.Context) ([][]byte, error) {
	list, err := d.Client.Configs(ctx, "cloud", "")
	if err != nil {
		return nil, err
	}
	texts := make([][]byte, len(list))
	for i, c := range list {
		texts[i] = []byte(c.Content)
	}
	return texts, nil
}
