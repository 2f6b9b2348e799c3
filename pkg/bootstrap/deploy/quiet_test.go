package deploy

import (
	"context"
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// running is a Concourse with one worker.
type running struct {
	version, worker, of string // of its workers: "8.2.5", "2.5", "2.4"
	broken              error
}

func (r running) Info(context.Context) (concourse.Info, error) {
	return concourse.Info{Version: r.version, WorkerVersion: r.worker}, r.broken
}

func (r running) Workers(context.Context) ([]concourse.Worker, error) {
	return []concourse.Worker{{Name: "w", State: "running", Version: r.of}}, nil
}

func TestNeedsQuiet_saysWhyWhereItIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		is    running
		way   string
		needs bool
	}{
		"somebody wants it":         {is: running{version: "8.2.5", worker: "2.5", of: "2.5"}, way: "quiet", needs: true},
		"the web goes first":        {is: running{version: "8.2.5", worker: "2.5", of: "2.5"}, way: "web-first"},
		"Concourse does not answer": {is: running{broken: errors.New("no route")}, way: "quiet"},
	} {
		if got := NeedsQuiet(t.Context(), c.is, "8.2.6", c.way); (got != "") != c.needs {
			t.Errorf("%s: %q", name, got)
		}
	}
}
