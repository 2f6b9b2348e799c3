package pause_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

func TestEnd_forgetsNothingWithoutTheRight(t *testing.T) {
	s := newSite("main/app", "dev/app")
	s.begin(t)
	s.user.Admin = false
	_, err := s.run().End(t.Context())
	states(t, err, "owner of the team main", "main/app, dev/app", "perpetual resume")
	if strings.Contains(err.Error(), "upgrade.way") {
		t.Errorf("it names a way to upgrade: %v", err)
	}
	s.user.Admin = true
	s.end(t)
	s.wantPaused(t, "")
}

func TestEnd_leavesWhatPeopleDidMeanwhileToThem(t *testing.T) {
	s := newSite("main/app", "main/lib", "main/tool", "dev/gone", "dev/renamed", "dev/again", "dev/archived")
	s.begin(t)
	s.byID(s.id("dev/archived")).Archived = true
	s.unpause(s.id("dev/archived"))
	s.pause(s.id("dev/archived"), "automatic-pipeline-archiver")
	s.unpause(s.id("main/app"))
	s.unpause(s.id("main/lib"))
	s.pause(s.id("main/lib"), "ada")
	s.remove("dev/gone")
	s.byID(s.id("dev/renamed")).Name = "other"
	s.remove("dev/again")
	s.pause(s.add("dev/again").ID, "ada") // another pipeline of that name
	report := s.end(t)
	if strings.Join(report.Unpaused, " ") != "main/tool dev/other" || fmt.Sprint(report.Left) != "[main/lib (paused by ada since)]" {
		t.Errorf("report %+v", report)
	}
	s.wantPaused(t, "dev/again dev/archived main/lib")
	s.says(t, "main/lib stays paused: it was paused by ada since")
}

func TestEnd_knowsALaterPauseOfTheSameUser(t *testing.T) {
	s := newSite("main/app", "dev/app")
	s.begin(t)
	s.unpause(s.id("main/app"))
	s.pause(s.id("main/app"), us)
	s.end(t)
	s.wantPaused(t, "main/app")
}

func (w *web) remove(name string) {
	id := w.id(name)
	for i, p := range w.pipelines {
		if p.ID == id {
			w.pipelines = append(w.pipelines[:i:i], w.pipelines[i+1:]...)
			return
		}
	}
}

func TestBegin_pausesAgainWhatAnUnfinishedEndHasUnpaused(t *testing.T) {
	s := newSite("main/app", "dev/app")
	s.begin(t)
	s.web.step = failing("unpause dev/app")
	if _, err := s.run().End(t.Context()); err == nil {
		t.Fatal("End succeeded")
	}
	s.wantPaused(t, "dev/app")
	s.web.step = nil
	s.begin(t)
	s.wantPaused(t, "dev/app main/app")
	s.end(t)
	s.wantPaused(t, "")
}

func failing(prefix string) func(string, bool) error {
	return func(call string, after bool) error {
		if !after && strings.HasPrefix(call, prefix) {
			return fmt.Errorf("%s: %w", call, &session.StatusError{Method: "PUT", Path: "/api/v1/teams", Status: 500})
		}
		return nil
	}
}

func TestEnd_keepsInTheListWhatItCannotUnpause(t *testing.T) {
	s := newSite("main/app", "main/lib", "dev/app")
	s.begin(t)
	s.web.step = failing("unpause main/lib")
	report, err := s.run().End(t.Context())
	states(t, err, "unpause main/lib: ", "not unpaused, and still in the list: main/lib;", "perpetual resume")
	if strings.Join(report.Unpaused, " ") != "main/app dev/app" {
		t.Errorf("report %+v", report)
	}
	if list := s.list(t); fmt.Sprint(list.Pipelines) != "[main/lib]" || !list.Active() {
		t.Errorf("the list is %+v", list)
	}
	s.web.step = nil
	s.end(t)
	s.wantPaused(t, "")
}

func TestEnd_looksAgainWhereUnpausingTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("main/app", "main/lib", "main/tool")
		s.begin(t)
		s.web.step = func(call string, after bool) error {
			if call == "unpause main/app" && after {
				s.unpause(s.id("main/tool"))
				s.pause(s.id("main/tool"), "ada")
				<-time.After(3 * time.Second) // it was a slow answer
			}
			return nil
		}
		s.end(t)
		s.wantPaused(t, "main/tool")
	})
}

func TestEnd_givesUpSoonWhereNothingCanBeUnpaused(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("main/app%d", i))
	}
	s := newSite(names...)
	s.begin(t)
	tried := 0
	s.web.step = func(call string, after bool) error {
		if strings.HasPrefix(call, "unpause") && !after {
			tried++
		}
		return failing("unpause")(call, after)
	}
	_, err := s.run().End(t.Context())
	states(t, err, "main/app9 and 30 more")
	if tried > 5 {
		t.Errorf("%d pipelines were tried", tried)
	}
	if len(s.list(t).Pipelines) != 40 {
		t.Errorf("%d pipelines are left in the list", len(s.list(t).Pipelines))
	}
}

func TestEnd_unpausesWhereConcourseDoesNotSayWhoPaused(t *testing.T) {
	s := newSite("main/app", "dev/app", "dev/lib")
	s.silent = true
	s.begin(t)
	s.unpause(s.id("dev/lib"))
	s.begin(t)
	s.pause(s.id("dev/lib"), "ada")
	report := s.end(t)
	if len(report.Unpaused) != 2 || len(report.Left) != 1 {
		t.Errorf("report %+v", report)
	}
	s.wantPaused(t, "dev/lib")
}

// The build that verifies a failed upgrade may be unpausing when the next one begins.
func TestEnd_leavesWhatTheNextUpgradePausesToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("main/app", "dev/app", "dev/lib")
		s.begin(t)
		s.web.step = func(call string, after bool) error {
			if call == "unpause main/app" && after {
				s.web.step = nil
				s.begin(t)
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		if _, err := s.run().End(t.Context()); err != nil {
			t.Error(err)
		}
		s.says(t, "main/self-upgrade/upgrade #12 has begun another quiet upgrade", "nothing more is unpaused")
		s.wantPaused(t, "dev/app dev/lib main/app")
		s.end(t)
		s.wantPaused(t, "")
	})
}
