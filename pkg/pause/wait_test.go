package pause_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// build is one that runs.
func build(id int) concourse.Build {
	return concourse.Build{ID: id, Team: "dev", Pipeline: "app", Job: "test", Name: fmt.Sprint(id), Status: "started"}
}

// script gives the answer to each look at the builds; the last one stays.
func (s *site) script(looks ...any) {
	n := 0
	s.web.step = func(call string, after bool) error {
		if call != "builds" || after {
			return nil
		}
		look := looks[min(n, len(looks)-1)]
		n++
		s.builds = nil
		switch look := look.(type) {
		case error:
			return look
		case []concourse.Build:
			s.builds = look
		}
		return nil
	}
}

// waits runs Wait in a bubble of its own time, and says how long it took.
func (s *site) waits(t *testing.T, ctx context.Context, change func(*pause.Pause)) (took time.Duration, err error) {
	t.Helper()
	p := s.run()
	p.Poll, p.Timeout, p.Still = 2*time.Second, time.Minute, 10*time.Second
	if change != nil {
		change(&p)
	}
	began := time.Now()
	err = p.Wait(ctx)
	return time.Since(began), err
}

var errDown = errors.New("reach Concourse: connection refused")

func TestWait_endsWhenOnlyItsOwnBuildHasRunForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("dev/app")
		s.begin(t)
		ours := concourse.Build{ID: own.BuildID, Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "12"}
		two, one, none := []concourse.Build{build(1), ours, build(2)}, []concourse.Build{build(2), ours}, []concourse.Build{ours}
		s.script(two, two, one, none, none, two, none)
		took, err := s.waits(t, t.Context(), nil)
		if err != nil || took != 22*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
		s.says(t, "waiting up to 1m0s for 2 builds to end: dev/app/test #1, dev/app/test #2\n", "for 1 build to end: dev/app/test #2\n", "no build runs but our own\n")
		if n := strings.Count(s.log.String(), "waiting up to"); n != 3 {
			t.Errorf("it says %d times what it waits for:\n%s", n, s.log.String())
		}
	})
}

// A task is not told which build it belongs to, but its job runs one at a time.
func TestWait_knowsItsOwnBuildByItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("dev/app")
		s.begin(t)
		ours := concourse.Build{ID: 9, Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "12"}
		var others []concourse.Build
		for _, change := range []func(*concourse.Build){
			func(b *concourse.Build) { b.Team = "dev" },
			func(b *concourse.Build) { b.Pipeline = "other" },
			func(b *concourse.Build) { b.Job = "verify" },
			func(b *concourse.Build) { b.InstanceVars = map[string]any{"env": "a"} },
		} {
			other := ours
			change(&other)
			others = append(others, other)
		}
		s.script(append([]concourse.Build{ours}, others...), []concourse.Build{ours})
		took, err := s.waits(t, t.Context(), func(p *pause.Pause) { p.Own.BuildID, p.Own.Name = 0, "" })
		if err != nil || took != 12*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
		s.says(t, "for 4 builds to end: ")
	})
}

func TestWait_givesUpWhenTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.begin(t)
		var many []concourse.Build
		for i := range 14 {
			many = append(many, build(i+1))
		}
		many[0] = concourse.Build{ID: 9, Team: "dev"}
		s.script(many)
		took, err := s.waits(t, t.Context(), nil)
		var busy *pause.BusyError
		if !errors.As(err, &busy) || len(busy.Builds) != 14 || took != time.Minute {
			t.Errorf("took %s, %v", took, err)
		}
		states(t, err, "after 1m0s 14 builds still ran: dev/one-off build 9, dev/app/test #2", "and 4 more", "nothing was deployed", "upgrade.quiet_timeout", "upgrade.on_quiet_timeout")
	})
}

func TestWait_goesOnWhenItIsToldTo(t *testing.T) {
	goOn := func(p *pause.Pause) { p.GoOn = true }
	for name, c := range map[string]struct {
		looks []any
		says  string
	}{
		"with builds":       {[]any{[]concourse.Build{build(7)}}, "going on after 1m0s: 1 build will be lost: dev/app/test #7"},
		"without an answer": {[]any{[]concourse.Build{build(7)}, errDown}, "going on after 1m0s though Concourse does not answer (reach Concourse: connection refused); these ran at the last look, and will be lost: dev/app/test #7"},
		"answer without":    {[]any{[]concourse.Build{}, errDown}, "no build ran at the last look"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite()
				s.begin(t)
				s.script(c.looks...)
				if took, err := s.waits(t, t.Context(), goOn); err != nil || took != time.Minute {
					t.Errorf("took %s, %v", took, err)
				}
				s.says(t, c.says)
			})
		})
	}
}

func TestWait_toleratesAWebThatRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.begin(t)
		s.script(errDown, errDown, []concourse.Build{}, []concourse.Build{}, errDown, []concourse.Build{})
		if took, err := s.waits(t, t.Context(), nil); err != nil || took != 20*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
		if n := strings.Count(s.log.String(), "looking again in 2s"); n != 2 {
			t.Errorf("it says %d times that it looks again:\n%s", n, s.log.String())
		}
	})
}

func TestWait_doesNotGoOnWithoutAnyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.begin(t)
		s.script(errDown)
		took, err := s.waits(t, t.Context(), func(p *pause.Pause) { p.GoOn = true })
		if !errors.Is(err, errDown) || took != time.Minute {
			t.Errorf("took %s, %v", took, err)
		}
		states(t, err, "nothing was deployed", "when Concourse answers")
	})
}

func TestWait_endsAtOnceWhereItIsRefused(t *testing.T) {
	for _, refusal := range []error{
		fmt.Errorf("list the builds: %w", session.ErrLogin),
		&session.StatusError{Method: "GET", Path: "/api/v1/builds", Status: 403},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite()
			s.begin(t)
			s.script(refusal)
			if took, err := s.waits(t, t.Context(), nil); !errors.Is(err, refusal) || took != 0 {
				t.Errorf("took %s, %v", took, err)
			}
		})
	}
}

func TestWait_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.begin(t)
		s.script([]concourse.Build{build(1)})
		cause := errors.New("the build was aborted")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, cause)
		defer cancel()
		if took, err := s.waits(t, ctx, nil); !errors.Is(err, cause) || took != 5*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
	})
}

// A web that takes a request and never answers does not hold it for ever.
func TestWait_boundsALookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.begin(t)
		p := s.run()
		p.ATC, p.Timeout = hanging{s.web}, time.Minute
		began := time.Now()
		err := p.Wait(t.Context())
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Minute {
			t.Errorf("took %s, %v", took, err)
		}
	})
}

type hanging struct{ *web }

func (hanging) StartedBuilds(ctx context.Context) ([]concourse.Build, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A build that still ran may have set a pipeline.
func TestWait_pausesWhatWasMadeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("dev/app")
		s.begin(t)
		s.script([]concourse.Build{build(1)}, []concourse.Build{})
		s.add("dev/new")
		s.unpause(s.id("dev/app"))
		if _, err := s.waits(t, t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.wantPaused(t, "dev/new")
		s.says(t, "dev/app was unpaused by somebody: it is left running")
		s.end(t)
		s.wantPaused(t, "")
	})
}

// Without a list there is nothing to add to.
func TestWait_pausesNothingByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite("dev/app")
		if _, err := s.waits(t, t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if s.paused() != "" || len(s.versions) != 0 {
			t.Errorf("paused %q, list %q", s.paused(), s.versions)
		}
	})
}
