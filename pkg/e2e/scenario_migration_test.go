package main

import (
	"testing"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/event"
)

func TestBuild_beganAgain(t *testing.T) {
	on := func(worker string) atc.Event { return event.SelectedWorker{WorkerName: worker} }
	waits := event.Log{Payload: firstWait + "\n"}
	run := []atc.Event{on("first-0"), on("first-1"), waits}
	cases := []struct {
		name string
		then []atc.Event
		want string
	}{
		{"nothing more", nil, ""},
		{"its task goes on", []atc.Event{event.Log{Payload: "waiting for 2 s\n"}, event.Status{Status: atc.StatusSucceeded}}, ""},
		{"a web finds it again where it runs", []atc.Event{on("first-0"), on("first-1"), event.Log{Payload: "waiting for 2 s\n"}}, ""},
		{"its task begins again", []atc.Event{on("first-1"), waits}, "began again"},
		{"the fetch of its image never ends", []atc.Event{on("second-1")}, "began again on another worker"},
		{"it waits for another build's fetch", []atc.Event{on("first-0"), on("second-0"), event.Log{Payload: "INFO: waiting to acquire resource lock\n"}}, "began again on another worker"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var b build
			for _, e := range append(run[:3:3], test.then...) {
				b.events = append(b.events, heard{time.Time{}, e, ""})
			}
			if got := b.beganAgain(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
