// Package resumption unpauses, when somebody asks for it, what a quiet upgrade has paused and
// has not unpaused itself, unless that upgrade is still under way.
package resumption

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// Director is what this package asks of a director.
type Director interface {
	// Task fails with bosh.ErrNotFound.
	Task(ctx context.Context, id int) (bosh.Task, error)
	Tasks(ctx context.Context, filter bosh.TaskFilter) ([]bosh.Task, error)
	// Locks lists them, those included that have expired and nobody has taken over.
	Locks(ctx context.Context) ([]bosh.Lock, error)
}

// ATC is what this package asks of the Concourse API.
type ATC interface {
	pause.ATC
	// Build fails with concourse.ErrNoBuild for a build that does not exist.
	Build(ctx context.Context, id int) (concourse.Build, error)
}

// Resumption says what is to be unpaused, and where that is written down.
type Resumption struct {
	Deployment string // "concourse"
	Director   Director
	ATC        ATC
	Keepers    []pause.Keeper   // that may have the list; the first that has one counts
	Force      bool             // do not ask whether an upgrade is under way
	Now        func() time.Time // tells which locks have ended; nil: time.Now
	// Hold does something while no other run can begin; it fails when one is under
	// way. nil: nothing keeps others out.
	Hold func(ctx context.Context, do func(context.Context) error) error
}

// Run unpauses what a quiet upgrade has paused, unless an upgrade is under way.
func (r Resumption) Run(ctx context.Context) (Resumed, error) {
	if r.Now == nil {
		r.Now = time.Now
	}
	keeper, found, err := pause.Find(ctx, r.Keepers...)
	if err != nil || !found {
		return Resumed{}, err
	}
	resumed := Resumed{Found: true}
	end := func(ctx context.Context) error {
		p := pause.Pause{ATC: r.ATC, Keeper: keeper, Deployment: r.Deployment}
		if !r.Force {
			if err := r.idle(ctx, p); err != nil {
				return err
			}
		}
		resumed.Report, err = p.End(ctx)
		return err
	}
	if r.Force || r.Hold == nil {
		err = end(ctx)
	} else {
		err = r.Hold(ctx, end)
	}
	return resumed, err
}

// Resumed is what a resume has done.
type Resumed struct {
	pause.Report
	Found bool // something was paused
}

// Did says whether anything was unpaused, also where something else failed.
func (r Resumed) Did() bool { return len(r.Unpaused)+len(r.Left) > 0 }

// Lines tell it to people.
func (r Resumed) Lines(name string) []string {
	if !r.Found {
		return []string{fmt.Sprintf("nothing is paused by a quiet upgrade of %s", name)}
	}
	l := r.List
	lines := []string{fmt.Sprintf("%s has paused pipelines since %s UTC, for %s → %s", l.Build, l.Since.UTC().Format(time.DateTime), l.From, l.To)}
	for _, p := range r.Unpaused {
		lines = append(lines, "unpaused "+p)
	}
	for _, p := range r.Left {
		lines = append(lines, "left paused "+p.String())
	}
	if !r.Did() {
		lines = append(lines, "nothing was left to unpause")
	}
	return lines
}
