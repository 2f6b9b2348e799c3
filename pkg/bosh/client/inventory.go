package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudfoundry/bosh-cli/v7/director"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// Stemcells lists what was uploaded.
func (c *Client) Stemcells(ctx context.Context) ([]bosh.Stemcell, error) {
	answers, err := transport.Read(ctx, c.wire, director.Client.Stemcells)
	if err != nil {
		return nil, err
	}
	stemcells := make([]bosh.Stemcell, len(answers))
	for i, a := range answers {
		stemcells[i] = bosh.Stemcell{Name: a.Name, Version: a.Version, OS: a.OperatingSystem, CID: a.CID}
	}
	return stemcells, nil
}

// Releases lists what was uploaded, a version each.
func (c *Client) Releases(ctx context.Context) ([]bosh.Release, error) {
	answers, err := transport.Read(ctx, c.wire, director.Client.ReleaseSeries)
	if err != nil {
		return nil, err
	}
	var releases []bosh.Release
	for _, series := range answers {
		for _, version := range series.Versions {
			releases = append(releases, bosh.Release{Name: series.Name, Version: version.Version})
		}
	}
	return releases, nil
}

// Packages lists those of a version of a release. Its error is bosh.ErrNotFound if the
// director does not have it.
func (c *Client) Packages(ctx context.Context, r bosh.Release) ([]bosh.Package, error) {
	answer, err := transport.Read(ctx, c.wire, func(d director.Client) (director.ReleaseResp, error) {
		return d.Release(url.PathEscape(r.Name), r.Version)
	})
	if err != nil {
		return nil, err
	}
	packages := make([]bosh.Package, len(answer.Packages))
	for i, p := range answer.Packages {
		packages[i] = bosh.Package{Name: p.Name, Source: p.BlobstoreID != ""}
		for _, compiled := range p.CompiledPackages {
			packages[i].Compiled = append(packages[i].Compiled, compiled.Stemcell.String())
		}
	}
	return packages, nil
}

// Locks lists the locks, expired ones that nobody has cleared away included.
func (c *Client) Locks(ctx context.Context) ([]bosh.Lock, error) {
	answers, err := transport.Read(ctx, c.wire, director.Client.Locks)
	if err != nil {
		return nil, err
	}
	locks := make([]bosh.Lock, len(answers))
	for i, a := range answers {
		locks[i] = bosh.Lock{Type: a.Type, Resource: a.Resource}
		// Both come as strings: "17" and "1795254299.944829".
		locks[i].TaskID, _ = strconv.Atoi(a.TaskID)
		if seconds, err := strconv.ParseFloat(a.Timeout, 64); err == nil {
			// With its fraction: cut to the second, a lock would seem free before it is.
			locks[i].ExpiresAt = time.UnixMicro(int64(seconds * 1e6)).UTC()
		}
	}
	return locks, nil
}
