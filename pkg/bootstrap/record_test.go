package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// The pipeline may not repair a stack: it has no right to all that may need it.
func TestDeploy_leavesAHalfChangedStackToAPerson(t *testing.T) {
	c := installed(t)
	c.broken = true
	c.discarded = 0
	at, _ := c.attempt(t, bootstrap.Options{Self: true, Components: set}, nil)
	if at.Step != "infrastructure" || !strings.Contains(at.Error(), "which a run has left half changed") || !strings.Contains(at.Error(), "run perpetual deploy") {
		t.Errorf("it ends with %v", at)
	}
	if made := c.written(); len(made) > 0 || c.discarded != 1 {
		t.Errorf("it made %v, and discarded %d changes", made, c.discarded)
	}
	// By hand it is repaired.
	if at, _ := c.attempt(t, bootstrap.Options{}, nil); at.Step != "deploy" || !slices.Contains(c.written(), "stack") {
		t.Errorf("by hand it ends with %v", at)
	}
}

// A set is verified when it, and no other, was seen to run.
func TestInfo_saysVerifiedOfTheSetThatWasSeen(t *testing.T) {
	c := installed(t)
	for name, of := range map[string]struct {
		change   func(map[string]any)
		verified bool
	}{
		"nothing was verified": {func(r map[string]any) { delete(r, "applied") }, false},
		"the same set":         {func(r map[string]any) { r["applied"] = r["desired"] }, true},
		"an older one":         {func(r map[string]any) { r["applied"] = versions("8.2.1", "1.4.33", "1.1340") }, false},
		"neither":              {func(r map[string]any) { delete(r, "applied"); delete(r, "desired") }, false},
	} {
		desired := set
		c.record(t, func(r map[string]any) { r["desired"] = desired; of.change(r) })
		i, _ := c.install(t, given())
		if info, err := i.Info(t.Context(), false); err != nil || info.Verified != of.verified {
			t.Errorf("%s: verified is %v, %v", name, info.Verified, err)
		}
	}
}

// The state of an older release says less of what was deployed: what was wanted, and
// what was verified, counts then.
func TestDeploy_goesBackWithNothingFromAnOlderState(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"what was wanted":   func(r map[string]any) { r["applied"] = versions("8.2.1", "1.4.33", "1.1340") },
		"what was verified": func(r map[string]any) { r["applied"] = r["desired"]; delete(r, "desired") },
	} {
		c := installed(t)
		c.record(t, func(r map[string]any) {
			delete(r, "submitted")
			r["deployment"] = true
			change(r)
		})
		at, _ := c.attempt(t, bootstrap.Options{Components: versions("8.2.1", "1.4.33", "1.1340")}, nil)
		if at.Step != "components" || !strings.Contains(at.Error(), "8.2.4") {
			t.Errorf("%s: it ends with %v", name, at)
		}
	}
}

// Concourse 8 makes an old database service's data over once. Whether that is behind it
// is known of the set that was verified: the wanted one may never have run.
func TestDeploy_asksOfTheServiceWhatTheVerifiedSetNeeds(t *testing.T) {
	for name, of := range map[string]struct {
		applied any
		refused bool
	}{
		"it runs already":          {set, false},
		"the wanted one never ran": {versions("7.14.0", "1.4.33", "1.1340"), true},
		"nothing was verified":     {nil, true},
	} {
		s := newStage(t, given())
		s.major = 12
		s.record(t, func(r map[string]any) { r["applied"] = of.applied })
		at, _ := s.run(t, given(), bootstrap.Options{})
		refused := at != nil && at.Step == "deploy" && strings.Contains(at.Error(), "PostgreSQL 13") && strings.Contains(at.Error(), "nothing was changed")
		if refused != of.refused || !refused && !errors.Is(at, errNoDirector) {
			t.Errorf("%s: it ends with %v", name, at)
		}
	}
}
