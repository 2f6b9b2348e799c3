package pause_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// full is a list with everything that a keeper could get wrong.
func full() pause.List {
	return pause.List{
		Deployment: "concourse", Phase: pause.Paused, Since: time.Date(2026, 8, 26, 12, 0, 0, 0, time.UTC),
		Build: "main/self-upgrade/upgrade #12", BuildID: 4711, User: us, From: "8.2.5", To: "8.3.0", Task: 42,
		Pipelines: []pause.Entry{
			{ID: 11, Team: "main", Name: "1e3", Step: pause.Held, By: us, At: 1_787_659_200},
			{ID: 12, Team: "yes", Name: "2026-08-26", InstanceVars: map[string]any{"n": 1.0, "s": "1", "deep": map[string]any{"a": []any{"b\n", "\u0085\u2028", "😀"}}}, Step: pause.Freed},
			{ID: 13, Team: "t", Name: "<&>'\"\\", Step: pause.Listed},
		},
	}
}

// checkKeeper checks what all keepers have in common. Each call of open gives
// the same list, as another process would see it.
func checkKeeper(t *testing.T, open func() pause.Keeper) {
	t.Helper()
	list, revision, err := open().Load(t.Context())
	if err != nil || revision != "" || !cmp.Equal(list, pause.List{}) {
		t.Fatalf("at first there is %+v at %q, %v", list, revision, err)
	}
	if _, err := open().Save(t.Context(), full(), "7"); !errors.Is(err, pause.ErrConflict) {
		t.Errorf("a save over what is not there: %v", err)
	}
	first, err := open().Save(t.Context(), full(), "")
	if err != nil {
		t.Fatal(err)
	}
	other := full()
	other.Build = "another build"
	if _, err := open().Save(t.Context(), other, ""); !errors.Is(err, pause.ErrConflict) {
		t.Errorf("a second first save: %v", err)
	}
	list, revision, err = open().Load(t.Context())
	if diff := cmp.Diff(full(), list); diff != "" || revision != first || err != nil {
		t.Errorf("at %q, want %q, %v (-want +got):\n%s", revision, first, err, diff)
	}
	list.Task, list.Pipelines = 43, nil
	second, err := open().Save(t.Context(), list, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open().Save(t.Context(), other, first); !errors.Is(err, pause.ErrConflict) {
		t.Errorf("a save over an old one: %v", err)
	}
	list, revision, err = open().Load(t.Context())
	if err != nil || revision != second || list.Task != 43 || len(list.Pipelines) != 0 {
		t.Errorf("then there is %+v at %q, %v", list, revision, err)
	}
}

func TestInState_keepsTheList(t *testing.T) {
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	checkKeeper(t, func() pause.Keeper { return pause.InState(store, "concourse") })
	if names, err := store.List(t.Context(), ""); err != nil || strings.Join(names, " ") != "paused/deployment-concourse" {
		t.Errorf("documents %q, %v", names, err)
	}
}

func TestInDirector_keepsTheList(t *testing.T) {
	c := &configs{}
	checkKeeper(t, func() pause.Keeper { return pause.InDirector(c, "concourse") })
	for _, v := range c.versions {
		if strings.IndexFunc(v.Content, func(r rune) bool { return r > '~' || r < ' ' }) >= 0 {
			t.Errorf("content with what YAML may read otherwise: %q", v.Content)
		}
	}
}

func TestInState_refusesADamagedList(t *testing.T) {
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "paused/deployment-concourse", []byte(`{"schema":1,"phase":`), ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = pause.InState(store, "concourse").Load(t.Context())
	states(t, err, "paused/deployment-concourse", "damaged", "nothing was changed", "fly unpause-pipeline")
}

// denied is a director whose client may not use configs.
type denied struct{}

func (denied) Configs(context.Context, string, string) ([]bosh.ConfigVersion, error) {
	return nil, &bosh.ResponseError{Method: "GET", Path: "/configs", Status: 403}
}

func (denied) StoreConfig(context.Context, string, string, string, string) (bosh.ConfigVersion, error) {
	return bosh.ConfigVersion{}, &bosh.ResponseError{Method: "POST", Path: "/configs", Status: 401}
}

func TestInDirector_saysWhoMayKeepConfigs(t *testing.T) {
	k := pause.InDirector(denied{}, "concourse")
	_, _, err := k.Load(t.Context())
	states(t, err, "read config concourse.paused", "bosh.admin", "state section")
	_, err = k.Save(t.Context(), full(), "")
	states(t, err, "POST /configs", "bosh.admin", "state section")
}

func TestFind_givesTheKeeperThatHasAList(t *testing.T) {
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inState, inDirector := pause.InState(store, "concourse"), pause.InDirector(&configs{}, "concourse")
	if k, found, err := pause.Find(t.Context(), inState, inDirector); found || err != nil || k != inDirector {
		t.Errorf("of none found %v, %t, %v", k, found, err)
	}
	if _, err := inDirector.Save(t.Context(), full(), ""); err != nil {
		t.Fatal(err)
	}
	if k, found, err := pause.Find(t.Context(), inState, inDirector); !found || err != nil || k != inDirector {
		t.Errorf("of the second found %v, %t, %v", k, found, err)
	}
	if _, err := inState.Save(t.Context(), full(), ""); err != nil {
		t.Fatal(err)
	}
	if k, found, err := pause.Find(t.Context(), inState, inDirector); !found || err != nil || k != inState {
		t.Errorf("of both found %v, %t, %v", k, found, err)
	}
	_, _, err = pause.Find(t.Context(), pause.InDirector(denied{}, "concourse"), inState)
	states(t, err, "read the list of paused pipelines")
}

// FuzzList feeds foreign bytes as a list: it is read as a whole and written as
// it was, or refused in one line.
func FuzzList(f *testing.F) {
	c := &configs{}
	if _, err := pause.InDirector(c, "concourse").Save(f.Context(), full(), ""); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{c.versions[0].Content, "list: x", "{}", "", "list: {}", "- list", "list: '{\"schema\":1}'", "a: &a [*a]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		c := &configs{versions: []bosh.ConfigVersion{{ID: "1", Name: "concourse.paused", Content: content}}}
		k := pause.InDirector(c, "concourse")
		list, revision, err := k.Load(t.Context())
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if _, err := k.Save(t.Context(), list, revision); err != nil {
			t.Fatal(err)
		}
		again, _, err := k.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Pipelines) != len(list.Pipelines) || !again.Since.Equal(list.Since) || again.Phase != list.Phase {
			t.Errorf("%+v was read again as %+v", list, again)
		}
	})
}
