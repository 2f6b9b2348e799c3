package connect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/stock"
)

// taskPoll is how often a director task that is waited for is looked at, as the bosh CLI does.
const taskPoll = 500 * time.Millisecond

// Director is the adapter with what upgrade, verify and bootstrap ask of a director besides.
type Director struct{ *client.Client }

// Director opens a client of a director; it asks nobody. Close ends it.
func (c Connector) Director(s resource.Director) (Director, error) {
	opened, err := client.New(client.Config{Config: transport.Config{
		URL: s.URL, CACert: s.CACert, Username: s.Username, Password: s.Password,
		Client: s.Client, ClientSecret: s.ClientSecret, Notify: c.Notify, Debug: c.Debug,
		Proxy: s.Proxy, ProxyKey: s.ProxyPrivateKey, ProxyHostKey: s.ProxyHostKey,
		Retry: Patience(retry.Default),
	}, Poll: crash.Scale(taskPoll)})
	if err != nil {
		return Director{}, fmt.Errorf("source.director: %w", err)
	}
	return Director{opened}, nil
}

// Admit implements upgrade.Director.
func (d Director) Admit(ctx context.Context, a stock.Artifact) error {
	return dial.Check(ctx, a.URL, a.Network, dial.System)
}

// Upload implements upgrade.Director: from a file where there is one, else by URL.
func (d Director) Upload(ctx context.Context, a stock.Artifact) (int, error) {
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
func (d Director) ConfigServer(ctx context.Context) (bool, error) {
	info, err := d.Client.Info(ctx)
	return slices.Contains(info.Features, "config_server"), err
}

// Version implements bootstrap.Director: /info has "283.1.6 (170763c7)".
func (d Director) Version(ctx context.Context) (string, error) {
	info, err := d.Client.Info(ctx)
	version, _, _ := strings.Cut(info.Version, " ")
	return version, err
}

// CPI implements bootstrap.Director.
func (d Director) CPI(ctx context.Context) (string, error) {
	info, err := d.Client.Info(ctx)
	return info.CPI, err
}

// CloudConfigs implements bootstrap.Director.
func (d Director) CloudConfigs(ctx context.Context) ([][]byte, error) {
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

// DiskUsage implements bootstrap.Director.
func (d Director) DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error) {
	disks, err := d.PersistentDisks(ctx, deployment)
	if err != nil {
		return 0, false, err
	}
	for _, disk := range disks {
		if disk.Group == group {
			percent, known = max(percent, disk.Percent), true
		}
	}
	return percent, known, nil
}

// DeleteDeployment implements bootstrap.Director.
func (d Director) DeleteDeployment(ctx context.Context, name, contextID string) (int, error) {
	return d.Client.DeleteDeployment(ctx, name, bosh.DeleteOptions{ContextID: contextID})
}

// Keeper keeps the list of paused pipelines of a deployment on the director.
func (d Director) Keeper(deployment string) pause.Keeper {
	return pause.InDirector(d.Client, deployment)
}

// Keepers are where the list of paused pipelines may be, the one to write to first: store,
// unless that is nil, and the director.
func (d Director) Keepers(store state.Store, deployment string) []pause.Keeper {
	list := []pause.Keeper{d.Keeper(deployment)}
	if store != nil {
		list = append([]pause.Keeper{pause.InState(store, deployment)}, list...)
	}
	return list
}
