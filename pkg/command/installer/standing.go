package installer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// undone are the states of a stack that holds nothing: it was never made, or its
// creation has failed.
var undone = []string{"REVIEW_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}

// standingOf says in bootstrap's terms how a stack stands. One that somebody else has
// made is not live: the step that would change it refuses to.
func standingOf(name string, s stack.Status) bootstrap.Standing {
	if !s.Exists {
		return bootstrap.Standing{}
	}
	return bootstrap.Standing{
		Exists: true, Live: s.Ours && !slices.Contains(undone, s.State), Name: stackName(name), State: s.State,
		Bucket: s.Parameters["StateBucket"], WebAddress: s.Outputs.WebAddress, DirectorAddress: s.Outputs.DirectorAddress,
	}
}

// Look implements bootstrap.Infrastructure.
func (i *infrastructure) Look(ctx context.Context) (bootstrap.Standing, error) {
	s, err := i.stack(nil, i.tell)
	if err != nil {
		return bootstrap.Standing{}, err
	}
	status, err := s.Describe(ctx)
	if err != nil {
		return bootstrap.Standing{}, err
	}
	return standingOf(i.name, status), nil
}

const (
	// searching bounds the look into all other regions together.
	searching = 20 * time.Second
	// atOnce is how many regions are asked at the same time.
	atOnce = 8
)

// lookElsewhere asks each other region of the account for the stack of an installation.
func lookElsewhere(ctx context.Context, a *account.Account, name string) (bootstrap.Elsewhere, error) {
	limit, cancel := context.WithTimeout(ctx, searching)
	defer cancel()
	regions, err := a.Regions(limit)
	if err != nil {
		if ctx.Err() != nil {
			return bootstrap.Elsewhere{}, context.Cause(ctx)
		}
		return bootstrap.Elsewhere{Unseen: []string{"all others"}, Reason: firstLine(err.Error())}, nil
	}
	var found bootstrap.Elsewhere
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, region := range regions {
		if region == a.Region() {
			continue
		}
		all.Go(func() error {
			standing, err := lookIn(limit, a, region, name)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				found.Unseen = append(found.Unseen, region)
				if found.Reason == "" {
					found.Reason = firstLine(err.Error())
				}
			case standing.Live && (found.Region == "" || region < found.Region):
				found.Region, found.Stack = region, standing
			}
			return nil
		})
	}
	_ = all.Wait()
	if ctx.Err() != nil {
		return bootstrap.Elsewhere{}, context.Cause(ctx)
	}
	slices.Sort(found.Unseen)
	return found, nil
}

// lookIn asks one region; twice at most, since there are many.
func lookIn(ctx context.Context, a *account.Account, region, name string) (bootstrap.Standing, error) {
	s, err := stack.New(stack.Options{Name: stackName(name), Owner: name, Connection: a.Connection().In(region), Attempts: 2})
	if err != nil {
		return bootstrap.Standing{}, err
	}
	status, err := s.Describe(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return bootstrap.Standing{}, errors.New("it does not answer")
	}
	if err != nil {
		return bootstrap.Standing{}, errors.New(strings.TrimPrefix(err.Error(), "look at stack "+stackName(name)+": "))
	}
	return standingOf(name, status), nil
}
