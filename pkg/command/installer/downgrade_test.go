package installer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// The versions that the configuration allows are lower than what is deployed.
func TestDeploy_goesBackOnlyWhereItIsAllowedAndPossible(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	for _, version := range []string{"7.14.3", "8.2.1"} {
		p.Publish(world.Set{Concourse: version})
	}
	submitted := func() (version string) {
		var record struct{ Submitted []component.Component }
		if err := json.Unmarshal([]byte(p.AWS.Object(bucket, "run/record.json")), &record); err != nil {
			t.Fatal(err)
		}
		for _, c := range record.Submitted {
			if c.IsConcourse() {
				version = c.Version
			}
		}
		return version
	}
	before := p.everything()
	forbidden := []string{"error: components: concourse: Concourse 7.14.3 is older than the 8.2.4 that is deployed", "migrated down to 1746768931", "nothing was deployed"}
	staying := []string{"concourse: staying with 8.2.4, as the newest that counts now is the older 8.2.1 (--allow-downgrade would go back)"}
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"deploy --upgrade --versions-concourse 7.x", 1, forbidden},
		{"deploy --upgrade --versions-concourse 7.x --allow-downgrade", 1, forbidden},
		{"plan --upgrade --versions-concourse 7.x --allow-downgrade", 1, forbidden},
		{"deploy --upgrade --versions-concourse 8.2.1", 0, staying},
		{"plan --upgrade --versions-concourse 8.2.1", 0, staying},
	} {
		q := p.run(t, strings.Fields(c.args)...)
		if q.code != c.code {
			t.Errorf("%s: exit code %d\n%s%s", c.args, q.code, q.stdout, q.stderr)
		}
		for _, part := range c.says {
			if !strings.Contains(q.stderr, part) {
				t.Errorf("%s: no %q in\n%s", c.args, part, q.stderr)
			}
		}
		if got := submitted(); got != "8.2.4" {
			t.Errorf("%s: the director was asked for %s", c.args, got)
		}
	}
	if after := p.everything(); len(after.Effects) != len(before.Effects) || after.VMs != before.VMs {
		t.Errorf("something was deployed: %+v, before %+v", after, before)
	}

	q := p.run(t, "plan", "--upgrade", "--versions-concourse", "8.2.1", "--allow-downgrade")
	if q.code != installer.ExitChanges || !strings.Contains(q.stdout, "8.2.1") {
		t.Errorf("the allowed plan: exit code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	q = p.good(t, "deploy", "--upgrade", "--versions-concourse", "8.2.1", "--allow-downgrade")
	if !strings.Contains(q.stderr, "concourse: going back from 8.2.4 to 8.2.1, as --allow-downgrade says") || submitted() != "8.2.1" {
		t.Errorf("it went back to %s\n%s", submitted(), q.stderr)
	}
	p.finds(t, nothingToDo)
}
