package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"
)

// The load is builds of another team that run all the while: some at the same
// time, and the oldest ends when a new one runs. While their pipeline is paused no
// new one does, so all of them end. Thus builds begin and end on every worker that
// takes any, and a worker that drains has none after a while.
const (
	loadJob   = "load-"
	loadJobs  = 7
	loadWidth = 3 // that run at the same time
)

// loadNames are the jobs of the load.
func loadNames() []string {
	var names []string
	for n := range loadJobs {
		names = append(names, loadJob+strconv.Itoa(n))
	}
	return names
}

// load begins the load, and waits until it is at its width. The function that it
// gives ends it and waits for its last build.
func (s *stage) load(ctx context.Context) (end func() error, err error) {
	going, stop := context.WithCancel(ctx)
	full, over := make(chan struct{}), make(chan error, 1)
	s.background.Go(func() { over <- s.keepLoad(ctx, going, full) })
	select {
	case <-full:
	case err := <-over:
		stop()
		return nil, err
	}
	return func() error {
		stop()
		return <-over
	}, nil
}

// keepLoad begins builds as long as it is to go on, then lets all of them end.
func (s *stage) keepLoad(ctx, going context.Context, full chan struct{}) error {
	names := loadNames()
	last := map[string]string{} // build by job
	for n := 0; going.Err() == nil; n++ {
		job := names[n%len(names)]
		if err := s.awaitLoad(ctx, job, last[job]); err != nil {
			return err
		}
		s.world.latch.take(job)
		begun, err := s.request(ctx, job)
		if err != nil {
			return err
		}
		last[job] = begun
		if err := s.awaitRunning(ctx, job, begun); err != nil {
			return err
		}
		if n+1 == loadWidth {
			close(full)
		}
		if n >= loadWidth {
			s.world.latch.give(names[(n-loadWidth)%len(names)])
		}
	}
	for _, job := range names {
		s.world.latch.give(job)
		if err := s.awaitLoad(ctx, job, last[job]); err != nil {
			return err
		}
	}
	return nil
}

// request asks for a build of the other team and gives its name: "3". It does not
// wait for it to start.
func (s *stage) request(ctx context.Context, job string) (string, error) {
	b, err := ask(ctx, s.api, "a build of "+job, func(client concourse.Client) (atc.Build, error) {
		return client.Team(otherTeam).CreateJobBuild(reference(otherTeam), job)
	})
	return b.Name, err
}

// awaitRunning waits until a build of the other team runs on a worker, or cannot
// because its pipeline is paused.
func (s *stage) awaitRunning(ctx context.Context, job, name string) error {
	return eventually(ctx, patience, job+" #"+name, func(context.Context) error {
		b, _ := s.find(otherTeam, job, name)
		if !b.ended.IsZero() || strings.Contains(b.log(), firstWait) || s.record.now(otherTeam) == paused {
			return nil
		}
		return errNotYet
	})
}

// awaitEnd waits until a build of the other team has ended; "" is none. One that
// is pending may have to wait for a whole upgrade.
func (s *stage) awaitEnd(ctx context.Context, job, name string) error {
	return s.awaitEndWhile(ctx, job, name, func() {})
}

// awaitLoad is awaitEnd for a build of the load. It may be pending in a paused
// pipeline, and the upgrade that has paused it waits for those that run: these may
// end then, as nobody else lets them.
func (s *stage) awaitLoad(ctx context.Context, job, name string) error {
	return s.awaitEndWhile(ctx, job, name, func() {
		if s.record.now(otherTeam) == paused {
			for _, each := range loadNames() {
				s.world.latch.give(each)
			}
		}
	})
}

// awaitEndWhile is awaitEnd that calls do after each look at which it has not ended.
func (s *stage) awaitEndWhile(ctx context.Context, job, name string, do func()) error {
	if name == "" {
		return nil
	}
	return eventually(ctx, scenarioTime, "the end of "+job+" #"+name, func(context.Context) error {
		if b, _ := s.find(otherTeam, job, name); !b.ended.IsZero() {
			return nil
		}
		do()
		return errNotYet
	})
}

// loaded counts the load's builds that began between two times, by the worker that
// they ran on last.
func (s *stage) loaded(from, to time.Time) map[string]int {
	begun := map[string]int{}
	for _, b := range s.record.all() {
		if strings.HasPrefix(b.JobName, loadJob) && len(b.events) > 0 && b.events[0].at.After(from) && b.events[0].at.Before(to) {
			begun[b.on()]++
		}
	}
	return begun
}
