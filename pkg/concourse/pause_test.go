package concourse_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

func TestUnpause_letsANewPipelineRunAndIsNothingTheSecondTime(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first)
	if !w.config(t, selfUpgrade).Paused {
		t.Fatal("a new pipeline is not paused, so the test shows nothing")
	}
	for range 2 {
		if err := w.client.Unpause(t.Context(), selfUpgrade); err != nil {
			t.Fatal(err)
		}
		if w.config(t, selfUpgrade).Paused {
			t.Fatal("the pipeline is still paused")
		}
	}
	want := "PUT /api/v1/teams/main/pipelines/self-upgrade/unpause 200"
	if got := w.requests("PUT"); !slices.Contains(got, want) {
		t.Errorf("requests %q, want %s", got, want)
	}
}

func TestUnpause_namesAPipelineThatIsNotThere(t *testing.T) {
	w := newWorld(t, nil)
	err := w.client.Unpause(t.Context(), selfUpgrade)
	if !errors.Is(err, concourse.ErrNoPipeline) || !strings.Contains(err.Error(), "self-upgrade") {
		t.Errorf("error %v, want ErrNoPipeline that names it", err)
	}
}

func TestUnpause_needsAName(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.client.Unpause(t.Context(), concourse.Pipeline{}); err == nil || len(w.requests("PUT")) != 0 {
		t.Errorf("error %v after %q", err, w.requests("PUT"))
	}
}
