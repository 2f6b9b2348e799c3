package infrastructure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/plain"
)

const (
	// searching bounds the look into all other regions together.
	searching = 20 * time.Second
	// atOnce is how many regions are asked at the same time.
	atOnce = 8
)

// Elsewhere is what was found in the account's other regions.
type Elsewhere struct {
	Region string // that has a stack of this installation; "" for none
	Stack  Standing
	// Unseen are regions that could not be looked into, and Reason why.
	Unseen []string
	Reason string
}

// Elsewhere asks each region of the account but here for the stack of this installation.
// What it cannot look into is in the answer, not an error.
func (s Site) Elsewhere(ctx context.Context, here string, list func(context.Context) ([]string, error)) (Elsewhere, error) {
	limit, cancel := context.WithTimeout(ctx, searching)
	defer cancel()
	regions, err := list(limit)
	if err != nil {
		if ctx.Err() != nil {
			return Elsewhere{}, context.Cause(ctx)
		}
		return Elsewhere{Unseen: []string{"all others"}, Reason: plain.FirstLine(err.Error())}, nil
	}
	var found Elsewhere
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, region := range regions {
		if region == here {
			continue
		}
		all.Go(func() error {
			standing, err := s.lookIn(limit, region)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				found.Unseen = append(found.Unseen, region)
				if found.Reason == "" {
					found.Reason = plain.FirstLine(err.Error())
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
func (s Site) lookIn(ctx context.Context, region string) (Standing, error) {
	opened, err := s.Open(region, stack.Options{Name: StackName(s.Name), Owner: s.Name, Attempts: 2})
	if err != nil {
		return Standing{}, err
	}
	standing, err := s.standing(ctx, opened)
	if errors.Is(err, context.DeadlineExceeded) {
		return Standing{}, errors.New("it does not answer")
	}
	if err != nil {
		return Standing{}, errors.New(strings.TrimPrefix(err.Error(), "look at stack "+StackName(s.Name)+": "))
	}
	return standing, nil
}
