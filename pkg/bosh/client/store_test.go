package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

const (
	kind  = "perpetual"
	entry = "concourse.paused"
)

// stored is what is current of the test's config.
func (s *simulation) stored(t *testing.T) []string {
	t.Helper()
	versions, err := s.client.Configs(t.Context(), kind, entry)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, v := range versions {
		list = append(list, v.Content)
	}
	return list
}

func TestStoreConfig_writesOverTheVersionThatWasRead(t *testing.T) {
	s := simulate(t, nil)
	first, err := s.client.StoreConfig(t.Context(), kind, entry, "by: a\n", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.client.StoreConfig(t.Context(), kind, entry, "by: b\n", first.ID)
	if err != nil || second.ID == first.ID || second.Content != "by: b\n" {
		t.Fatalf("second %+v, error %v", second, err)
	}
	for _, stale := range []string{"", "0", first.ID, "99"} {
		if _, err := s.client.StoreConfig(t.Context(), kind, entry, "by: c\n", stale); !errors.Is(err, bosh.ErrConfigChanged) {
			t.Errorf("over %q: error %v", stale, err)
		}
	}
	same, err := s.client.StoreConfig(t.Context(), kind, entry, "by: b\n", second.ID)
	if err != nil || same.ID != second.ID {
		t.Errorf("the same content: %+v, error %v", same, err)
	}
	if got := s.stored(t); len(got) != 1 || got[0] != "by: b\n" {
		t.Errorf("current %q", got)
	}
}

// All writers get past the director's own comparison before any of them writes.
func TestStoreConfig_hasOneWinnerAmongManyAtOnce(t *testing.T) {
	const writers = 6
	for _, before := range []string{"", "by: somebody\n"} {
		var barrier sync.WaitGroup
		armed := make(chan struct{})
		s := simulateWith(t, director.Options{StoreConfig: func(kind, _ string) {
			select {
			case <-armed:
				if kind == "perpetual" {
					barrier.Done()
					barrier.Wait()
				}
			default:
			}
		}})
		expected := ""
		if before != "" {
			v, err := s.client.StoreConfig(t.Context(), kind, entry, before, "")
			if err != nil {
				t.Fatal(err)
			}
			expected = v.ID
		}
		barrier.Add(writers)
		close(armed)
		var all sync.WaitGroup
		var mu sync.Mutex
		var winners []bosh.ConfigVersion
		for n := range writers {
			all.Go(func() {
				v, err := s.client.StoreConfig(t.Context(), kind, entry, fmt.Sprintf("by: %d\n", n), expected)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					winners = append(winners, v)
				case !errors.Is(err, bosh.ErrConfigChanged):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(winners) != 1 {
			t.Fatalf("%d winners: %+v", len(winners), winners)
		}
		if got := s.stored(t); len(got) != 1 || got[0] != winners[0].Content {
			t.Errorf("current %q, the winner wrote %q", got, winners[0].Content)
		}
		// What the losers wrote is gone, so that the winner can go on.
		barrier.Add(1)
		if _, err := s.client.StoreConfig(t.Context(), kind, entry, "by: the winner\n", winners[0].ID); err != nil {
			t.Errorf("the winner's next write: %v", err)
		}
	}
}

func TestStoreConfig_recognisesItsOwnAfterALostReply(t *testing.T) {
	for name, c := range map[string]struct {
		kind  fault.Kind
		tries int // after how many calls it is stored
	}{
		"reply lost after the write": {fault.DropReply, 1},
		"lost before the write":      {fault.Refuse, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, nil)
			s.faults.Add(fault.Fault{Method: "POST", Path: "/configs", Kind: c.kind})
			var v bosh.ConfigVersion
			var err error
			tries := 0
			for v.ID == "" && tries < 3 {
				tries++
				v, err = s.client.StoreConfig(t.Context(), kind, entry, "by: me\n", "0")
			}
			if err != nil || tries != c.tries || s.Count(director.EffectConfig, kind+"/"+entry) != 1 {
				t.Errorf("%+v after %d calls, %d writes, error %v", v, tries, s.Count(director.EffectConfig, kind+"/"+entry), err)
			}
			if _, err := s.client.StoreConfig(t.Context(), kind, entry, "by: me again\n", v.ID); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

// The look after a lost reply fails too; the repetition finds what was stored.
func TestStoreConfig_recognisesItsOwnWhenItIsRepeated(t *testing.T) {
	s := simulate(t, nil)
	s.faults.Add(fault.Fault{Method: "POST", Path: "/configs", Kind: fault.DropReply},
		fault.Fault{Method: "GET", Path: "/configs", Kind: fault.Refuse, Times: -1})
	if _, err := s.client.StoreConfig(t.Context(), kind, entry, "by: me\n", "0"); err == nil || errors.Is(err, bosh.ErrConfigChanged) ||
		!strings.Contains(err.Error(), "look whether it was stored all the same") {
		t.Fatalf("error %v", err)
	}
	s.faults.Clear()
	v, err := s.client.StoreConfig(t.Context(), kind, entry, "by: me\n", "0")
	if err != nil || v.Content != "by: me\n" || s.Count(director.EffectConfig, kind+"/"+entry) != 1 {
		t.Errorf("%+v, error %v", v, err)
	}
}

// configs is a fake history of the test's config, newest first.
func configs(list ...string) http.HandlerFunc {
	var rows []string
	for _, row := range list {
		id, content, _ := strings.Cut(row, " ")
		rows = append(rows, fmt.Sprintf(`{"id":%q,"type":%q,"name":%q,"content":%q}`, id, kind, entry, content))
	}
	return text(200, "["+strings.Join(rows, ",")+"]")
}

func TestStoreConfig_decidesByTheHistory(t *testing.T) {
	created := text(201, `{"id":"8","type":"perpetual","name":"concourse.paused","content":"by: me"}`)
	refused := text(412, `{"latest_id":"9","expected_latest_id":"5","description":"Latest Id: '9' does not match expected latest id"}`)
	cases := map[string]struct {
		post    http.HandlerFunc
		history []http.HandlerFunc
		won     string // id; "" for a loser
		deletes string // what is deleted
		looks   int
	}{
		"alone":                        {created, []http.HandlerFunc{configs("8 by: me", "5 x")}, "8", "", 2}, // 6 and 7 may be on their way
		"above another":                {created, []http.HandlerFunc{configs("8 by: me", "7 by: you", "5 x")}, "", "8", 2},
		"another shows up late":        {created, []http.HandlerFunc{configs("8 by: me", "5 x"), configs("8 by: me", "6 by: you", "5 x")}, "", "8", 2},
		"losers leave":                 {created, []http.HandlerFunc{configs("9 by: you", "8 by: me", "5 x"), configs("9 by: you", "8 by: me", "5 x"), configs("8 by: me", "5 x")}, "8", "", 3},
		"somebody has gone on from it": {created, []http.HandlerFunc{configs("9 by: you", "8 by: me", "5 x")}, "8", "", 11},
		"what was expected is deleted": {created, []http.HandlerFunc{configs("8 by: me", "4 x")}, "", "8", 2},
		"refused":                      {refused, []http.HandlerFunc{configs("9 by: you", "5 x")}, "", "", 1},
		"refused, but it is our own":   {refused, []http.HandlerFunc{configs("6 {by: me}", "5 x")}, "6", "", 2},
		"our own lost":                 {refused, []http.HandlerFunc{configs("7 by: me", "6 by: you", "5 x")}, "", "7", 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, d := connect(t, map[string]http.HandlerFunc{"POST /configs": c.post, "GET /configs": inTurn(c.history...)})
			d.fallback = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }
			v, err := client.StoreConfig(t.Context(), kind, entry, "by: me", "5")
			if v.ID != c.won || (c.won == "") != errors.Is(err, bosh.ErrConfigChanged) || (c.won != "") != (err == nil) {
				t.Errorf("%+v, error %v", v, err)
			}
			deleted, looks := "", 0
			for _, request := range d.requests() {
				if id, ok := strings.CutPrefix(request, "DELETE /configs/"); ok {
					deleted += id
				}
				if strings.HasPrefix(request, "GET /configs?") {
					looks++
				}
			}
			if deleted != c.deletes || looks > c.looks {
				t.Errorf("deleted %q, want %q; %d looks, want at most %d", deleted, c.deletes, looks, c.looks)
			}
		})
	}
}

func TestStoreConfig_asksForMoreHistoryThanFits(t *testing.T) {
	var rows []string
	for id := 40; id > 5; id-- {
		rows = append(rows, fmt.Sprintf("%d by: %d", id, id))
	}
	client, d := connect(t, map[string]http.HandlerFunc{
		"POST /configs": text(201, `{"id":"6","type":"perpetual","name":"concourse.paused","content":"by: 6"}`),
		"GET /configs": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("limit") == "10" {
				configs(rows[:10]...)(w, r)
				return
			}
			configs(append(rows, "5 x")...)(w, r)
		},
	})
	if v, err := client.StoreConfig(t.Context(), kind, entry, "by: 6", "5"); err != nil || v.ID != "6" {
		t.Errorf("%+v, error %v, requests %q", v, err, d.requests())
	}
}

func TestStoreConfig_saysWhatALoserLeftBehind(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{
		"POST /configs":     text(201, `{"id":"8"}`),
		"GET /configs":      configs("8 by: me", "7 by: you", "5 x"),
		"DELETE /configs/8": text(500, ""),
	})
	_, err := client.StoreConfig(t.Context(), kind, entry, "by: me", "5")
	if !errors.Is(err, bosh.ErrConfigChanged) || !strings.Contains(err.Error(), "delete it with `bosh delete-config 8`") {
		t.Errorf("error %v", err)
	}
}

func TestStoreConfig_endsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := connect(t, map[string]http.HandlerFunc{
		"POST /configs": text(201, `{"id":"8"}`),
		"GET /configs": func(w http.ResponseWriter, r *http.Request) {
			cancel()
			configs("8 by: me", "5 x")(w, r)
		},
	})
	if _, err := client.StoreConfig(ctx, kind, entry, "by: me", "5"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
