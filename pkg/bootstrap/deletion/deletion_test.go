package deletion_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deletion"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// director deletes one deployment, in task 7.
type director struct {
	deletion.Director
	running bool  // task 7 is under way
	answer  error // to the request for the deletion, which is accepted all the same
	asked   int
}

// Tasks implements deletion.Director.
func (d *director) Tasks(_ context.Context, filter bosh.TaskFilter) ([]bosh.Task, error) {
	if !d.running || filter.ContextID != "perpetual-destroy-ci" {
		return nil, nil
	}
	return []bosh.Task{{ID: 6, State: bosh.StateDone}, {ID: 7, State: "processing"}}, nil
}

// DeleteDeployment implements deletion.Director.
func (d *director) DeleteDeployment(context.Context, string, string) (int, error) {
	d.asked++
	d.running = !errors.Is(d.answer, bosh.ErrNotFound)
	return 7, d.answer
}

// Wait implements deletion.Director.
func (d *director) Wait(context.Context, int, func(bosh.Event)) (bosh.Task, error) {
	return bosh.Task{ID: 7, State: "error", Result: "disk is locked\n"}, nil
}

// A deletion is begun once: one that is under way is joined, also when the answer to the
// request for it was lost.
func TestSubmit_joinsWhatIsUnderWay(t *testing.T) {
	for name, c := range map[string]struct {
		director director
		asked    int
		err      error
	}{
		"nothing is under way": {asked: 1},
		"an earlier run's":     {director: director{running: true}},
		"a lost answer":        {director: director{answer: fmt.Errorf("read the answer: %w", bosh.ErrUncertain)}, asked: 1},
		"no deployment":        {director: director{answer: bosh.ErrNotFound}, asked: 1, err: bosh.ErrNotFound},
	} {
		d := c.director
		task, err := deletion.Deployment{Director: &d, Name: "concourse", ContextID: "perpetual-destroy-ci"}.Submit(t.Context())
		if !errors.Is(err, c.err) || err == nil && task != 7 || d.asked != c.asked {
			t.Errorf("%s: task %d, %v, after %d requests", name, task, err, d.asked)
		}
	}
}

// A deletion that fails ends with what the director says of it.
func TestWait_endsWithWhatTheDirectorSays(t *testing.T) {
	err := deletion.Deployment{Director: &director{}, Name: "concourse", CleansUp: true, Note: func(string) {}}.Wait(t.Context(), 7)
	if err == nil || !strings.HasSuffix(err.Error(), "director task 7, the deletion of concourse, ended as error: disk is locked") {
		t.Errorf("it ends with %v", err)
	}
}
