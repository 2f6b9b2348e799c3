package pause_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

func TestBegin_pausesWhatRunsAndEndUnpausesExactlyThat(t *testing.T) {
	s := newSite("main/app", "main/paused-lib", "dev/app/env=production", "dev/old")
	s.byID(s.id("dev/old")).Archived = true
	s.begin(t)
	s.wantPaused(t, "dev/app main/app main/paused-lib")
	list := s.list(t)
	if list.Phase != pause.Paused || list.Build != "main/self-upgrade/upgrade #12" || list.From != "8.2.5" || list.To != "8.3.0" || list.User != us || list.BuildID != 4711 || list.Since.IsZero() {
		t.Errorf("the list is %+v", list)
	}
	if got := fmt.Sprint(list.Pipelines, list.Teams()); got != "[main/app dev/app/env:production] [main dev]" {
		t.Errorf("listed are %s", got)
	}
	if err := s.run().Accepted(t.Context(), 42); err != nil || s.list(t).Task != 42 {
		t.Errorf("task %d is noted, %v", s.list(t).Task, err)
	}
	report := s.end(t)
	if strings.Join(report.Unpaused, " ") != "main/app dev/app/env:production" || len(report.Left) > 0 || report.List.Task != 42 {
		t.Errorf("report %+v", report)
	}
	s.wantPaused(t, "main/paused-lib")
	calls := len(s.calls)
	if report := s.end(t); len(report.Unpaused) > 0 || len(s.calls) != calls {
		t.Errorf("a second end has done %+v with calls %q", report, s.calls[calls:])
	}
}

// What is to be paused is written down before anything is.
func TestBegin_writesTheListBeforeTheFirstPause(t *testing.T) {
	s := newSite("main/app", "dev/app")
	s.web.step = func(call string, after bool) error {
		if !after && strings.HasPrefix(call, "pause ") {
			if list := s.list(t); list.Phase != pause.Pausing || len(list.Pipelines) != 2 {
				t.Errorf("before %q the list is %+v", call, list)
			}
		}
		return nil
	}
	s.begin(t)
}

func TestBegin_changesNothingWithoutTheRight(t *testing.T) {
	s := newSite("main/app")
	s.user = concourse.User{Name: us, Teams: map[string][]string{"main": {"member"}, "dev": {"owner"}}}
	err := s.run().Begin(t.Context(), "8.2.5", "8.3.0")
	var right *pause.RightError
	if !errors.As(err, &right) || right.Right != "owner of the team main" {
		t.Errorf("error %v", err)
	}
	states(t, err, us, "owner of the team main", "nothing was changed", "role owner in main", "upgrade.way")
	if s.paused() != "" || len(s.versions) > 0 {
		t.Errorf("paused %q, list %q", s.paused(), s.versions)
	}
}

// To somebody without the right the pipelines of other teams look deleted.
func TestBegin_leavesWhatPeopleDoMeanwhileToThem(t *testing.T) {
	s := newSite("main/app", "main/lib", "main/tool", "dev/app")
	s.begin(t)
	s.unpause(s.id("main/app"))
	s.unpause(s.id("main/lib"))
	s.pause(s.id("main/lib"), "ada")
	s.add("dev/new")
	s.begin(t) // the build was killed, and runs again
	s.says(t, "continuing with what main/self-upgrade/upgrade #12 has paused", "main/app was unpaused by somebody: it is left running", "main/lib was paused by ada: it stays paused")
	s.wantPaused(t, "dev/app dev/new main/lib main/tool")
	s.begin(t)
	if n := strings.Count(s.log.String(), "left running"); n != 1 {
		t.Errorf("it says %d times that main/app is left running", n)
	}
	s.end(t)
	s.wantPaused(t, "main/lib")
}

// People may use the same Concourse user.
// A pipeline that is renamed in the moment before it is paused is not taken for
// one that a person has unpaused.
func TestBegin_leavesARenamedPipelineToBePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("main/app", "dev/app")
		s.web.step = func(call string, after bool) error {
			if call == "pause main/app" && !after {
				s.byID(s.id("main/app")).Name = "other"
			}
			return nil
		}
		s.begin(t)
		if list := s.list(t); list.Phase != pause.Pausing {
			t.Errorf("the list is %+v", list)
		}
		if _, err := s.waits(t, t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.wantPaused(t, "dev/app main/other")
		s.end(t)
		s.wantPaused(t, "")
	})
}

// A person may pause a pipeline in the very moment in which it is about to be paused.
func TestBegin_doesNotTakeAPersonsPauseForItsOwn(t *testing.T) {
	s := newSite("main/app", "dev/app")
	s.web.step = func(call string, after bool) error {
		if call == "pause main/app" && !after {
			s.pause(s.id("main/app"), "ada")
		}
		return nil
	}
	s.begin(t)
	s.says(t, "main/app was paused by ada: it stays paused")
	s.end(t)
	s.wantPaused(t, "main/app")
}

// failing lets calls that begin so fail.
// Hundreds of pipelines take a while, in which a person may pause one.
// A web that is down is not asked once for each of hundreds of pipelines.
func TestBegin_saysWhatIsPausedWhenItFails(t *testing.T) {
	s := newSite("main/app", "main/lib")
	s.web.step = failing("pause main/lib")
	states(t, s.run().Begin(t.Context(), "8.2.5", "8.3.0"), "pause main/lib: ", "1 of 2 were paused before")
	s.web.step = nil
	s.end(t)
	s.wantPaused(t, "")
	s.web.step = failing("pipelines")
	states(t, s.run().Begin(t.Context(), "8.2.5", "8.3.0"), "pipelines: ", "nothing was paused")
	states(t, pauseWithout(s).Begin(t.Context(), "8.2.5", "8.3.0"), "user: ", "nothing was changed")
}

// pauseWithout is a run whose Concourse is down.
func pauseWithout(s *site) pause.Pause {
	s.web.step = failing("")
	return s.run()
}

// Nothing is paused before a list is written, nor where it cannot be.
func TestBegin_needsAListThatItCanRead(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    string
	}{
		"no YAML":            {"list: [", "config concourse.paused (type perpetual) of the director: it is damaged"},
		"no list":            {"a: 1", "it is damaged: it holds no list"},
		"damaged":            {`list: '{"schema":1,"deployment":'`, "it is damaged"},
		"unknown phase":      {`list: '{"schema":1,"deployment":"concourse","phase":"over","since":"2026-08-01T12:00:00Z"}'`, `unknown phase "over"`},
		"unknown step":       {`list: '{"schema":1,"deployment":"concourse","phase":"paused","since":"2026-08-01T12:00:00Z","pipelines":[{"id":1,"team":"a","name":"b","step":"c"}]}'`, `unknown step "c" of pipeline a/b`},
		"pipeline twice":     {`list: '{"schema":1,"deployment":"concourse","phase":"paused","since":"2026-08-01T12:00:00Z","pipelines":[{"id":1,"team":"a","name":"b","step":"held"},{"id":1,"team":"a","name":"b","step":"held"}]}'`, "with id 1"},
		"no deployment":      {`list: '{"schema":1,"phase":"paused","since":"2026-08-01T12:00:00Z"}'`, "names no deployment"},
		"another deployment": {`list: '{"schema":1,"deployment":"staging","phase":"paused","since":"2026-08-01T12:00:00Z"}'`, "it is of deployment staging, not of concourse"},
		"newer schema":       {`list: '{"schema":2,"lists":[]}'`, "written by a newer Perpetual"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite("main/app")
			if _, err := s.StoreConfig(t.Context(), "perpetual", "concourse.paused", c.content, "0"); err != nil {
				t.Fatal(err)
			}
			err := s.run().Begin(t.Context(), "8.2.5", "8.3.0")
			states(t, err, "read the list of paused pipelines", c.want)
			_, err = s.run().End(t.Context())
			states(t, err, c.want)
			if _, _, err := s.run().Look(t.Context()); err == nil {
				t.Error("Look succeeded")
			}
			if s.paused() != "" || len(s.versions) != 1 {
				t.Errorf("paused %q, list %q", s.paused(), s.versions)
			}
		})
	}
}

func TestRun_mergesWithWhatOthersHaveWritten(t *testing.T) {
	s := newSite("main/app", "dev/app")
	other := s.run()
	other.Own.Name = "13"
	s.rival = func() {
		if err := other.Begin(t.Context(), "8.2.5", "8.3.0"); err != nil {
			t.Error(err)
		}
	}
	s.begin(t)
	s.wantPaused(t, "dev/app main/app")
	s.rival = func() {
		if err := other.Accepted(t.Context(), 41); err != nil {
			t.Error(err)
		}
	}
	if err := s.run().Accepted(t.Context(), 42); err != nil || s.list(t).Task != 42 {
		t.Errorf("task %d, %v", s.list(t).Task, err)
	}
	s.end(t)
	s.wantPaused(t, "")
}

// contested is a keeper into which somebody else writes all the time.
type contested struct{ pause.Keeper }

func (contested) Save(context.Context, pause.List, string) (string, error) {
	return "", fmt.Errorf("write: %w", pause.ErrConflict)
}

func TestBegin_givesUpOnAListThatOthersWriteAllTheTime(t *testing.T) {
	s := newSite("main/app")
	p := s.run()
	p.Keeper = contested{p.Keeper}
	states(t, p.Begin(t.Context(), "8.2.5", "8.3.0"), "changed by somebody else", "nothing was paused")
	s.wantPaused(t, "")
	if n := s.called("pipelines"); n > 10 {
		t.Errorf("it tried %d times", n)
	}
}

// Where Concourse does not say who has paused, what we have paused is unpaused.
func TestOwn_saysWhichBuildItIs(t *testing.T) {
	for want, o := range map[string]pause.Own{
		"a run outside of Concourse":                     {},
		"build 7":                                        {BuildID: 7},
		"main/self-upgrade/upgrade":                      {Team: "main", Pipeline: "self-upgrade", Job: "upgrade"},
		"main/self-upgrade/env:a/upgrade #12":            {Team: "main", Pipeline: "self-upgrade", InstanceVars: map[string]any{"env": "a"}, Job: "upgrade", Name: "12", BuildID: 7},
		`main/self-upgrade/a:1,b:"1",c:"x y"/upgrade #1`: {Team: "main", Pipeline: "self-upgrade", InstanceVars: map[string]any{"a": 1.0, "b": "1", "c": "x y"}, Job: "upgrade", Name: "1"},
	} {
		if o.String() != want {
			t.Errorf("%+v is %q, want %q", o, o, want)
		}
	}
}

// An instance of the own pipeline is another pipeline.
func TestBegin_pausesOtherInstancesOfItsOwnPipeline(t *testing.T) {
	s := newSite("main/self-upgrade/env=a", "dev/self-upgrade")
	s.begin(t)
	if paused := s.paused(); paused != "dev/self-upgrade main/self-upgrade" || s.byID(s.nextID-1).Paused {
		t.Errorf("paused %q, our own %t", paused, s.byID(s.nextID-1).Paused)
	}
}
