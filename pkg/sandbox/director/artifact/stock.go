// Package artifact is the stemcells and releases of a simulated director: how they are read
// from what was uploaded, what they share with other versions, and how they are deleted.
package artifact

import (
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// users name the deployments that use a release or a stemcell, newest first. Their caller
// holds the lock.
type users interface {
	ReleaseUsers(r *Release) []string
	StemcellUsers(s *Stemcell) []string
}

// Stock is what was uploaded: the director's tables of releases and stemcells.
type Stock struct {
	*store.Store
	queue     *task.Queue
	fetch     *http.Client // downloads releases and stemcells from URLs
	users     users
	stemcells []*Stemcell
	releases  []*Release
}

// New makes empty tables.
func New(s *store.Store, q *task.Queue, fetch *http.Client, users users) *Stock {
	return &Stock{Store: s, queue: q, fetch: fetch, users: users}
}

// SeedRelease makes a release that has every job that is asked for. The caller holds the lock.
func (t *Stock) SeedRelease(name, version string) {
	t.releases = append(t.releases, &Release{releaseManifest: releaseManifest{Name: name, Version: version}, Seeded: true})
}

// SeedStemcell makes a stemcell. The caller holds the lock.
func (t *Stock) SeedStemcell(name, os, version string) {
	t.addStemcell(stemcellManifest{Name: name, OS: os, Version: version, API: 3}, uuid.New())
}
