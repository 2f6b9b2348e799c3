package pipeline

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// What cannot be compared line by line stops nothing: it is said in the place of the lines.
func TestPipeline_goesOnWhereWhatChangesIsNotKnown(t *testing.T) {
	s := standing{
		running: concourse.PipelineConfig{Exists: true, YAML: []byte("{")}, change: concourse.PipelineChange{Updated: true},
		ours: []byte("{}"), text: []byte("{}"),
	}
	if lines := s.lines(false); len(lines) != 1 || !strings.HasPrefix(lines[0], "! what changes is not known: ") {
		t.Errorf("the lines are %q", lines)
	}
}
