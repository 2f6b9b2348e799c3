package status

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// list is a pause.Keeper that has a list.
type list pause.List

// Load implements pause.Keeper.
func (l list) Load(context.Context) (pause.List, string, error) { return pause.List(l), "1", nil }

// Save implements pause.Keeper.
func (list) Save(context.Context, pause.List, string) (string, error) {
	return "", errors.New("who looks saves nothing")
}

// director has configs and nothing else.
type director struct {
	bootstrap.Director
	configs list
}

// Keeper implements bootstrap.Director.
func (d director) Keeper(string) pause.Keeper { return d.configs }

// A Concourse that cannot be opened is told of once, where it is asked itself. What is paused
// the director says.
func TestLookForPaused_needsNoConcourse(t *testing.T) {
	since := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		kept list
		want bool
	}{
		"nothing is paused":   {},
		"something is paused": {list{Deployment: "concourse", Phase: pause.Paused, Since: since, BuildID: 7, Pipelines: []pause.Entry{{ID: 1, Team: "main", Name: "app", Step: pause.Held}}}, true},
	} {
		i := &bootstrap.Installation{
			Director: func(resource.Director) (bootstrap.Director, func(), error) {
				return director{configs: c.kept}, func() {}, nil
			},
			ATC: func(resource.Concourse) (bootstrap.ATC, error) {
				return struct{ bootstrap.ATC }{}, errors.New("ca_cert: no certificate") // to ask that one panics
			},
		}
		s := Status{Director: Service{State: "running"}}
		info := bootstrap.Info{Deployment: "concourse", Web: resource.Concourse{URL: "https://ci.example.com"}}
		s.lookForPaused(t.Context(), i, info, func() time.Time { return since })
		if len(s.Problems) != 0 || (s.Paused != nil) != c.want {
			t.Errorf("%s: problems %q, paused %v", name, s.Problems, s.Paused)
		}
	}
}
