package deletion_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deletion"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// ending is a director whose tasks end as they are told.
type ending struct {
	deletion.Director
	tasks     map[int]bosh.Task
	events    []bosh.Event
	broken    map[string]error // by what does not answer
	cleaned   int
	uncertain error
}

// Tasks implements deletion.Director.
func (e *ending) Tasks(context.Context, bosh.TaskFilter) ([]bosh.Task, error) {
	return nil, e.broken["tasks"]
}

// DeleteDeployment implements deletion.Director.
func (e *ending) DeleteDeployment(context.Context, string, string) (int, error) {
	return 0, e.uncertain
}

// Wait implements deletion.Director.
func (e *ending) Wait(_ context.Context, id int, told func(bosh.Event)) (bosh.Task, error) {
	for _, event := range e.events {
		told(event)
	}
	return e.tasks[id], e.broken[fmt.Sprint(id)]
}

// CleanUp implements deletion.Director.
func (e *ending) CleanUp(context.Context) (int, error) {
	e.cleaned++
	return 8, e.broken["clean up"]
}

// Disks are deleted once their deployment is, and on our own director alone.
func TestWait_cleansUpAfterADeletion(t *testing.T) {
	done, failed, lost := bosh.Task{State: bosh.StateDone}, bosh.Task{State: "error", Result: "disk is locked\n"}, errors.New("no answer")
	for name, of := range map[string]struct {
		director ending
		keeps    bool
		cleaned  int
		says     string
	}{
		"all goes":                        {director: ending{tasks: map[int]bosh.Task{7: done, 8: done}}, cleaned: 1},
		"on a director that exists":       {director: ending{tasks: map[int]bosh.Task{7: done}}, keeps: true},
		"the deletion fails":              {director: ending{tasks: map[int]bosh.Task{7: failed}}, says: "director task 7, the deletion of concourse, ended as error: disk is locked"},
		"the deletion is lost sight of":   {director: ending{broken: map[string]error{"7": lost}}, says: "wait for director task 7, which keeps running: no answer"},
		"cleaning up fails":               {director: ending{tasks: map[int]bosh.Task{7: done, 8: failed}}, cleaned: 1, says: "director task 8, which deletes what is kept for a while, ended as error: disk is locked"},
		"cleaning up is lost sight of":    {director: ending{tasks: map[int]bosh.Task{7: done}, broken: map[string]error{"8": lost}}, cleaned: 1, says: "wait for director task 8, which keeps running: no answer"},
		"cleaning up cannot be asked for": {director: ending{tasks: map[int]bosh.Task{7: done}, broken: map[string]error{"clean up": lost}}, cleaned: 1, says: "have the director delete what it keeps for a while: no answer"},
	} {
		err := deletion.Deployment{Director: &of.director, Name: "concourse", CleansUp: !of.keeps, Note: func(string) {}}.Wait(t.Context(), 7)
		if (err == nil) != (of.says == "") || err != nil && err.Error() != of.says || of.director.cleaned != of.cleaned {
			t.Errorf("%s: it cleans up %d times, and ends with %v", name, of.director.cleaned, err)
		}
	}
}

// A person sees each step begin, and those that fail.
func TestWait_notesTheSteps(t *testing.T) {
	var noted []string
	d := &ending{tasks: map[int]bosh.Task{7: {State: bosh.StateDone}}, events: []bosh.Event{
		{Stage: "Deleting instances", Task: "web/0", State: "started"}, {Stage: "Deleting instances", Task: "web/0", State: "in_progress"},
		{Stage: "Deleting instances", Task: "web/0", State: "finished"}, {Stage: "Deleting instances", Task: "db/0", State: "failed"},
		{Type: bosh.EventError, Stage: "Deleting instances", State: "started"},
	}}
	err := deletion.Deployment{Director: d, Name: "concourse", Note: func(line string) { noted = append(noted, line) }}.Wait(t.Context(), 7)
	want := []string{"director task 7 deletes deployment concourse", "Deleting instances: web/0 started", "Deleting instances: db/0 failed"}
	if err != nil || !slices.Equal(noted, want) {
		t.Errorf("it notes %q, %v; want %q", noted, err, want)
	}
}

// Without an answer nothing is begun twice: the user is told to run it again.
func TestSubmit_saysWhatIsNotKnown(t *testing.T) {
	lost := fmt.Errorf("read the answer: %w", bosh.ErrUncertain)
	_, err := deletion.Deployment{Director: &ending{uncertain: lost}, Name: "concourse"}.Submit(t.Context())
	if !errors.Is(err, bosh.ErrUncertain) || !strings.Contains(err.Error(), "whether the director deletes it is not known: run destroy again") {
		t.Errorf("a lost answer ends with %v", err)
	}
	away := errors.New("no answer")
	if _, err := (deletion.Deployment{Director: &ending{broken: map[string]error{"tasks": away}}}).Submit(t.Context()); !errors.Is(err, away) {
		t.Errorf("a director that is away: %v", err)
	}
}
