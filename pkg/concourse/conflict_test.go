package concourse_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// meddle does something when a PUT of a config arrives, before or after
// Concourse sees it; n counts the PUTs from 1.
func meddle(w **world, before, after func(w *world, n int)) func(http.Handler) http.Handler {
	var n atomic.Int32
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPut {
				next.ServeHTTP(rw, r)
				return
			}
			count := int(n.Add(1))
			if before != nil {
				before(*w, count)
			}
			next.ServeHTTP(rw, r)
			if after != nil {
				after(*w, count)
			}
		})
	}
}

func TestSetPipeline_goesOnWhenTheVersionIsStaleButNothingChanged(t *testing.T) {
	var w *world
	w = newWorld(t, meddle(&w, func(w *world, n int) {
		if n == 1 {
			w.foreign(t, first) // the identical config: a new version all the same
		}
	}, nil))
	w.foreign(t, first)
	if c := w.set(t, selfUpgrade, second); !c.Updated {
		t.Errorf("change %+v", c)
	}
	if puts := w.requests("PUT"); len(puts) != 2 || !strings.HasSuffix(puts[0], "500") || !strings.HasSuffix(puts[1], "200") {
		t.Errorf("PUTs: %v", puts)
	}
}

func TestSetPipeline_isContentWhenSomebodyElseSetTheSame(t *testing.T) {
	var w *world
	w = newWorld(t, meddle(&w, func(w *world, _ int) { w.foreign(t, second) }, nil))
	w.foreign(t, first)
	if c := w.set(t, selfUpgrade, second); c.Created || c.Updated {
		t.Errorf("change %+v", c)
	}
	if puts := w.requests("PUT"); len(puts) != 1 {
		t.Errorf("PUTs: %v", puts)
	}
}

func TestSetPipeline_neverOverwritesAForeignChange(t *testing.T) {
	cases := []struct {
		name   string
		before string // what is there at first; empty: nothing
		each   func(n int) string
		puts   int
		want   []string
	}{
		{"updated meanwhile", first, func(int) string { return third }, 1, []string{"config version 1", "now 2", "jobs/theirs", "jobs/upgrade"}},
		{"created meanwhile", "", func(int) string { return third }, 1, []string{"did not exist", "now 1", "jobs/theirs"}},
		{"changed at the second try", first, func(n int) string { return []string{first, third}[n-1] }, 2, []string{"somebody else changed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var w *world
			w = newWorld(t, meddle(&w, func(w *world, n int) { w.foreign(t, c.each(n)) }, nil))
			if c.before != "" {
				w.foreign(t, c.before)
			}
			_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(second))
			clearly(t, err, append(c.want, "set pipeline self-upgrade", "fly get-pipeline -p self-upgrade")...)
			var conflict *concourse.ConflictError
			if !errors.As(err, &conflict) {
				t.Errorf("error %T is not a ConflictError", err)
			}
			if puts := w.requests("PUT"); len(puts) != c.puts || !strings.Contains(string(w.config(t, selfUpgrade).YAML), "theirs") {
				t.Errorf("PUTs: %v", puts)
			}
		})
	}
}

func TestSetPipeline_looksInsteadOfSendingAgainWhenTheReplyIsLost(t *testing.T) {
	abort := func(*world, int) { panic(http.ErrAbortHandler) }
	t.Run("after it arrived", func(t *testing.T) {
		var w *world
		w = newWorld(t, meddle(&w, nil, abort))
		if c := w.set(t, selfUpgrade, first); !c.Created {
			t.Errorf("change %+v", c)
		}
		if puts := w.requests("PUT"); len(puts) != 1 {
			t.Errorf("PUTs: %v", puts)
		}
	})
	t.Run("before it arrived", func(t *testing.T) {
		var w *world
		w = newWorld(t, meddle(&w, abort, nil))
		_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(first))
		clearly(t, err, "set pipeline self-upgrade", "reach Concourse", "it was not set", "run again")
	})
	t.Run("and Concourse is gone", func(t *testing.T) {
		var w *world
		w = newWorld(t, meddle(&w, nil, func(w *world, _ int) { w.atc.Stop(); abort(w, 0) }))
		_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(first))
		clearly(t, err, "whether it is set is not known", "run again")
	})
}

func TestSetPipeline_logsInAgainInTheMiddle(t *testing.T) {
	var w *world
	w = newWorld(t, meddle(&w, func(w *world, n int) {
		if n == 1 {
			w.atc.RevokeTokens()
		}
	}, nil))
	if c := w.set(t, selfUpgrade, first); !c.Created || w.logins() != 2 {
		t.Errorf("change %+v after %d logins", c, w.logins())
	}
	if c := w.config(t, selfUpgrade); c.Version != "1" {
		t.Errorf("config %+v", c)
	}
}

func TestSetPipeline_neverRepeatsAPUT(t *testing.T) {
	for name, status := range map[string]int{"429": 429, "500": 500, "503": 503} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			w := newWorld(t, only(configPath, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					n.Add(1)
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(status)
					return
				}
				w.WriteHeader(http.StatusNotFound)
			}))
			_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(first))
			clearly(t, err, name)
			if status != 500 {
				clearly(t, err, "come back in 7s")
			}
			if n.Load() != 1 {
				t.Errorf("%d PUTs", n.Load())
			}
		})
	}
}
