package selection_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
)

func TestCheckStemcell_wantsASetOfItsOwnForAnother(t *testing.T) {
	const jammy, noble = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "bosh-aws-xen-hvm-ubuntu-noble"
	set := []component.Component{{Name: "concourse", Version: "8.2.5"}, {Kind: component.KindStemcell, Upstream: jammy}}
	for _, wanted := range []string{"", jammy} {
		if err := selection.CheckStemcell(wanted, set); err != nil {
			t.Errorf("%q is refused: %v", wanted, err)
		}
	}
	if err := selection.CheckStemcell(noble, nil); err != nil {
		t.Errorf("nothing is deployed yet: %v", err)
	}
	err := selection.CheckStemcell(noble, set)
	for _, part := range []string{"cloud.stemcell", noble + " is wanted, and " + jammy + " is deployed", "nothing was changed: run again with --upgrade"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}
