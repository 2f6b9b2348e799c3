package component_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

// Upstreams of the tests.
const (
	concourse = "github.com/concourse/concourse-bosh-release"
	bpm       = "github.com/cloudfoundry/bpm-release"
	repo      = "perpetual-ci/perpetual"
	jam       = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
)

func TestDowngrades_comparesWhatIsComparable(t *testing.T) {
	release := func(name, upstream, version string) component.Component {
		return component.Component{Name: name, Kind: component.KindRelease, Upstream: upstream, Version: version}
	}
	stemcell := func(line, version string) component.Component {
		return component.Component{Name: "stemcell", Kind: component.KindStemcell, Upstream: line, Version: version}
	}
	deployed := []component.Component{
		release("concourse", concourse, "8.3.0"), release("bpm", bpm, "1.4.38"), release("postgres", "p", "54.0.5"), stemcell("jammy", "1.484"),
	}
	cases := []struct {
		name   string
		wanted component.Component
		want   string // "" for no downgrade
		never  bool
	}{
		{"equal", release("bpm", bpm, "1.4.38"), "", false},
		{"higher", release("bpm", bpm, "1.4.100"), "", false},
		{"lower", release("bpm", bpm, "1.4.9"), "bpm: 1.4.9 is older than the 1.4.38 that is deployed", false},
		{"lower postgres", release("postgres", "p", "53.1.3"), "postgres: 53.1.3 is older than the 54.0.5 that is deployed", false},
		{"lower stemcell", stemcell("jammy", "1.83"), "stemcell: 1.83 is older than the 1.484 that is deployed", false},
		{"another line of stemcells", stemcell("noble", "1.83"), "", false},
		{"another repository", release("bpm", "fork", "1.0.0"), "", false},
		{"new", release("uaa", "u", "1.0.0"), "", false},
		{"no version", release("bpm", bpm, "latest"), "", false},
		{"a lower Concourse", release("concourse", concourse, "8.2.5"), "concourse: Concourse 8.2.5 is older than the 8.3.0 that is deployed, and is never deployed over it", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list := component.Downgrades(deployed, []component.Component{c.wanted})
			if (len(list) == 0) != (c.want == "") {
				t.Fatalf("downgrades = %v, want %q", list, c.want)
			}
			for _, e := range list {
				if !strings.HasPrefix(e.Error(), c.want) || e.Forbidden() != c.never {
					t.Errorf("error = %v (forbidden %v)", e, e.Forbidden())
				}
			}
		})
	}
	lower := component.Downgrades([]component.Component{release("concourse", concourse, "8.2.5")}, []component.Component{release("concourse", concourse, "8.2.1")})
	if len(lower) != 1 || lower[0].Forbidden() || lower[0].Error() != "concourse: 8.2.1 is older than the 8.2.5 that is deployed" {
		t.Errorf("within a schema: %v", lower)
	}
}
