package director

import (
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// cleanUp answers POST /cleanup.
func (t *stock) cleanUp(c *api.Call) {
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
func (t *stock) dropUnused(j *task.Job, keep int) (string, error) {
	releases, stemcells := t.unused(keep)
	stage := j.Stage("Deleting releases", len(releases))
	for _, r := range releases {
		if err := stage.Step(r.label(), func(*task.Step) error { return t.dropRelease(j, r) }); err != nil {
			return "", err
		}
	}
	stage = j.Stage("Deleting stemcells", len(stemcells))
	for _, s := range stemcells {
		if err := stage.Step(s.label(), func(*task.Step) error { return t.dropStemcell(j, s) }); err != nil {
			return "", err
		}
	}
	err := j.Stage("Deleting dns blobs", 1).Step("DNS blobs", func(*task.Step) error { return nil })
	return fmt.Sprintf("Deleted %d release(s), %d stemcell(s), 0 extra compiled package(s), 0 orphaned disk(s), 0 orphaned vm(s), "+
		"0 exported release(s), 0 dns blob(s)", len(releases), len(stemcells)), err
}

// unused lists what no deployment uses, older than the newest to keep.
func (t *stock) unused(keep int) (releases []*release, stemcells []*stemcell) {
	t.Lock()
	defer t.Unlock()
	byName := map[string][]*release{}
	for _, r := range t.releases {
		if len(t.users.ReleaseUsers(r)) == 0 {
			byName[r.name] = append(byName[r.name], r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		versions := byName[name]
		slices.SortFunc(versions, func(a, b *release) int { return compareVersions(a.version, b.version) })
		releases = append(releases, versions[:max(len(versions)-keep, 0)]...)
	}
	for _, s := range t.stemcells {
		if len(t.users.StemcellUsers(s)) == 0 {
			stemcells = append(stemcells, s)
		}
	}
	slices.SortFunc(stemcells, func(a, b *stemcell) int { return compareVersions(a.version, b.version) })
	return releases, stemcells[:max(len(stemcells)-keep, 0)]
}
