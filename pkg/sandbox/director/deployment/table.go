// Package deployment is the deployments of a simulated director with their instances, and what
// is asked of them: lists, VMs and their vitals, logs, variables, errands.
package deployment

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Agents answer for what runs on the instances of a director, as tests have it.
type Agents struct {
	DiskUsage func(deployment, group string, index int) int    // in percent; nil: 10
	Logs      func(u Update) map[string][]byte                 // by their path; nil: none
	RunErrand func(ctx context.Context, e Errand) ErrandResult // nil: an empty result
}

// Update is one instance being updated by a deploy.
type Update struct {
	Deployment string            // "concourse"
	Group      string            // "web"
	Index      int               // 0
	ID         string            // the instance's UUID
	AgentID    string            // UUID of its VM's agent, another one after a recreate
	Jobs       []string          // names of the jobs that it gets: ["web", "gate", "bpm"]
	Canary     bool              // whether its step in the event log is marked "(canary)"
	Recreate   bool              // whether its VM is new or replaced
	Manifest   []byte            // the manifest as it was submitted
	Releases   map[string]string // versions of the releases that its jobs use, by name
	Stemcell   string            // "ubuntu-jammy/1.484"
	Task       int               // the task that updates it
}

// Table is the director's table of deployments, with the blobs of their instances.
type Table struct {
	*store.Store
	director string // its name, which variables are below
	queue    *task.Queue
	configs  *config.Table
	hooks    Agents
	rows     []*Deployment
	blobs    map[string][]byte // the blobstore, by id
}

// New makes an empty table.
func New(s *store.Store, director string, q *task.Queue, configs *config.Table, hooks Agents) *Table {
	return &Table{Store: s, director: director, queue: q, configs: configs, hooks: hooks, blobs: map[string][]byte{}}
}

// usersOf names the deployments that match, newest first. The caller holds the lock.
func (t *Table) usersOf(uses func(*Deployment) bool) []string {
	var names []string
	for _, dep := range slices.Backward(t.rows) {
		if uses(dep) {
			names = append(names, dep.Name)
		}
	}
	return names
}

// ReleaseUsers names the deployments that use a release. The caller holds the lock.
func (t *Table) ReleaseUsers(r *artifact.Release) []string {
	return t.usersOf(func(dep *Deployment) bool { return slices.Contains(dep.releases, r) })
}

// StemcellUsers names the deployments that use a stemcell. The caller holds the lock.
func (t *Table) StemcellUsers(s *artifact.Stemcell) []string {
	return t.usersOf(func(dep *Deployment) bool { return slices.Contains(dep.stemcells, s) })
}

// TeamsOf are those of a deployment, and whether there is one. The caller holds the lock.
func (t *Table) TeamsOf(name string) (teams []string, exists bool) {
	if dep := t.Find(name); dep != nil {
		return dep.Teams, true
	}
	return nil, false
}

// TeamsOfDeployment is teamsOf for whoever does not hold the lock.
func (t *Table) TeamsOfDeployment(name string) (teams []string, exists bool) {
	t.Lock()
	defer t.Unlock()
	return t.TeamsOf(name)
}

// Add makes the row of a deployment. The caller holds the lock.
func (t *Table) Add(dep *Deployment) { t.rows = append(t.rows, dep) }

// Drop deletes the row of a deployment. The caller holds the lock.
func (t *Table) Drop(dep *Deployment) {
	t.rows = slices.DeleteFunc(t.rows, func(other *Deployment) bool { return other == dep })
}
