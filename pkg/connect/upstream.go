package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// upstreamDeadline bounds all upstreams of a component set together.
const upstreamDeadline = 90 * time.Second

// Upstreams joins the adapters of the upstreams to upstream.Set; it asks nobody.
func (c Connector) Upstreams(s resource.Source) (upstream.Set, error) {
	hub, err := github.New(github.Config{
		URL: s.GitHub.URL, Token: s.GitHub.Token, CACert: s.GitHub.CACert, Notify: c.Notify, Debug: c.Debug,
		Policy: Patience(retry.Default),
	})
	if err != nil {
		return upstream.Set{}, fmt.Errorf("source.github: %w", err)
	}
	bosh, err := boshio.New(boshio.Config{
		URL: s.BoshIO.URL, CACert: s.BoshIO.CACert, Notify: c.Notify, Debug: c.Debug, Policy: Patience(retry.Default),
	})
	if err != nil {
		return upstream.Set{}, fmt.Errorf("source.bosh_io: %w", err)
	}
	hosts := map[string]registry.Host{}
	for host, r := range s.Registries {
		hosts[host] = registry.Host{Username: r.Username, Password: r.Password, CACert: r.CACert}
	}
	images, err := registry.New(registry.Config{Hosts: hosts, Notify: c.Notify, Debug: c.Debug, Policy: Patience(retry.Default)})
	if err != nil {
		return upstream.Set{}, fmt.Errorf("source.registries.%w", err)
	}
	return upstream.Set{
		Upstreams: upstream.Upstreams{GitHub: hub, BoshIO: bosh, Registry: images},
		Fetcher: fetcher{artifact.Config{
			CACert: s.GitHub.CACert + "\n" + s.BoshIO.CACert, Log: c.Log, Debug: c.Debug, Policy: Patience(artifact.DefaultPolicy),
		}},
		Now: time.Now, Log: c.Log, Debug: c.Debug, Deadline: upstreamDeadline,
	}, nil
}

// fetcher makes the adapter only when there is something to fetch: reading the system's
// certificates takes longer than all of check.
type fetcher struct{ config artifact.Config }

// Fetch implements upstream.Fetcher.
func (f fetcher) Fetch(ctx context.Context, files ...artifact.File) error {
	fetch, err := artifact.New(f.config)
	if err != nil {
		return err
	}
	return fetch.Fetch(ctx, files...)
}

// Fetch downloads a component's file to path, verified by its digest. Nobody is told how
// far it is: whoever waits for it tells that.
func (c Connector) Fetch(ctx context.Context, from resource.Source, found component.Component, path string) error {
	c.Log = nil
	set, err := c.Upstreams(from)
	if err != nil {
		return err
	}
	return set.Fetcher.Fetch(ctx, artifact.File{
		Name: found.Name, URL: found.URL, Path: path, SHA1: found.SHA1, SHA256: found.SHA256, Size: found.Size, Network: found.Network,
	})
}
