package selection_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// What is not known stays unknown: a set of an older release may have what nobody watches.
func TestIdentify_saysWhatASetIsOf(t *testing.T) {
	var known record.Record
	known.Components = []component.Component{{Name: "bpm", Kind: component.KindRelease, Upstream: "cloudfoundry/bpm-release"}}
	known.Applied = record.Members{
		{Name: "bpm", Version: "1.4.0"},
		{Name: "stemcell", Version: "1.1"},
		{Name: "concourse", Version: "8.2.5", Kind: component.KindRelease, Upstream: "example/fork"},
		{Name: "other", Version: "1"},
	}
	selection.Identify(&known, resource.Source{Watch: map[string]resource.Watch{
		"bpm":       {Release: "example/bpm"},
		"stemcell":  {Stemcell: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"},
		"concourse": {Release: "concourse/concourse-bosh-release"},
	}})
	wanted := record.Members{
		{Kind: component.KindRelease, Upstream: "cloudfoundry/bpm-release"},
		{Kind: component.KindStemcell, Upstream: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"},
		{Kind: component.KindRelease, Upstream: "example/fork"},
		{},
	}
	for i, want := range wanted {
		if got := known.Applied[i]; got.Kind != want.Kind || got.Upstream != want.Upstream {
			t.Errorf("%s is of %s %s, want %s %s", got.Name, got.Kind, got.Upstream, want.Kind, want.Upstream)
		}
	}
}
