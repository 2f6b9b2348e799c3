package main

import (
	"slices"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/event"
)

// closedBefore is in what a build says that Concourse errors as its process ends.
//
// A web that starts attaches to the processes of the builds that run, and waits on the
// worker for their ends; what the web before it began to wait for there goes on waiting.
// Both are woken by the end (worker/runtime/process.go, Process.Wait, 7.9 and later):
// each closes the process's input and then deletes the process. That it is deleted
// already is passed over at the second of these but not at the first, so the web that is
// slower by both gets this error in place of an exit status. Seen on 7.13 on a busy
// machine; nothing that an upgrade does decides it.
const closedBefore = "proc closeio: process does not exist"

// lostEnd says whether a build ran while a web started, and then lost its exit status
// to the race above.
func (b *build) lostEnd(marks []mark) bool {
	if b.Status != atc.StatusErrored || len(b.events) == 0 {
		return false
	}
	began := b.events[0].at
	if b.StartTime > 0 { // in seconds; the event may have been read from the next web only
		began = time.Unix(b.StartTime, 0)
	}
	outlived := slices.ContainsFunc(marks, func(m mark) bool {
		return m.kind == webStarted && m.at.After(began) && m.at.Before(b.ended)
	})
	lost := false
	for _, h := range b.events {
		if e, ok := h.event.(event.Error); ok {
			if !strings.Contains(e.Message, closedBefore) {
				return false
			}
			lost = true
		}
	}
	return outlived && lost
}

// succeeded says whether a build succeeded as far as an upgrade can help it: one that has
// lost its exit status counts.
func (s *stage) succeeded(b build) bool {
	return b.Status == atc.StatusSucceeded || b.lostEnd(s.record.allMarks())
}
