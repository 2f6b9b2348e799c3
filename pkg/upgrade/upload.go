package upgrade

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// uploadPrefix begins the context id of every upload of this program.
const uploadPrefix = task.Prefix + "upload-"

// upload starts the task that brings an artifact to the director; 0 says that it is
// there now. One whose answer was lost is sent again, a bounded number of times, unless
// it is there or its task is found: that the director gets it twice does no harm.
func (o Out) upload(ctx context.Context, a Artifact) (task int, err error) {
	a.ContextID = uploadPrefix + rand.Text()
	for n := 1; ; n++ {
		task, err = o.Director.Upload(ctx, a)
		if !errors.Is(err, bosh.ErrUncertain) {
			return task, err
		}
		o.say("the director's answer was lost (%v): looking whether it has taken %s", err, describe([]Artifact{a}))
		task, there, lookErr := o.uploaded(ctx, a)
		if lookErr != nil {
			return 0, fmt.Errorf("%w; whether it was accepted is not known (%w)", err, lookErr)
		}
		if there || task != 0 {
			return task, nil
		}
		if n == submissions {
			return 0, fmt.Errorf("%w, and the director shows nothing of it, %d times; put again", err, n)
		}
		o.say("the director shows nothing of it: uploading it again")
	}
}

// uploaded looks for what came of an upload whose answer was lost.
func (o Out) uploaded(ctx context.Context, a Artifact) (task int, there bool, err error) {
	// While the director is away it is waited for by the search for the task.
	if missing, err := o.missing(ctx, []Artifact{a}); err == nil && len(missing) == 0 && !a.flawed {
		return 0, true, nil
	}
	task, err = o.find(ctx, a.ContextID, 0)
	return task, false, err
}
