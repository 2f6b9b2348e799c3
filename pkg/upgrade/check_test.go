package upgrade_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// versions are those of director tasks.
func versions(ids ...string) []resource.Version {
	list := []resource.Version{}
	for _, id := range ids {
		list = append(list, resource.Version{"task": id})
	}
	return list
}

func TestCheck_givesFinishedDeploysFromTheGivenOneOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		given resource.Version
		edit  func(d *fakeDirector)
		want  []resource.Version
		log   string
	}{
		{"first: the last one", nil, nil, versions("21"), ""},
		{"later: it and all after it", resource.Version{"task": "12"}, nil, versions("12", "14", "21"), ""},
		{"the last one", resource.Version{"task": "21"}, nil, versions("21"), ""},
		{"all, after a put that had nothing to name", resource.Version{"task": "0"}, nil, versions("7", "12", "14", "21"), ""},
		{"forgotten: those after it", resource.Version{"task": "13"}, nil, versions("14", "21"), ""},
		{"of a director that counts from 1 again", resource.Version{"task": "99999"}, nil, versions("21"), "counts its tasks from 1 again"},
		{"the same, whose newest task is not a deploy", resource.Version{"task": "34"}, nil, versions("21"), "director task 34 is not there"},
		{"the same, where that task is a dry run", resource.Version{"task": "31"}, nil, versions("21"), "director task 31 is \"create deployment (dry run)\""},
		{"the same, where that task is an errand", resource.Version{"task": "32"}, nil, versions("21"), "director task 32 is \"run errand smoke\""},
		{"the same, where that task is of another deployment", resource.Version{"task": "33"}, nil, versions("21"), "director task 33 is \"create deployment\" of vault"},
		{"the same, where that task is an upload", resource.Version{"task": "9"}, func(d *fakeDirector) {
			upload := foreign("create release", 0, bosh.StateDone)
			d.lastID, upload.Deployment = 8, ""
			d.add(upload)
		}, versions("21"), "director task 9 is \"create release\""},
		{"the same, where that task is an upload that runs", resource.Version{"task": "9"}, func(d *fakeDirector) {
			upload := foreign("create stemcell", 0, "")
			d.lastID, upload.Deployment = 8, ""
			d.add(upload)
		}, versions("21"), "director task 9 is \"create stemcell\""},
		{"the same, without any deploy", resource.Version{"task": "30"}, func(d *fakeDirector) { d.tasks = nil }, versions(), "director task 30 is not there, and no other deploy of concourse has ended"},
		{"unfinished", resource.Version{"task": "22"}, func(d *fakeDirector) {
			d.lastID = 21
			d.add(foreign("create deployment", 0, ""))
		}, versions(), "director task 22 has not ended yet"},
		{"whose worker has died", resource.Version{"task": "21"}, func(d *fakeDirector) {
			d.lastID = 39
			d.add(fakeTask{Task: foreign("create deployment", 0, "").Task, dead: true})
		}, versions("21", "40"), ""},
		{"first, after 250 errands", nil, func(d *fakeDirector) { d.errands(250) }, versions("21"), ""},
		{"later, after 250 errands", resource.Version{"task": "14"}, func(d *fakeDirector) { d.errands(250) }, versions("14", "21"), ""},
		{"of a director that counts from 1 again, after 250 errands", resource.Version{"task": "99999"}, func(d *fakeDirector) { d.errands(250) }, versions("21"), "counts its tasks from 1 again"},
		{"first, of a deployment that has none", nil, func(d *fakeDirector) { d.tasks = nil }, versions(), ""},
		{"whatever the director's order", resource.Version{"task": "7"}, func(d *fakeDirector) { d.newestFirst = true }, versions("7", "12", "14", "21"), ""},
		{"first, whatever the director's order", nil, func(d *fakeDirector) { d.newestFirst = true }, versions("21"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			d := f.director
			d.past(12, bosh.StateError)
			d.past(14, bosh.StateCancelled)
			d.past(21, bosh.StateTimeout)
			other := foreign("create deployment (dry run)", 0, bosh.StateDone)
			d.lastID = 30
			d.add(other)
			other.Description = "run errand smoke"
			d.add(other)
			other.Description, other.Deployment = "create deployment", "vault"
			d.add(other)
			if c.edit != nil {
				c.edit(d)
			}
			got, err := check(t.Context(), d, &f.log, c.given)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if c.log == "" && f.log.String() != "" {
				t.Errorf("log = %q", f.log.String())
			}
			wantText(t, "log", f.log.String(), c.log)
		})
	}
}

// errands are that many that have ended since.
func (d *fakeDirector) errands(n int) {
	for range n {
		d.add(foreign("run errand smoke", 0, bosh.StateDone))
	}
}

// A deploy whose worker has died must not hide behind others that run.
func TestCheck_readsAllUnfinishedTasks(t *testing.T) {
	f := newFixture(t)
	f.director.add(fakeTask{Task: foreign("create deployment", 0, "").Task, dead: true})
	for range 150 {
		f.director.add(foreign("run errand smoke", 0, ""))
	}
	got, err := check(t.Context(), f.director, &f.log, resource.Version{"task": "7"})
	if diff := cmp.Diff(versions("7", "8"), got); diff != "" || err != nil {
		t.Errorf("%v, versions (-want +got):\n%s", err, diff)
	}
}

func TestCheck_refusesWhatItDidNotMake(t *testing.T) {
	f := newFixture(t)
	for _, given := range []resource.Version{{"task": "x"}, {"task": "-1"}, {"concourse": "8.2.9"}, {"task": "7", "more": "x"}} {
		_, err := check(t.Context(), f.director, &f.log, given)
		wantError(t, err, `want {"task": "1234"}`)
	}
}

func TestCheck_failsWhenTheDirectorIsAway(t *testing.T) {
	f := newFixture(t)
	f.director.faults["Tasks"] = []error{errUnreachable}
	_, err := check(t.Context(), f.director, &f.log, nil)
	wantError(t, err, "list tasks of concourse", "connection refused")
	f.director.faults["Task"] = []error{errUnreachable}
	_, err = check(t.Context(), f.director, &f.log, resource.Version{"task": "13"})
	wantError(t, err, "read director task 13", "connection refused")
}

// lastEnded is a director of which one task, begun long ago, has ended last: it sorts by
// the end.
type lastEnded struct {
	*fakeDirector
	id int
}

func (d lastEnded) Tasks(ctx context.Context, f bosh.TaskFilter) ([]bosh.Task, error) {
	limit := f.Limit
	f.Limit = 0
	list, err := d.fakeDirector.Tasks(ctx, f)
	if i := slices.IndexFunc(list, func(t bosh.Task) bool { return t.ID == d.id }); i >= 0 {
		list = append(list, list[i])
		list = slices.Delete(list, i, i+1)
	}
	return list[max(len(list)-limit, 0):], err
}

// A task with a lower number among the newest does not say that all later deploys are.
func TestCheck_givesDeploysBehindATaskThatHasTakenLong(t *testing.T) {
	f := newFixture(t)
	f.director.lastID = 4
	f.director.add(foreign("fetch logs", 0, bosh.StateDone))
	f.director.past(12, bosh.StateDone)
	f.director.errands(98)
	f.director.past(120, bosh.StateDone)
	got, err := check(t.Context(), lastEnded{f.director, 5}, &f.log, resource.Version{"task": "7"})
	if diff := cmp.Diff(versions("7", "12", "120"), got); diff != "" || err != nil {
		t.Errorf("%v, versions (-want +got):\n%s", err, diff)
	}
}
