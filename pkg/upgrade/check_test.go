package upgrade_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
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
		{"forgotten with all after it", resource.Version{"task": "30"}, nil, versions(), "director task 30 has not ended yet, or the director has forgotten it"},
		{"unfinished", resource.Version{"task": "22"}, func(d *fakeDirector) {
			d.lastID = 21
			d.add(foreign("create deployment", 0, ""))
		}, versions(), "director task 22 has not ended yet"},
		{"first, of a deployment that has none", nil, func(d *fakeDirector) { d.tasks = nil }, versions(), ""},
		{"whatever the director's order", resource.Version{"task": "7"}, func(d *fakeDirector) { d.newestFirst = true }, versions("7", "12", "14", "21"), ""},
		{"first, whatever the director's order", nil, func(d *fakeDirector) { d.newestFirst = true }, versions("21"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			d := f.director
			d.past(12, upgrade.StateError)
			d.past(14, upgrade.StateCancelled)
			d.past(21, upgrade.StateTimeout)
			other := foreign("create deployment (dry run)", 0, upgrade.StateDone)
			d.lastID = 30
			d.add(other)
			other.Description = "run errand smoke"
			d.add(other)
			other.Description, other.Deployment = "create deployment", "vault"
			d.add(other)
			if c.edit != nil {
				c.edit(d)
			}
			got, err := upgrade.Check{Director: d, Log: &f.log}.Run(t.Context(), "concourse", c.given)
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

func TestCheck_refusesWhatItDidNotMake(t *testing.T) {
	f := newFixture(t)
	for _, given := range []resource.Version{{"task": "x"}, {"task": "-1"}, {"concourse": "8.2.9"}, {"task": "7", "more": "x"}} {
		_, err := upgrade.Check{Director: f.director, Log: &f.log}.Run(t.Context(), "concourse", given)
		wantError(t, err, `want {"task": "1234"}`)
	}
}

func TestCheck_failsWhenTheDirectorIsAway(t *testing.T) {
	f := newFixture(t)
	f.director.faults["Tasks"] = []error{errUnreachable}
	_, err := upgrade.Check{Director: f.director, Log: &f.log}.Run(t.Context(), "concourse", nil)
	wantError(t, err, "list finished tasks", "connection refused")
}
