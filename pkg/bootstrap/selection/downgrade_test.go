package selection_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// Nothing goes back by itself: the newest set keeps what is deployed, and older versions
// that somebody names need a flag, which does not help where Concourse could not run.
func TestWithout_goesBackOnlyWhereItIsAllowed(t *testing.T) {
	deployed := []component.Component{release("concourse", concourseRelease, "8.2.5"), release("bpm", bpmRelease, "1.4.20"), release("postgres", "p", "54.0.5")}
	chosen := func(concourse, bpm, postgres string) []component.Component {
		return []component.Component{release("postgres", "p", postgres), release("concourse", concourseRelease, concourse), release("bpm", bpmRelease, bpm)}
	}
	for name, of := range map[string]struct {
		chosen          []component.Component
		newest, allowed bool
		want            string
		warns, says     []string
	}{
		"nothing is older": {chosen: chosen("8.2.5", "1.4.21", "54.0.5"), want: "postgres 54.0.5, concourse 8.2.5, bpm 1.4.21"},
		"the newest is older": {chosen: chosen("8.2.5", "1.4.19", "54.0.4"), newest: true, want: "postgres 54.0.5, concourse 8.2.5, bpm 1.4.20",
			warns: []string{"postgres: staying with 54.0.5, as the newest that counts now is the older 54.0.4 (--allow-downgrade would go back)", "bpm: staying with 1.4.20"}},
		"an older one is named": {chosen: chosen("8.2.5", "1.4.19", "54.0.4"),
			says: []string{"postgres: 54.0.4 is older than the 54.0.5 that is deployed", "; bpm: 1.4.19 is older", "nothing was deployed", "--allow-downgrade"}},
		"an older one is allowed": {chosen: chosen("8.2.5", "1.4.19", "54.0.5"), allowed: true, want: "postgres 54.0.5, concourse 8.2.5, bpm 1.4.19",
			warns: []string{"bpm: going back from 1.4.20 to 1.4.19, as --allow-downgrade says"}},
		"the newest is older, and allowed": {chosen: chosen("8.2.5", "1.4.19", "54.0.5"), newest: true, allowed: true, want: "postgres 54.0.5, concourse 8.2.5, bpm 1.4.19",
			warns: []string{"bpm: going back"}},
		"a Concourse of another schema":   {chosen: chosen("7.11.0", "1.4.20", "54.0.5"), allowed: true, says: []string{"schedules nothing", "nothing was deployed"}},
		"the newest is of another schema": {chosen: chosen("7.11.0", "1.4.20", "54.0.5"), newest: true, says: []string{"schedules nothing", "nothing was deployed"}},
	} {
		var warned []string
		given := slices.Clone(of.chosen)
		set, err := selection.Downgrade{
			Deployed: deployed, Allowed: of.allowed, Warn: func(line string) { warned = append(warned, line) },
			LookUp: func(_ context.Context, set []component.Component) ([]component.Component, error) {
				return []component.Component{from(set[0], "https://kept/"+set[0].Name)}, nil
			},
		}.Without(t.Context(), of.chosen, of.newest)
		testkit.Refused(t, name, err, of.says...)
		if err != nil && set != nil || err == nil && selection.Describe(set) != of.want {
			t.Errorf("%s: the set is %s, want %s", name, selection.Describe(set), of.want)
		}
		if len(of.says) == 0 && len(warned) != len(of.warns) {
			t.Errorf("%s: it warns of %q", name, warned)
		}
		for i, line := range of.warns {
			if i >= len(warned) || !strings.HasPrefix(warned[i], line) {
				t.Errorf("%s: it warns of %q, want %q", name, warned, line)
			}
		}
		for i, c := range set { // what stays is fetched from where it was
			if stays := given[i].Version != c.Version; stays != (c.URL == "https://kept/"+c.Name) {
				t.Errorf("%s: %s %s is from %q", name, c.Name, c.Version, c.URL)
			}
		}
		if selection.Describe(of.chosen) != selection.Describe(given) {
			t.Errorf("%s: what was handed in has become %s", name, selection.Describe(of.chosen))
		}
	}
	failed := errors.New("no answer")
	_, err := selection.Downgrade{
		Deployed: deployed, Warn: func(string) {},
		LookUp: func(context.Context, []component.Component) ([]component.Component, error) { return nil, failed },
	}.Without(t.Context(), chosen("8.2.5", "1.4.19", "54.0.5"), true)
	if !errors.Is(err, failed) {
		t.Errorf("what stays cannot be looked up: %v", err)
	}
}
