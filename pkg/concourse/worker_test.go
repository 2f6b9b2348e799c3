package concourse_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// state is a worker's state; empty: it is not in the list.
func (w *world) state(t *testing.T, name string) string {
	t.Helper()
	workers, err := w.client.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, worker := range workers {
		if worker.Name == name {
			return worker.State
		}
	}
	return ""
}

func TestLandWorker_worksWithEveryRelease(t *testing.T) {
	for _, release := range []string{"7.14.0", "8.2.5", "8.3.0"} {
		t.Run(release, func(t *testing.T) {
			w := newWorld(t, nil)
			w.atc.SetVersion(release, "2.5")
			w.atc.RegisterWorker("one", "")
			for range 2 {
				if err := w.client.LandWorker(t.Context(), "one"); err != nil {
					t.Fatal(err)
				}
				if got := w.state(t, "one"); got != "landed" {
					t.Errorf("worker %s", got)
				}
			}
		})
	}
}

func TestLandWorker_sendsItsBodyAgainAfterALogin(t *testing.T) {
	var bodies []string
	w := newWorld(t, only("/api/v1/workers/one/land", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if len(bodies) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	if err := w.client.LandWorker(t.Context(), "one"); err != nil || len(bodies) != 2 || bodies[1] != "{}" {
		t.Errorf("bodies %q, %v", bodies, err)
	}
}

func TestPruneWorker_takesOnlyOneThatIsGone(t *testing.T) {
	w := newWorld(t, nil)
	w.atc.RegisterWorker("one", "")
	clearly(t, w.client.PruneWorker(t.Context(), "one"), "prune worker one", "400", "cannot prune running worker")
	if err := w.atc.StallWorker("one"); err != nil {
		t.Fatal(err)
	}
	if err := w.client.PruneWorker(t.Context(), "one"); err != nil || w.state(t, "one") != "" {
		t.Errorf("worker %q, %v", w.state(t, "one"), err)
	}
}

func TestPutWorker_saysWhyItCannot(t *testing.T) {
	cases := []struct {
		name, user, worker string
		is                 error
		want               []string
	}{
		{"no worker", "admin", "gone", concourse.ErrNoWorker, []string{"worker gone: no such worker"}},
		{"no right", "reader", "one", nil, []string{"403", "user reader may not do this: it takes an owner of the team main"}},
		{"no name", "admin", "", nil, []string{"not a valid worker name"}},
		{"a path", "admin", "../teams", nil, []string{"worker ../teams: that is not a valid worker name"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, as(c.user))
			w.atc.RegisterWorker("one", "")
			for verb, do := range map[string]func(context.Context, string) error{"land": w.client.LandWorker, "prune": w.client.PruneWorker} {
				err := do(t.Context(), c.worker)
				clearly(t, err, append(c.want, verb)...)
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v is not %v", err, c.is)
				}
			}
		})
	}
}

func TestPutWorker_isNotRepeated(t *testing.T) {
	const path = "/api/v1/workers/one/prune"
	count := &counter{path: path}
	w := newWorld(t, func(h http.Handler) http.Handler { return count.of(cut(path)(h)) })
	clearly(t, w.client.PruneWorker(t.Context(), "one"), "prune worker one", "reach Concourse")
	if n := count.n.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
