package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concourse/concourse/atc"
)

// An upgrade that has paused the load's pipeline waits for its builds that run,
// while the load waits for one that is pending.
func TestAwaitLoad_letsBuildsEndWhileThePipelineIsPaused(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{paused: true, unpaused: false} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{site: &site{world: &world{latch: &latch{}}}}
			waits := &build{Build: atc.Build{ID: 1, Name: "1", JobName: "load-0", PipelineName: otherTeam, Status: atc.StatusPending}}
			s.record = &recorder{site: s.site, states: map[string]string{otherTeam: state}, builds: map[int]*build{1: waits}}
			s.world.latch.take("load-5")
			over := make(chan error, 1)
			go func() { over <- s.awaitLoad(t.Context(), "load-0", "1") }()
			time.Sleep(time.Second) // of the bubble's clock: the wait has looked several times
			s.world.latch.mu.Lock()
			got := s.world.latch.given["load-5"]
			s.world.latch.mu.Unlock()
			if got != want {
				t.Errorf("%s: a build that runs may end: got %t, want %t", state, got, want)
			}
			s.record.mu.Lock()
			waits.ended = time.Now()
			s.record.mu.Unlock()
			if err := <-over; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerdict_saysWhatIsNotAsItMustBe(t *testing.T) {
	t.Parallel()
	good := &performance{scenario: scenario{number: 1}, stage: &stage{expectations: []expectation{{ok: true, what: "it went well"}}}}
	if err := verdict([]*performance{good}, "report.md"); err != nil {
		t.Errorf("all is as it must be: got %v", err)
	}
	bad := &performance{scenario: scenario{number: 10}, err: errors.New("no web"), stage: &stage{expectations: []expectation{
		{ok: true, what: "it went well"}, {what: "all workers run", seen: "1 of 2"}}}}
	never := &performance{scenario: scenario{number: 12}, err: errors.New("it was not played")}
	err := verdict([]*performance{good, bad, never}, "report.md")
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"report.md", "scenario 10: not seen: all workers run: 1 of 2", "scenario 10: it ended early: no web", "scenario 12: it ended early: it was not played"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "it went well") {
		t.Errorf("got %q, want nothing of what was as it must be", err)
	}
}
