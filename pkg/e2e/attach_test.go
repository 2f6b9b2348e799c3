package main

import (
	"testing"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/event"
)

func TestBuild_lostEnd(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 12, 1, 12, 0, second, 0, time.UTC) }
	webs := func(started ...time.Time) []mark {
		list := []mark{{at(5), webStopped, "web"}}
		for _, each := range started {
			list = append(list, mark{each, webStarted, "web"})
		}
		return list
	}
	closed := event.Error{Message: "wait for process completion: connection: process error: proc closeio: process does not exist task: not found"}
	cases := []struct {
		name   string
		status atc.BuildStatus
		last   []atc.Event
		marks  []mark
		want   bool
	}{
		{"a web started while it ran", atc.StatusErrored, []atc.Event{closed}, webs(at(0), at(5)), true},
		{"no web started", atc.StatusErrored, []atc.Event{closed}, webs(), false},
		{"a web started before it", atc.StatusErrored, []atc.Event{closed}, webs(at(0)), false},
		{"a web started after it", atc.StatusErrored, []atc.Event{closed}, webs(at(11)), false},
		{"another error", atc.StatusErrored, []atc.Event{event.Error{Message: "no workers satisfying: platform 'linux'"}}, webs(at(5)), false},
		{"another error after it", atc.StatusErrored, []atc.Event{closed, event.Error{Message: "worker 'a' disappeared"}}, webs(at(5)), false},
		{"another error before it", atc.StatusErrored, []atc.Event{event.Error{Message: "worker 'a' disappeared"}, closed}, webs(at(5)), false},
		{"only its log says so", atc.StatusErrored, []atc.Event{event.Log{Payload: closed.Message}}, webs(at(5)), false},
		{"it failed", atc.StatusFailed, []atc.Event{closed}, webs(at(5)), false},
		{"it succeeded", atc.StatusSucceeded, []atc.Event{event.Log{}}, webs(at(5)), false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			b := build{ended: at(10)}
			b.Status = test.status
			events := append([]atc.Event{event.Status{Status: atc.StatusStarted}, event.Log{Payload: firstWait}}, test.last...)
			for n, e := range events {
				b.events = append(b.events, heard{at(1 + n), e, ""})
			}
			if got := b.lostEnd(test.marks); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// The events of a build that began as the web stopped are read from the next one only.
func TestBuild_lostEndOfABuildThatTheNextWebTellsOf(t *testing.T) {
	began := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	b := build{ended: began.Add(20 * time.Second)}
	b.Status, b.StartTime = atc.StatusErrored, began.Unix()
	for _, e := range []atc.Event{event.Status{Status: atc.StatusStarted}, event.Error{Message: closedBefore}} {
		b.events = append(b.events, heard{began.Add(10 * time.Second), e, ""})
	}
	if !b.lostEnd([]mark{{began.Add(5 * time.Second), webStarted, "web"}}) {
		t.Error("it is not told from a build that the upgrade has errored")
	}
}
