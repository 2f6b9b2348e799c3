package status

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// LeaseHolder is the run that holds an installation's lease.
type LeaseHolder struct {
	ID      string    `json:"id"`      // what unlock takes
	Purpose string    `json:"purpose"` // "deploy ci"
	Host    string    `json:"host"`    // "4f1c2a9e7b03"
	PID     int       `json:"pid"`     // on that host
	Since   time.Time `json:"since"`
	Renewed float64   `json:"renewed_seconds_ago"` // a live run renews it every 20 s
	Stale   bool      `json:"stale"`               // not renewed for so long that the next run takes it over
}

// lookForLease asks the state which run is under way.
func (s *Status) lookForLease(ctx context.Context, i *bootstrap.Installation) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	held, err := i.Holder(ctx)
	switch {
	case err != nil:
		s.Problems = append(s.Problems, "whether a run is under way is not known: "+err.Error())
	case held != nil:
		s.Lease = leaseHolder(held)
	}
}

func leaseHolder(held *lease.HeldError) *LeaseHolder {
	return &LeaseHolder{
		ID: held.ID, Purpose: held.Holder.Purpose, Host: held.Holder.Host, PID: held.Holder.PID,
		Since: held.Since, Renewed: max(0, held.Age.Seconds()), Stale: held.Stale(),
	}
}

// Text tells who it is, and how the lease of an installation is broken.
func (l *LeaseHolder) Text(name string) string {
	text := fmt.Sprintf("a run holds the lease: %q (host %s, pid %d), since %s UTC, renewed %s ago", l.Purpose, l.Host, l.PID,
		l.Since.UTC().Format(time.DateTime), time.Duration(l.Renewed*float64(time.Second)).Round(time.Second))
	if l.Stale {
		text += "; it is dead or cannot reach the state, and the next run takes the lease over"
	}
	return fmt.Sprintf("%s; if that run is certainly dead: perpetual unlock %s --id %s", text, name, l.ID)
}
