package step_test

import (
	"context"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// A step that finds a difference and brings nothing about never counts as changed.
func TestStep_failsWhereNothingBringsAboutWhatDiffers(t *testing.T) {
	done := step.Differs("x")
	done.Done = true
	for _, c := range []struct {
		found step.Comparison
		want  step.Status
	}{{step.Differs("x"), ""}, {step.Same("x"), step.UpToDate}, {step.None("x"), step.Skipped}, {done, step.Changed}} {
		o, err := step.Step{Compare: func(context.Context) (step.Comparison, error) { return c.found, nil }}.Do(t.Context())
		if o.Status != c.want || (err != nil) != (c.want == "") {
			t.Errorf("of %+v it is %q, %v", c.found, o.Status, err)
		}
	}
}
