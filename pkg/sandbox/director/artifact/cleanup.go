package artifact

import (
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// cleanUp answers POST /cleanup.
func (t *Stock) cleanUp(c *api.Call) {
	body, ok := c.ReadBody()
	if !ok {
		return
	}
	doc, _ := document.Parse(body) // JSON is YAML
	request, _ := doc.(document.Mapping)
	options, _ := request.Get("config").(document.Mapping)
	keep, description := 2, "clean up"
	if options.Text("remove_all") == "true" {
		keep, description = 0, "clean up all"
	}
	c.Redirect(t.queue.Submit(c, &task.Row{Description: description, Minor: true, Work: func(j *task.Job) (string, error) { return t.dropUnused(j, keep) }}))
}

// dropUnused deletes releases and stemcells that are in no use, but for the newest to keep.
func (t *Stock) dropUnused(j *task.Job, keep int) (string, error) {
	releases, stemcells := t.unused(keep)
	stage := j.Stage("Deleting releases", len(releases))
	for _, r := range releases {
		if err := stage.Step(r.Label(), func(*task.Step) error { return t.dropRelease(j, r) }); err != nil {
			return "", err
		}
	}
	stage = j.Stage("Deleting stemcells", len(stemcells))
	for _, s := range stemcells {
		if err := stage.Step(s.Label(), func(*task.Step) error { return t.dropStemcell(j, s) }); err != nil {
			return "", err
		}
	}
	err := j.Stage("Deleting dns blobs", 1).Step("DNS blobs", func(*task.Step) error { return nil })
	return fmt.Sprintf("Deleted %d release(s), %d stemcell(s), 0 extra compiled package(s), 0 orphaned disk(s), 0 orphaned vm(s), "+
		"0 exported release(s), 0 dns blob(s)", len(releases), len(stemcells)), err
}

// unused lists what no deployment uses, older than the newest to keep.
func (t *Stock) unused(keep int) (releases []*Release, stemcells []*Stemcell) {
	t.Lock()
	defer t.Unlock()
	byName := map[string][]*Release{}
	for _, r := range t.releases {
		if len(t.users.ReleaseUsers(r)) == 0 {
			byName[r.Name] = append(byName[r.Name], r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		versions := byName[name]
		slices.SortFunc(versions, func(a, b *Release) int { return CompareVersions(a.Version, b.Version) })
		releases = append(releases, versions[:max(len(versions)-keep, 0)]...)
	}
	for _, s := range t.stemcells {
		if len(t.users.StemcellUsers(s)) == 0 {
			stemcells = append(stemcells, s)
		}
	}
	slices.SortFunc(stemcells, func(a, b *Stemcell) int { return CompareVersions(a.Version, b.Version) })
	return releases, stemcells[:max(len(stemcells)-keep, 0)]
}
