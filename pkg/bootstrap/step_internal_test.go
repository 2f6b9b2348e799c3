package bootstrap

import (
	"context"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// What cannot be compared line by line stops nothing: it is said in the place of the lines.
func TestPipeline_goesOnWhereWhatChangesIsNotKnown(t *testing.T) {
	s := pipelineStanding{
		running: concourse.PipelineConfig{Exists: true, YAML: []byte("{")}, change: concourse.PipelineChange{Updated: true},
		ours: []byte("{}"), text: []byte("{}"),
	}
	if lines := s.lines(false); len(lines) != 1 || !strings.HasPrefix(lines[0], "! what changes is not known: ") {
		t.Errorf("the lines are %q", lines)
	}
}

// A step that finds a difference and brings nothing about never counts as changed.
func TestStep_failsWhereNothingBringsAboutWhatDiffers(t *testing.T) {
	for _, c := range []struct {
		found comparison
		want  Status
	}{{differs("x"), ""}, {same("x"), UpToDate}, {none("x"), Skipped}, {comparison{PlannedStep: differs("x").PlannedStep, done: true}, Changed}} {
		o, err := step{compare: func(context.Context) (comparison, error) { return c.found, nil }}.do(t.Context())
		if o.Status != c.want || (err != nil) != (c.want == "") {
			t.Errorf("of %+v it is %q, %v", c.found, o.Status, err)
		}
	}
}
