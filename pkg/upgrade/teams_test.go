package upgrade_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// fakeTeams is what concerns all teams of a Concourse, in memory.
type fakeTeams struct {
	teams    sync.Mutex
	noAdmin  bool
	states   []concourse.PipelineState
	builds   []concourse.Build // that are started, or can be asked for
	until    map[int]time.Time // when builds end
	pausedAt int64
	trigger  error         // of TriggerJob
	slow     time.Duration // that it takes to unpause
	failures map[string]error
	calls    []string // "pause other/app"
}

func (t *fakeTeams) User(context.Context) (concourse.User, error) {
	if t.noAdmin {
		return concourse.User{Name: "ci", Teams: map[string][]string{"main": {"member"}}}, nil
	}
	return concourse.User{Name: "ci", Admin: true, Teams: map[string][]string{"main": {"owner"}}}, nil
}

func (t *fakeTeams) Pipelines(ctx context.Context) ([]concourse.PipelineState, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.teams.Lock()
	defer t.teams.Unlock()
	return append([]concourse.PipelineState{}, t.states...), t.failures["list"]
}

func (t *fakeTeams) set(team string, p concourse.Pipeline, paused bool, by string) error {
	t.teams.Lock()
	defer t.teams.Unlock()
	word := map[bool]string{true: "pause ", false: "unpause "}[paused]
	if err := t.failures[word+team+"/"+p.Name]; err != nil {
		return err
	}
	for i := range t.states {
		if s := &t.states[i]; s.Team == team && s.Name == p.Name && reflect.DeepEqual(s.InstanceVars, p.InstanceVars) {
			t.pausedAt++
			s.Paused, s.PausedBy, s.PausedAt = paused, "", time.Time{}
			if paused {
				s.PausedBy, s.PausedAt = by, time.Unix(t.pausedAt, 0)
			}
			t.calls = append(t.calls, word+team+"/"+p.Name)
			return nil
		}
	}
	return fmt.Errorf("%s%s: %w", word, p.Name, concourse.ErrNoPipeline)
}

func (t *fakeTeams) PausePipeline(_ context.Context, team string, p concourse.Pipeline) error {
	return t.set(team, p, true, "ci")
}

func (t *fakeTeams) UnpausePipeline(ctx context.Context, team string, p concourse.Pipeline) error {
	if err := retry.Sleep(ctx, t.slow); err != nil {
		return err
	}
	return t.set(team, p, false, "")
}

func (t *fakeTeams) StartedBuilds(context.Context) ([]concourse.Build, error) {
	t.teams.Lock()
	defer t.teams.Unlock()
	var list []concourse.Build
	for _, b := range t.builds {
		if end, ends := t.until[b.ID]; b.Status == "started" && (!ends || time.Now().Before(end)) {
			list = append(list, b)
		}
	}
	return list, nil
}

// Build gives a build that somebody has triggered, where nothing else is known of it.
func (t *fakeTeams) Build(_ context.Context, id int) (concourse.Build, error) {
	t.teams.Lock()
	defer t.teams.Unlock()
	for _, b := range t.builds {
		if b.ID == id {
			return b, nil
		}
	}
	return concourse.Build{ID: id, CreatedBy: "ada"}, nil
}

func (t *fakeTeams) TriggerJob(_ context.Context, p concourse.Pipeline, job string) (concourse.Build, error) {
	t.teams.Lock()
	defer t.teams.Unlock()
	t.calls = append(t.calls, "trigger "+p.Name+"/"+job)
	return concourse.Build{ID: 99, Name: "4", CreatedBy: "ci"}, t.trigger
}

// paused are the pipelines that are paused now.
func (t *fakeTeams) paused() []string {
	t.teams.Lock()
	defer t.teams.Unlock()
	list := []string{}
	for _, s := range t.states {
		if s.Paused {
			list = append(list, s.Team+"/"+s.Name)
		}
	}
	return list
}

// called is what was done to pipelines, in order.
func (t *fakeTeams) called() []string {
	t.teams.Lock()
	defer t.teams.Unlock()
	return append([]string{}, t.calls...)
}

// fakeKeeper keeps a list in memory.
type fakeKeeper struct {
	mu       sync.Mutex
	list     pause.List
	revision int
	err      error
}

func (k *fakeKeeper) Load(ctx context.Context) (pause.List, string, error) {
	if ctx.Err() != nil {
		return pause.List{}, "", context.Cause(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil || k.revision == 0 {
		return pause.List{}, "", k.err
	}
	return k.list, fmt.Sprint(k.revision), nil
}

func (k *fakeKeeper) Save(_ context.Context, list pause.List, revision string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := fmt.Sprint(k.revision); k.revision > 0 && now != revision || k.revision == 0 && revision != "" {
		return "", pause.ErrConflict
	}
	k.list, k.revision = list, k.revision+1
	return fmt.Sprint(k.revision), nil
}

var errDamaged = errors.New("the document is damaged")
