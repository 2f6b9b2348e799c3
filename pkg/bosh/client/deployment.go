package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/cloudfoundry/bosh-cli/v7/director"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// Deployment reads a deployment. Its error is bosh.ErrNotFound if there is none. A
// deployment whose first deploy has failed is there.
func (c *Client) Deployment(ctx context.Context, name string) (bosh.Deployment, error) {
	manifest, err := c.Manifest(ctx, name)
	if err != nil {
		return bosh.Deployment{}, err
	}
	deployment := bosh.Deployment{Name: name, Manifest: manifest}
	if named(&deployment) {
		return deployment, nil
	}
	list, err := transport.Read(ctx, c.wire, director.Client.DeploymentsWithoutConfigs)
	if err != nil {
		return bosh.Deployment{}, err
	}
	for _, item := range list {
		if item.Name != name {
			continue
		}
		for _, r := range item.Releases {
			deployment.Releases = append(deployment.Releases, bosh.Release{Name: r.Name, Version: r.Version})
		}
		for _, s := range item.Stemcells {
			deployment.Stemcells = append(deployment.Stemcells, bosh.Stemcell{Name: s.Name, Version: s.Version})
		}
		return deployment, nil
	}
	return bosh.Deployment{}, fmt.Errorf("read deployment %s: it was deleted just now: %w", name, bosh.ErrNotFound)
}

// Manifest reads the manifest of a deployment alone, in one request. Its error is
// bosh.ErrNotFound if there is no such deployment.
func (c *Client) Manifest(ctx context.Context, name string) ([]byte, error) {
	if _, err := deploymentPath(name); err != nil {
		return nil, err
	}
	answer, err := transport.Read(ctx, c.wire, func(d director.Client) (director.DeploymentResp, error) {
		return d.Deployment(url.PathEscape(name))
	})
	return []byte(answer.Manifest), err
}

// named reads the releases and stemcells of a deployment from its manifest. It cannot where a
// stemcell is given by its OS, a version is "latest", or nothing has been deployed;
// then the director's list of deployments knows them.
func named(d *bosh.Deployment) bool {
	var m struct {
		Releases  []bosh.Release
		Stemcells []bosh.Stemcell
	}
	if yaml.Unmarshal(d.Manifest, &m) != nil || len(m.Releases) == 0 {
		return false
	}
	for _, s := range m.Stemcells {
		if s.Name == "" || s.Version == "" || strings.HasSuffix(s.Version, "latest") {
			return false
		}
	}
	for _, r := range m.Releases {
		if strings.HasSuffix(r.Version, "latest") {
			return false
		}
	}
	d.Releases, d.Stemcells = m.Releases, nil
	for _, s := range m.Stemcells {
		d.Stemcells = append(d.Stemcells, bosh.Stemcell{Name: s.Name, Version: s.Version})
	}
	return true
}
