package command

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// set joins the adapters of the upstreams to component.Set.
func (c *call) set(s resource.Source) (component.Set, error) {
	hub, err := github.New(github.Config{
		URL: s.GitHub.URL, Token: s.GitHub.Token, CACert: s.GitHub.CACert, Notify: c.notify, Debug: c.debug,
		Policy: patience(retry.Default),
	})
	if err != nil {
		return component.Set{}, fmt.Errorf("source.github: %w", err)
	}
	bosh, err := boshio.New(boshio.Config{
		URL: s.BoshIO.URL, CACert: s.BoshIO.CACert, Notify: c.notify, Debug: c.debug, Policy: patience(retry.Default),
	})
	if err != nil {
		return component.Set{}, fmt.Errorf("source.bosh_io: %w", err)
	}
	hosts := map[string]registry.Host{}
	for host, r := range s.Registries {
		hosts[host] = registry.Host{Username: r.Username, Password: r.Password, CACert: r.CACert}
	}
	images, err := registry.New(registry.Config{Hosts: hosts, Notify: c.notify, Debug: c.debug, Policy: patience(retry.Default)})
	if err != nil {
		return component.Set{}, fmt.Errorf("source.registries.%w", err)
	}
	return component.Set{
		Upstreams: component.Upstreams{GitHub: hub, BoshIO: bosh, Registry: images},
		Fetcher: fetcher{artifact.Config{
			CACert: s.GitHub.CACert + "\n" + s.BoshIO.CACert, Log: c.log, Debug: c.debug, Policy: patience(artifact.DefaultPolicy),
		}},
		Now: time.Now, Log: c.log, Debug: c.debug, Deadline: upstreamDeadline,
	}, nil
}

// patience is a policy with its waits as they are in this build.
func patience(p retry.Policy) retry.Policy {
	p.First, p.Max = crash.Scale(p.First), crash.Scale(p.Max)
	return p
}

// fetcher makes the adapter only when there is something to fetch: reading the system's
// certificates takes longer than all of check.
type fetcher struct{ config artifact.Config }

// Fetch implements component.Fetcher.
func (f fetcher) Fetch(ctx context.Context, files ...artifact.File) error {
	fetch, err := artifact.New(f.config)
	if err != nil {
		return err
	}
	return fetch.Fetch(ctx, files...)
}
