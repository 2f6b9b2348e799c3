package stock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// tries is how often an upload may get lost on its way.
const tries = 3

// uploadPrefix begins the context id of every upload of this program.
const uploadPrefix = task.Prefix + "upload-"

// upload starts the task that brings an artifact to the director; 0 says that it is
// there now. One whose answer was lost is sent again, a bounded number of times, unless
// it is there or its task is found: that the director gets it twice does no harm.
func (s *Stock) upload(ctx context.Context, a Artifact) (id int, err error) {
	a.ContextID = uploadPrefix + rand.Text()
	for n := 1; ; n++ {
		id, err = s.Director.Upload(ctx, a)
		if !errors.Is(err, bosh.ErrUncertain) {
			return id, err
		}
		s.Say("the director's answer was lost (%v): looking whether it has taken %s", err, Describe([]Artifact{a}))
		found, there, lookErr := s.uploaded(ctx, a)
		if lookErr != nil {
			return 0, fmt.Errorf("%w; whether it was accepted is not known (%w)", err, lookErr)
		}
		if there || found != 0 {
			return found, nil
		}
		if n == tries {
			return 0, fmt.Errorf("%w, and the director shows nothing of it, %d times; put again", err, n)
		}
		s.Say("the director shows nothing of it: uploading it again")
	}
}

// uploaded looks for what came of an upload whose answer was lost.
func (s *Stock) uploaded(ctx context.Context, a Artifact) (id int, there bool, err error) {
	// While the director is away it is waited for by the search for the task.
	if missing, err := s.lacks(ctx, []Artifact{a}); err == nil && len(missing) == 0 && !a.flawed {
		return 0, true, nil
	}
	id, err = s.Finder.Find(ctx, a.ContextID, 0)
	return id, false, err
}
