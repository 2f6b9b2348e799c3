package director

import (
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// users name the deployments that use a release or a stemcell, newest first. Their caller
// holds the lock.
type users interface {
	ReleaseUsers(r *release) []string
	StemcellUsers(s *stemcell) []string
}

// stock is what was uploaded: the director's tables of releases and stemcells.
type stock struct {
	*store.Store
	queue     *task.Queue
	fetch     *http.Client // downloads releases and stemcells from URLs
	users     users
	stemcells []*stemcell
	releases  []*release
}

// newStock makes empty tables.
func newStock(s *store.Store, q *task.Queue, fetch *http.Client, users users) *stock {
	return &stock{Store: s, queue: q, fetch: fetch, users: users}
}

// seedRelease makes a release that has every job that is asked for. The caller holds the lock.
func (t *stock) seedRelease(name, version string) {
	t.releases = append(t.releases, &release{releaseManifest: releaseManifest{name: name, version: version}, seeded: true})
}

// seedStemcell makes a stemcell. The caller holds the lock.
func (t *stock) seedStemcell(name, os, version string) {
	t.addStemcell(stemcellManifest{name: name, os: os, version: version, api: 3}, uuid.New())
}
