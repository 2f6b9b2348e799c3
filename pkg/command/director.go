package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// director speaks upgrade's language over the adapter.
type director struct{ client *bosh.Client }

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

func (d director) close() { _ = d.client.Close() }

// Deployment implements upgrade.Director.
func (d director) Deployment(ctx context.Context, name string) (upgrade.Deployed, error) {
	found, err := d.client.Deployment(ctx, name)
	if err != nil {
		return upgrade.Deployed{}, notFound(err)
	}
	out := upgrade.Deployed{Manifest: found.Manifest}
	for _, r := range found.Releases {
		out.Releases = append(out.Releases, upgrade.NameVersion(r))
	}
	for _, s := range found.Stemcells {
		out.Stemcells = append(out.Stemcells, upgrade.NameVersion{Name: s.Name, Version: s.Version})
	}
	return out, nil
}

// Manifest implements upgrade.Director.
func (d director) Manifest(ctx context.Context, name string) ([]byte, error) {
	text, err := d.client.Manifest(ctx, name)
	return text, notFound(err)
}

// Task implements upgrade.Director.
func (d director) Task(ctx context.Context, id int) (upgrade.Task, error) {
	task, err := d.client.Task(ctx, id)
	return upgrade.Task(task), notFound(err)
}

// Tasks implements upgrade.Director.
func (d director) Tasks(ctx context.Context, f upgrade.TaskFilter) ([]upgrade.Task, error) {
	list, err := d.client.Tasks(ctx, bosh.TaskFilter(f))
	if err != nil {
		return nil, err
	}
	out := make([]upgrade.Task, len(list))
	for i, t := range list {
		out[i] = upgrade.Task(t)
	}
	return out, nil
}

// Events implements upgrade.Director.
func (d director) Events(ctx context.Context, id int) ([]upgrade.Event, error) {
	list, _, err := d.client.TaskEvents(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	out := make([]upgrade.Event, len(list))
	for i, e := range list {
		out[i] = upgrade.Event(e)
	}
	return out, nil
}

// Wait implements upgrade.Director.
func (d director) Wait(ctx context.Context, id int, report func(upgrade.Event)) (upgrade.Task, error) {
	task, err := d.client.Wait(ctx, id, crash.Scale(taskPoll), func(e bosh.Event) { report(upgrade.Event(e)) })
	return upgrade.Task(task), err
}

// Locks implements upgrade.Director.
func (d director) Locks(ctx context.Context) ([]upgrade.Lock, error) {
	list, err := d.client.Locks(ctx)
	if err != nil {
		return nil, err
	}
	var out []upgrade.Lock
	for _, l := range list {
		// The director lists locks of dead tasks until somebody takes them over.
		if len(l.Resource) > 0 && time.Now().Before(l.ExpiresAt) {
			out = append(out, upgrade.Lock{Type: l.Type, Resource: l.Resource[0], TaskID: strconv.Itoa(l.TaskID)})
		}
	}
	return out, nil
}

// Stemcells implements upgrade.Director.
func (d director) Stemcells(ctx context.Context) ([]upgrade.Stemcell, error) {
	list, err := d.client.Stemcells(ctx)
	out := make([]upgrade.Stemcell, len(list))
	for i, s := range list {
		out[i] = upgrade.Stemcell{Name: s.Name, Version: s.Version, OS: s.OS}
	}
	return out, err
}

// Releases implements upgrade.Director.
func (d director) Releases(ctx context.Context) ([]upgrade.NameVersion, error) {
	list, err := d.client.Releases(ctx)
	out := make([]upgrade.NameVersion, len(list))
	for i, r := range list {
		out[i] = upgrade.NameVersion(r)
	}
	return out, err
}

// Packages implements upgrade.Director.
func (d director) Packages(ctx context.Context, release upgrade.NameVersion) ([]upgrade.Package, error) {
	list, err := d.client.Packages(ctx, bosh.Release(release))
	out := make([]upgrade.Package, len(list))
	for i, p := range list {
		out[i] = upgrade.Package(p)
	}
	return out, notFound(err)
}

// Admit implements upgrade.Director.
func (d director) Admit(ctx context.Context, a upgrade.Artifact) error {
	return dial.Check(ctx, a.URL, a.Network, dial.System)
}

// Upload implements upgrade.Director: from a file where there is one, else by URL. Its
// error is upgrade.ErrUncertain when the director may have accepted.
func (d director) Upload(ctx context.Context, a upgrade.Artifact) (int, error) {
	task, err := d.upload(ctx, a)
	var uncertain *bosh.UncertainError
	if errors.As(err, &uncertain) {
		return 0, &translated{err, upgrade.ErrUncertain}
	}
	return task, translate(err, bosh.ErrForbidden, upgrade.ErrForbidden)
}

func (d director) upload(ctx context.Context, a upgrade.Artifact) (int, error) {
	u := bosh.Upload{Name: a.Name, Version: a.Version, URL: a.URL, SHA1: a.SHA1, SHA256: a.SHA256, Fix: a.Fix, ContextID: a.ContextID}
	switch {
	case a.Content != nil:
		return d.client.UploadRelease(ctx, a.Name+"/"+a.Version, a.Content, a.ContextID)
	case a.Stemcell && a.File != "":
		return d.client.UploadStemcellFile(ctx, a.File, u)
	case a.Stemcell:
		return d.client.UploadStemcellURL(ctx, u)
	case a.File != "":
		return d.client.UploadReleaseFile(ctx, a.File, u)
	}
	return d.client.UploadReleaseURL(ctx, u)
}

// Diff implements upgrade.Director.
func (d director) Diff(ctx context.Context, deployment string, text []byte) (upgrade.Diff, error) {
	diff, err := d.client.Diff(ctx, deployment, text)
	if err != nil {
		return upgrade.Diff{}, err
	}
	out := upgrade.Diff{Context: diff.Context}
	for _, line := range diff.Lines {
		out.Lines = append(out.Lines, upgrade.DiffLine{Op: line.Op, Text: line.Text})
	}
	return out, nil
}

// Deploy implements upgrade.Director. Its error is upgrade.ErrUncertain when the
// director may have accepted.
func (d director) Deploy(ctx context.Context, text []byte, o upgrade.DeployOptions) (int, error) {
	id, err := d.client.Deploy(ctx, text, bosh.DeployOptions{
		ContextID: o.ContextID, DiffContext: o.DiffContext, Recreate: o.Recreate, Fix: o.Fix,
		SkipDrain: o.SkipDrain, Canaries: o.Canaries, MaxInFlight: o.MaxInFlight,
	})
	var uncertain *bosh.UncertainError
	if errors.As(err, &uncertain) {
		return 0, &translated{err, upgrade.ErrUncertain}
	}
	return id, err
}

// Instances implements upgrade.Director.
func (d director) Instances(ctx context.Context, name string) ([]upgrade.Instance, error) {
	list, err := d.client.Instances(ctx, name)
	out := make([]upgrade.Instance, len(list))
	for i, in := range list {
		out[i] = upgrade.Instance{Group: in.Group, ID: in.ID, Agent: in.AgentID, Index: in.Index, State: in.State, Wanted: in.Wanted}
	}
	return out, notFound(refused(err))
}

// Logs implements upgrade.Director.
func (d director) Logs(ctx context.Context, deployment, group, id string) (map[string][]byte, error) {
	return d.client.Logs(ctx, deployment, group, id)
}

// ConfigServer implements upgrade.Director.
func (d director) ConfigServer(ctx context.Context) (bool, error) {
	info, err := d.client.Info(ctx)
	return slices.Contains(info.Features, "config_server"), err
}

// Version implements bootstrap.Director: /info has "283.1.6 (170763c7)".
func (d director) Version(ctx context.Context) (string, error) {
	info, err := d.client.Info(ctx)
	version, _, _ := strings.Cut(info.Version, " ")
	return version, err
}

// CPI implements bootstrap.Director.
func (d director) CPI(ctx context.Context) (string, error) {
	info, err := d.client.Info(ctx)
	return info.CPI, err
}

// CloudConfigs implements bootstrap.Director.
func (d director) CloudConfigs(ctx context.Context) ([][]byte, error) {
	list, err := d.client.Configs(ctx, "cloud", "")
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
	now, err := d.client.CloudConfig(ctx)
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
	_, err = d.client.UpdateConfig(ctx, "cloud", "default", string(content), now.ID)
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

func notFound(err error) error { return translate(err, bosh.ErrNotFound, upgrade.ErrNotFound) }
