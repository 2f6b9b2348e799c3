package status

import (
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/docs/block"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resumption"
)

func TestPausedPipelines_areAwaitedWhileSomebodyIsToUnpauseThem(t *testing.T) {
	now := time.Date(2026, 8, 26, 12, 0, 0, 0, time.UTC)
	ended := func(ago time.Duration) bosh.Task {
		return bosh.Task{ID: 42, State: bosh.StateDone, FinishedAt: now.Add(-ago)}
	}
	for name, c := range map[string]struct {
		list resumption.Standing
		want bool
	}{
		"nobody":                      {resumption.Standing{}, false},
		"the build that has paused":   {resumption.Standing{Building: true}, true},
		"a deploy":                    {resumption.Standing{DirectorTask: bosh.Task{ID: 42, State: bosh.StateProcessing}}, true},
		"the verifying build":         {resumption.Standing{DirectorTask: ended(time.Minute)}, true},
		"a verification that is late": {resumption.Standing{DirectorTask: ended(time.Hour)}, false},
	} {
		if got := pausedPipelines(c.list, now); got.Awaited != c.want {
			t.Errorf("%s: awaited is %t", name, got.Awaited)
		}
	}
}

func TestPausedPipelines_areToldInOneLine(t *testing.T) {
	entries := func(teams ...string) (list []pause.Entry) {
		for i, team := range teams {
			list = append(list, pause.Entry{ID: i + 1, Team: team, Name: "app", Step: pause.Held})
		}
		return list
	}
	for want, list := range map[string]pause.List{
		"1 pipeline of team a paused since 2026-08-26 12:00:00 UTC by build 7 for Concourse 8.2.5 → 8.3.0, before the deploy": {Phase: pause.Paused, Pipelines: entries("a")},
		"3 pipelines of teams a, b resuming":                    {Phase: pause.Resuming, Pipelines: entries("a", "b", "a")},
		"7 pipelines of teams a, b, c, d, e and 2 more pausing": {Phase: pause.Pausing, Pipelines: entries("a", "b", "c", "d", "e", "f", "g")},
		"→ 8.3.0, director task 42":                             {Phase: pause.Paused, Task: 42},
	} {
		list.Since, list.Build, list.From, list.To = time.Date(2026, 8, 26, 12, 0, 0, 0, time.UTC), "build 7", "8.2.5", "8.3.0"
		if got := pausedPipelines(resumption.Standing{List: list}, list.Since).String(); !strings.Contains(got, want) {
			t.Errorf("told is %q, want %q", got, want)
		}
	}
}

// The line is as the documents show it.
func TestPausedPipelines_areToldAsDocumented(t *testing.T) {
	list := resumption.Standing{
		List: pause.List{
			Phase: pause.Paused, Since: time.Date(2026, 8, 26, 12, 0, 3, 0, time.UTC), Build: "perpetual/self-upgrade/upgrade #12",
			From: "8.2.5", To: "8.3.0", Task: 42,
		},
		DirectorTask: bosh.Task{ID: 42, State: bosh.StateProcessing},
	}
	for i := range 14 {
		list.Pipelines = append(list.Pipelines, pause.Entry{ID: i + 1, Team: []string{"main", "dev"}[i%2], Name: "app", Step: pause.Held})
	}
	shown, err := block.Of("../..", "text status")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range shown {
		if got := pausedPipelines(list, list.Since).String() + "\n"; got != b.Text {
			t.Errorf("%s: told is %q, shown %q", b, got, b.Text)
		}
	}
}
