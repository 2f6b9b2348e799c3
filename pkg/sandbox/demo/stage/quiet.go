package stage

import (
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// ExpectQuiet are the expectations of a quiet upgrade that concern web and workers. ways are what
// the program has said of its way.
func ExpectQuiet(events []concourse.Event, ways []string) []Expectation {
	var ended, stopped, answered, leaving time.Time
	for _, e := range events {
		switch e.Kind {
		case concourse.KindFinish:
			if e.Job == "upgrade" {
				ended = e.At
			}
		case concourse.KindStop:
			stopped = e.At
		case concourse.KindRestart:
			answered = e.At
		case concourse.KindLanding, concourse.KindRetiring, concourse.KindLeft:
			if leaving.IsZero() {
				leaving = e.At
			}
		}
	}
	quiet := slices.ContainsFunc(ways, func(text string) bool {
		return strings.Contains(text, "quiet") && strings.Contains(text, "2.5") && strings.Contains(text, "3.0")
	})
	return []Expectation{
		Seen("it said that the upgrade is quiet, and why", quiet),
		Seen("the build had ended before the web was stopped", !stopped.IsZero() && ended.Before(stopped)),
		Seen("no worker left before the new web answered", !answered.IsZero() && leaving.After(answered)),
	}
}
