package task

import (
	"fmt"
	"io"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Progress prints what a person who follows a task wants to see of its events.
func Progress(to io.Writer) func(bosh.Event) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format+"\n", args...) }
	return func(e bosh.Event) {
		switch {
		case e.Type == bosh.EventError:
			say("  error %d: %s", e.Code, e.Message)
		case e.Type != "":
			say("  %s: %s", e.Type, e.Message)
		case e.State == "failed":
			say("  %s: %s failed: %s", e.Stage, e.Task, e.Error)
		case e.State == "started" || e.State == "finished":
			say("  %s: %s %s", e.Stage, e.Task, e.State)
		}
	}
}
