package deploy

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Only a self-upgrade is a build of the pipeline's job. A deploy by hand may run in a build
// of any job, which is none to know a build of this Concourse by.
func TestBuild_hasAJobInASelfUpgradeAlone(t *testing.T) {
	for name, c := range map[string]struct {
		self      bool
		job, want string
	}{
		"a self-upgrade in a task":              {self: true, want: "upgrade"},
		"a self-upgrade that is told its job":   {self: true, job: "roll-out", want: "roll-out"},
		"a deploy":                              {},
		"a deploy in a build of some other job": {job: "roll-out"},
	} {
		d := Deploy{Self: c.self, Build: plan.Build{Team: "main", Job: c.job, ID: "12"}}
		want := plan.Build{Team: "main", Job: c.want, ID: "12"}
		if got := d.build(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
