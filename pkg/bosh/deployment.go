package bosh

import (
	"context"
	"fmt"
	"net/url"

	"github.com/cloudfoundry/bosh-cli/v7/director"
)

// Deployment is what the director runs, or tries to run, under a name.
type Deployment struct {
	Name string // "concourse"
	// Manifest is the last one that was deployed, as the director keeps it: keys
	// sorted, "latest" replaced by a version. Empty if no deploy has succeeded.
	Manifest  []byte
	Releases  []Release
	Stemcells []Stemcell // without OS and CID
}

// Deployment reads a deployment. Its error is ErrNotFound if there is none. A
// deployment whose first deploy has failed is there.
func (c *Client) Deployment(ctx context.Context, name string) (Deployment, error) {
	if _, err := deploymentPath(name); err != nil {
		return Deployment{}, err
	}
	answer, err := read(ctx, c, func(d director.Client) (director.DeploymentResp, error) {
		return d.Deployment(url.PathEscape(name))
	})
	if err != nil {
		return Deployment{}, err
	}
	deployment := Deployment{Name: name, Manifest: []byte(answer.Manifest)}
	list, err := read(ctx, c, director.Client.DeploymentsWithoutConfigs)
	if err != nil {
		return Deployment{}, err
	}
	for _, item := range list {
		if item.Name != name {
			continue
		}
		for _, r := range item.Releases {
			deployment.Releases = append(deployment.Releases, Release{Name: r.Name, Version: r.Version})
		}
		for _, s := range item.Stemcells {
			deployment.Stemcells = append(deployment.Stemcells, Stemcell{Name: s.Name, Version: s.Version})
		}
		return deployment, nil
	}
	return Deployment{}, fmt.Errorf("read deployment %s: it was deleted just now: %w", name, ErrNotFound)
}
