package deployment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Arrangement is the order and the pace in which BOSH updates the parts of a
// Concourse. It is not part of what is deployed: a director that gets the same
// manifest in another arrangement changes nothing.
type Arrangement struct {
	WorkersFirst  bool        // worker groups before web groups; else web groups before worker groups
	WorkersAtOnce bool        // all workers of a group at once, for an upgrade while nothing runs
	First         bool        // nothing is deployed yet, so that nothing is replaced
	Gate          *Colocation // the job that is colocated on every web group; nil adds none
	WatchTime     string      // how long BOSH watches a web: "300000-7200000"; "" as the manifest has it
}

// Colocation is a job of another release on the VMs of a group.
type Colocation struct {
	Release string // "perpetual"
	Version string // "1"
	Job     string // "gate"
}

// Arrange puts a rendered manifest into an arrangement. Groups are known by
// their jobs, the web and the worker of the release concourse, not by their
// names. Only worker groups move, so that what came before a web still does.
//
// The text comes back byte for byte where nothing is to be changed. Notes say
// what was changed over the manifest's own settings, and what cannot be helped.
// A setting with which builds would error is refused, but for an upgrade while
// nothing runs (WorkersAtOnce).
func Arrange(f template.File, a Arrangement) (text []byte, notes []string, err error) {
	d, err := parseDocument(f)
	if err != nil {
		return nil, nil, fmt.Errorf("parse %s: %w", f.Name, err)
	}
	for _, step := range []func(*document, Arrangement) error{
		(*document).order, (*document).replaceAtOnce, (*document).serialize,
		(*document).keepWorkers, (*document).colocate, (*document).watch,
	} {
		if err := step(d, a); err != nil {
			return nil, nil, fmt.Errorf("arrange %s: %w", f.Name, err)
		}
	}
	if !d.changed {
		return f.Text, d.notes, nil
	}
	text, err = d.text()
	if err != nil {
		return nil, nil, fmt.Errorf("arrange %s: %w", f.Name, err)
	}
	return text, d.notes, nil
}

// Arranged reads back how a deployed manifest is arranged; release and job are
// the gate's. The template of that manifest, arranged so, gives it again.
func Arranged(text []byte, release, job string) (Arrangement, error) {
	d, err := parseDocument(template.File{Text: text})
	if err != nil {
		return Arrangement{}, fmt.Errorf("parse the deployed manifest: %w", err)
	}
	a := Arrangement{WorkersAtOnce: d.replacesAtOnce(), WatchTime: d.watchTime()}
	webs, workers := d.indexes((*group).webOnly), d.indexes((*group).workerOnly)
	if len(webs) > 0 && len(workers) > 0 {
		a.WorkersFirst = workers[len(workers)-1] < webs[0]
	}
	web := d.indexes((*group).isWeb)
	missing := slices.ContainsFunc(web, func(i int) bool { return !d.groups[i].has(release, job) })
	if version, ok := d.release(release); ok && len(web) > 0 && !missing {
		a.Gate = &Colocation{Release: release, Version: version, Job: job}
	}
	return a, nil
}

// order moves worker groups behind the last web group, or before the first, and
// a database before both.
func (d *document) order(a Arrangement) error {
	for _, g := range d.groups {
		if !g.isWeb() || !g.isWorker() {
			continue
		}
		if !a.WorkersAtOnce && !a.First {
			return fmt.Errorf("instance group %s has both web and worker, which cannot be updated one after the other: put them into groups of their own, or upgrade with upgrade.way: quiet", g.Name)
		}
		d.note("instance group %s has both web and worker: they are updated together", g.Name)
	}
	before := names(d.groups)
	web := d.indexes((*group).webOnly)
	switch {
	case len(web) == 0:
	case a.WorkersFirst:
		d.move((*group).workerOnly, web[0], len(d.groups), true)
	default:
		d.move((*group).workerOnly, 0, web[len(web)-1]+1, false)
	}
	if first := slices.IndexFunc(d.groups, (*group).isEither); first >= 0 {
		d.move((*group).databaseOnly, first, len(d.groups), true)
	}
	if after := names(d.groups); !slices.Equal(before, after) {
		d.changed = true
		d.note("the instance groups are updated in the order %s", strings.Join(after, ", "))
	}
	return nil
}

// move takes the groups of a kind among groups[from:to] to the front or to the
// back of these, in the order in which they are.
func (d *document) move(kind func(*group) bool, from, to int, front bool) {
	var taken, left []*group
	for _, g := range d.groups[from:to] {
		if kind(g) {
			taken = append(taken, g)
		} else {
			left = append(left, g)
		}
	}
	if !front {
		taken, left = left, taken
	}
	d.groups = slices.Concat(d.groups[:from], taken, left, d.groups[to:])
}

// colocate adds the gate to the web groups, and its release.
func (d *document) colocate(a Arrangement) error {
	web := d.indexes((*group).isWeb)
	if a.Gate == nil || len(web) == 0 {
		return nil
	}
	for _, i := range web {
		if !d.groups[i].has(a.Gate.Release, a.Gate.Job) {
			add(d.groups[i].spec, "jobs", map[any]any{"name": a.Gate.Job, "release": a.Gate.Release})
			d.changed = true
		}
	}
	switch version, ok := d.release(a.Gate.Release); {
	case !ok:
		add(d.root, "releases", map[any]any{"name": a.Gate.Release, "version": a.Gate.Version})
		d.changed = true
	case version != a.Gate.Version:
		d.note("the manifest itself has release %s, version %s: it is left as it is (this program would take %s)", a.Gate.Release, version, a.Gate.Version)
	}
	return nil
}
