package bosh

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudfoundry/bosh-cli/v7/director"
)

// Stemcell is a stemcell on the director.
type Stemcell struct {
	Name    string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	Version string // "1.484"
	OS      string // "ubuntu-jammy"
	CID     string // "ami-0123456789abcdef0 light"
}

// Stemcells lists what was uploaded.
func (c *Client) Stemcells(ctx context.Context) ([]Stemcell, error) {
	answers, err := read(ctx, c, director.Client.Stemcells)
	if err != nil {
		return nil, err
	}
	stemcells := make([]Stemcell, len(answers))
	for i, a := range answers {
		stemcells[i] = Stemcell{Name: a.Name, Version: a.Version, OS: a.OperatingSystem, CID: a.CID}
	}
	return stemcells, nil
}

// Release is one version of a release on the director.
type Release struct {
	Name    string // "concourse"
	Version string // "8.2.5"
}

// Releases lists what was uploaded, a version each.
func (c *Client) Releases(ctx context.Context) ([]Release, error) {
	answers, err := read(ctx, c, director.Client.ReleaseSeries)
	if err != nil {
		return nil, err
	}
	var releases []Release
	for _, series := range answers {
		for _, version := range series.Versions {
			releases = append(releases, Release{Name: series.Name, Version: version.Version})
		}
	}
	return releases, nil
}

// Package is a package of one version of a release.
type Package struct {
	Name     string   // "golang-1.25-linux"
	Source   bool     // its source is there; a compiled release has none
	Compiled []string // the stemcells that it is compiled for: "ubuntu-jammy/1.484"
}

// Packages lists those of a version of a release. Its error is ErrNotFound if the
// director does not have it.
func (c *Client) Packages(ctx context.Context, r Release) ([]Package, error) {
	answer, err := read(ctx, c, func(d director.Client) (director.ReleaseResp, error) {
		return d.Release(url.PathEscape(r.Name), r.Version)
	})
	if err != nil {
		return nil, err
	}
	packages := make([]Package, len(answer.Packages))
	for i, p := range answer.Packages {
		packages[i] = Package{Name: p.Name, Source: p.BlobstoreID != ""}
		for _, compiled := range p.CompiledPackages {
			packages[i].Compiled = append(packages[i].Compiled, compiled.Stemcell.String())
		}
	}
	return packages, nil
}

// Lock keeps other tasks off a thing.
type Lock struct {
	Type      string    // "deployment"
	Resource  []string  // ["concourse"]
	TaskID    int       // 42; it may be a task that is dead, or that held the lock earlier
	ExpiresAt time.Time // renewed every two minutes; a dead task's lock frees itself then
}

// Holds says whether the lock keeps others off at a time. The director lists the locks
// of dead tasks until somebody takes them over. One whose end cannot be read holds.
func (l Lock) Holds(now time.Time) bool { return l.ExpiresAt.IsZero() || now.Before(l.ExpiresAt) }

// Locks lists the locks, expired ones that nobody has cleared away included.
func (c *Client) Locks(ctx context.Context) ([]Lock, error) {
	answers, err := read(ctx, c, director.Client.Locks)
	if err != nil {
		return nil, err
	}
	locks := make([]Lock, len(answers))
	for i, a := range answers {
		locks[i] = Lock{Type: a.Type, Resource: a.Resource}
		// Both come as strings: "17" and "1795254299.944829".
		locks[i].TaskID, _ = strconv.Atoi(a.TaskID)
		if seconds, err := strconv.ParseFloat(a.Timeout, 64); err == nil {
			// With its fraction: cut to the second, a lock would seem free before it is.
			locks[i].ExpiresAt = time.UnixMicro(int64(seconds * 1e6)).UTC()
		}
	}
	return locks, nil
}
