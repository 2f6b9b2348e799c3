// Package statetest checks that implementations of state.Store behave alike, and has
// one for tests, whose clock and network they set.
package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Run checks one implementation. Each call of open gives the same store, as
// another process would see it; fresh forgets what is in it.
func Run(t *testing.T, fresh func(*testing.T) (open func() state.Store)) {
	for _, c := range []struct {
		name string
		test func(*testing.T, func() state.Store)
	}{
		{"keeps documents", keepsDocuments},
		{"writes only on the condition", writesOnTheCondition},
		{"deletes only on the condition", deletesOnTheCondition},
		{"lets one of many create", letsOneCreate},
		{"loses no update", losesNoUpdate},
		{"lists by prefix", listsByPrefix},
		{"refuses names and sizes", refusesNamesAndSizes},
		{"tells its time", tellsItsTime},
		{"ends with its context", endsWithItsContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// want fails the test unless err is the wanted one.
func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("%s: error %v, want %v", what, err, wanted)
	}
}

// put writes and fails the test if that fails.
func put(t *testing.T, store state.Store, name, body, revision string) string {
	t.Helper()
	next, err := store.Put(t.Context(), name, []byte(body), revision)
	want(t, "put "+name, err, nil)
	return next
}

func keepsDocuments(t *testing.T, open func() state.Store) {
	store := open()
	_, err := store.Get(t.Context(), "config.yml")
	want(t, "get of nothing", err, state.ErrNotFound)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, body := range [][]byte{nil, []byte("a: b\n"), every, bytes.Repeat([]byte("x"), state.MaxDocument)} {
		name := fmt.Sprintf("a/b-c/%d.json", len(body))
		revision, err := store.Put(t.Context(), name, body, "")
		want(t, "put", err, nil)
		found, err := open().Get(t.Context(), name)
		want(t, "get", err, nil)
		if !bytes.Equal(found.Body, body) || found.Revision != revision || revision == "" {
			t.Errorf("%d bytes: got %d bytes at %q, written at %q", len(body), len(found.Body), found.Revision, revision)
		}
	}
}

func writesOnTheCondition(t *testing.T, open func() state.Store) {
	store, ctx := open(), t.Context()
	_, err := store.Put(ctx, "d", []byte("x"), "no-such-revision")
	want(t, "update of nothing", err, state.ErrConflict)
	_, err = store.Get(ctx, "d")
	want(t, "get after it", err, state.ErrNotFound)

	one := put(t, store, "d", "one", "")
	_, err = store.Put(ctx, "d", []byte("other"), "")
	want(t, "second creation", err, state.ErrConflict)
	two := put(t, open(), "d", "two", one)
	_, err = store.Put(ctx, "d", []byte("late"), one)
	want(t, "lost update", err, state.ErrConflict)
	if found, err := store.Get(ctx, "d"); err != nil || string(found.Body) != "two" || found.Revision != two || one == two {
		t.Errorf("got %q at %q, %v; want two at %q", found.Body, found.Revision, err, two)
	}
	if same := put(t, store, "d", "two", two); same != two {
		t.Errorf("the same body has revision %q, then %q", two, same)
	}
}

func deletesOnTheCondition(t *testing.T, open func() state.Store) {
	store, ctx := open(), t.Context()
	want(t, "delete of nothing", store.Delete(ctx, "d/e", "x"), state.ErrNotFound)
	one := put(t, store, "d/e", "one", "")
	two := put(t, store, "d/e", "two", one)
	want(t, "late delete", store.Delete(ctx, "d/e", one), state.ErrConflict)
	want(t, "unconditional delete", store.Delete(ctx, "d/e", ""), state.ErrConflict)
	want(t, "delete", open().Delete(ctx, "d/e", two), nil)
	_, err := store.Get(ctx, "d/e")
	want(t, "get after it", err, state.ErrNotFound)
	put(t, store, "d/e", "three", "")
}

func letsOneCreate(t *testing.T, open func() state.Store) {
	var group sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		group.Go(func() {
			_, errs[i] = open().Put(t.Context(), "lease/one.json", fmt.Appendf(nil, "%d", i), "")
		})
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("%d and %d both created it", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, state.ErrConflict):
			t.Errorf("%d: %v, want a conflict", i, err)
		}
	}
	if found, err := open().Get(t.Context(), "lease/one.json"); err != nil || string(found.Body) != fmt.Sprint(winner) {
		t.Errorf("%d won, but %q is there (%v)", winner, found.Body, err)
	}
}

func losesNoUpdate(t *testing.T, open func() state.Store) {
	const writers, each = 8, 10
	put(t, open(), "counter", "0", "")
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			store := open()
			for range each {
				if err := increment(t.Context(), store); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if found, err := open().Get(t.Context(), "counter"); err != nil || string(found.Body) != fmt.Sprint(writers*each) {
		t.Errorf("the counter is %q (%v), want %d", found.Body, err, writers*each)
	}
}

// increment adds one to the counter.
func increment(ctx context.Context, store state.Store) error {
	for {
		found, err := store.Get(ctx, "counter")
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscan(string(found.Body), &n); err != nil {
			return fmt.Errorf("read %q: %w", found.Body, err)
		}
		_, err = store.Put(ctx, "counter", fmt.Append(nil, n+1), found.Revision)
		if !errors.Is(err, state.ErrConflict) {
			return err
		}
	}
}

func listsByPrefix(t *testing.T, open func() state.Store) {
	store := open()
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("empty: %q, %v", names, err)
	}
	for _, name := range []string{"journal/b.json", "journal/a.json", "journal-old", "config.yml", "journal/sub/c.json"} {
		put(t, store, name, name, "")
	}
	for prefix, wanted := range map[string][]string{
		"":          {"config.yml", "journal-old", "journal/a.json", "journal/b.json", "journal/sub/c.json"},
		"journal/":  {"journal/a.json", "journal/b.json", "journal/sub/c.json"},
		"journal":   {"journal-old", "journal/a.json", "journal/b.json", "journal/sub/c.json"},
		"journal/b": {"journal/b.json"},
		"nothing/":  {},
	} {
		names, err := open().List(t.Context(), prefix)
		if err != nil || !slices.Equal(names, wanted) {
			t.Errorf("%q: %q, %v; want %q", prefix, names, err, wanted)
		}
	}
}

func refusesNamesAndSizes(t *testing.T, open func() state.Store) {
	store, ctx := open(), t.Context()
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.lock", "a\\b", "ä", "a b", "-f", "a\nb", string(make([]byte, 600))} {
		_, getErr := store.Get(ctx, name)
		_, putErr := store.Put(ctx, name, nil, "")
		deleteErr := store.Delete(ctx, name, "x")
		for _, err := range []error{getErr, putErr, deleteErr} {
			if err == nil || errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrConflict) {
				t.Errorf("name %q: %v, want it refused", name, err)
			}
		}
	}
	if _, err := store.Put(ctx, "large", make([]byte, state.MaxDocument+1), ""); err == nil {
		t.Error("a document that is too large was written")
	}
	if names, err := store.List(ctx, ""); err != nil || len(names) > 0 {
		t.Errorf("documents %q, %v; want none", names, err)
	}
}

// tellsItsTime checks that Now and Modified are of one clock, to the second.
func tellsItsTime(t *testing.T, open func() state.Store) {
	store := open()
	before, err := store.Now(t.Context())
	want(t, "now", err, nil)
	put(t, store, "d", "body", "")
	found, err := store.Get(t.Context(), "d")
	want(t, "get", err, nil)
	after, err := open().Now(t.Context())
	want(t, "now", err, nil)
	if m := found.Modified; m.Before(before.Add(-time.Second)) || m.After(after.Add(time.Second)) {
		t.Errorf("written at %s, between %s and %s", m, before, after)
	}
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 1 {
		t.Errorf("documents %q, %v; want one", names, err)
	}
}

func endsWithItsContext(t *testing.T, open func() state.Store) {
	store := open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := store.Get(ctx, "d")
	_, putErr := store.Put(ctx, "d", nil, "")
	_, nowErr := store.Now(ctx)
	for _, err := range []error{getErr, putErr, store.Delete(ctx, "d", "x"), nowErr} {
		want(t, "with a context that is over", err, context.Canceled)
	}
	_, err := store.Get(t.Context(), "d")
	want(t, "get", err, state.ErrNotFound)
}
