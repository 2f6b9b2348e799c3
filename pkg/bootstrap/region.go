package bootstrap

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
)

const (
	// searching bounds the look into all other regions together.
	searching = 20 * time.Second
	// atOnce is how many regions are asked at the same time.
	atOnce = 8
)

// lookElsewhere asks each other region of the account for the stack of this installation.
// What it cannot look into is in the answer, not an error.
func (r *run) lookElsewhere(ctx context.Context) (Elsewhere, error) {
	limit, cancel := context.WithTimeout(ctx, searching)
	defer cancel()
	regions, err := r.Account.Regions(limit)
	if err != nil {
		if ctx.Err() != nil {
			return Elsewhere{}, context.Cause(ctx)
		}
		return Elsewhere{Unseen: []string{"all others"}, Reason: firstLine(err.Error())}, nil
	}
	var found Elsewhere
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, region := range regions {
		if region == r.config.AWS.Region {
			continue
		}
		all.Go(func() error {
			standing, err := r.lookIn(limit, region)
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
		return Elsewhere{}, context.Cause(ctx)
	}
	slices.Sort(found.Unseen)
	return found, nil
}

// lookIn asks one region; twice at most, since there are many.
func (r *run) lookIn(ctx context.Context, region string) (Standing, error) {
	name := infrastructure.StackName(r.Name)
	s, err := r.OpenStack(region, stack.Options{Name: name, Owner: r.Name, Attempts: 2})
	if err != nil {
		return Standing{}, err
	}
	status, err := s.Describe(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return Standing{}, errors.New("it does not answer")
	}
	if err != nil {
		return Standing{}, errors.New(strings.TrimPrefix(err.Error(), "look at stack "+name+": "))
	}
	return standingOf(r.Name, status), nil
}
