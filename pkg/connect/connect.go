// Package connect opens what a run speaks with: the director, the ATC, the upstreams of a
// component set, and the store of the state. Each is opened in one way, whoever asks: a
// step of the resource type by its source, the installer by its configuration.
package connect

import (
	"io"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// Connector is what all that a run opens has in common.
type Connector struct {
	Notify func(line string)        // gets retries and warnings, one line each
	Log    io.Writer                // gets what a component set decides, and how downloads go; nil: nobody does
	Debug  *slog.Logger             // gets the exchanges, at level debug
	Env    func(name string) string // the process's environment
}

// Waits of a run, as they are in this build: builds for tests wait less.
const (
	poll       = 2 * time.Second
	still      = 10 * time.Second
	settle     = 5 * time.Minute
	acceptance = 30 * time.Second
)

// Poll is the time between two looks at what somebody else is doing.
func Poll() time.Duration { return crash.Scale(poll) }

// Still is for how long no build may have run before a quiet upgrade begins: as long as
// Concourse may take to start one that it has scheduled already.
func Still() time.Duration { return crash.Scale(still) }

// Settle is how long after a deploy the ATC and the workers may take.
func Settle() time.Duration { return crash.Scale(settle) }

// Acceptance is how long the task of a lost answer is looked for.
func Acceptance() time.Duration { return crash.Scale(acceptance) }

// LeaseTTL is for how long a step of the resource type that dies keeps others out. In builds
// for tests it is shorter, as there the next run waits for that; 4 s are for a busy machine
// to renew in. The installer keeps the state's default.
func LeaseTTL() time.Duration { return max(crash.Scale(lease.DefaultTTL), 4*time.Second) }

// Patience is a policy with its waits as they are in this build.
func Patience(p retry.Policy) retry.Policy {
	p.First, p.Max = crash.Scale(p.First), crash.Scale(p.Max)
	return p
}
