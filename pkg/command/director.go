package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
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
func (d director) Admit(ctx context.Context, a upgrade.Artifact) error {
	return dial.Check(ctx, a.URL, a.Network, dial.System)
}

// Upload implements upgrade.Director: from a file where there is one, else by URL.
func (d director) Upload(ctx context.Context, a upgrade.Artifact) (int, error) {
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

// SetCloudConfig implements upgrade.Director. It compares by content, as the director writes YAML in its own way.
func (d director) SetCloudConfig(ctx context.Context, content []byte, dryRun bool, tell func(string)) (bool, error) {
	wanted, err := manifest.Digest(content)
	if err != nil {
		return false, err
	}
	now, err := d.Client.CloudConfig(ctx)
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return false, err
	}
	is, err := manifest.Digest([]byte(now.Content))
	if err != nil {
		return false, err
	}
	if is == wanted {
		return false, nil
	}
	for _, line := range cloudConfigLines([]byte(now.Content), content) {
		tell(line)
	}
	if dryRun {
		return true, nil
	}
	// Without one yet there is no id to hold the director to.
	_, err = d.Client.UpdateConfig(ctx, "cloud", "default", string(content), now.ID)
	return true, err
}

// cloudConfigLines say how two cloud configs differ, with what looks like a secret hidden.
func cloudConfigLines(before, after []byte) []string {
	var r difference.Reader
	old, err := r.Read(before)
	if err != nil { // set by others: all of ours is new
		old = nil
	}
	wanted, err := r.Read(after)
	if err != nil {
		return []string{"! " + err.Error()}
	}
	if lines := difference.Lines(old, wanted); len(lines) > 0 {
		return lines
	}
	return []string{"! the cloud config has changed only in a hidden value or in the order of a list"}
}
