package main

import (
	"testing"
	"time"
)

// The lines are test_decoding's of a PostgreSQL 15.
func TestJournal_givesRowsAtTheEndOfTheirTransaction(t *testing.T) {
	t.Parallel()
	j := &journal{}
	for _, line := range []string{
		"BEGIN 771",
		`table public.workers: UPDATE: addr[text]:'10.99.1.2:7777' state[worker_state]:'landing' name[text]:'1a2b3c4d-bbbb-cccc-dddd-eeeeeeeeeeee' tags[text]:'["it''s"]' team_id[integer]:null version[text]:'2.5' ephemeral[boolean]:false resource_types[text]:unchanged-toast-datum`,
		`table public.builds: UPDATE: id[integer]:7`,
		`table public.pipelines: UPDATE: id[integer]:3 name[text]:'other' paused[boolean]:true groups[text[]]:'{}'`,
		`table public.workers: DELETE: name[text]:'gone'`,
	} {
		if got := j.decode(line); got != nil {
			t.Errorf("%s: got %v before the transaction's end", line, got)
		}
	}
	got := j.decode("COMMIT 771 (at 2026-11-29 00:10:54.123456+00)")
	if len(got) != 3 {
		t.Fatalf("got %v, want the rows of workers and pipelines", got)
	}
	at := time.Date(2026, 11, 29, 0, 10, 54, 123456000, time.UTC)
	for n, want := range []struct{ action, key, value string }{
		{"UPDATE", "state", "landing"}, {"UPDATE", "paused", "true"}, {"DELETE", "name", "gone"},
	} {
		if c := got[n]; c.action != want.action || c.values[want.key] != want.value || !c.at.Equal(at) {
			t.Errorf("got %+v, want %+v at %s", c, want, at)
		}
	}
	if v := got[0].values; v["version"] != "2.5" || v["tags"] != `["it''s"]` || v["team_id"] != "" {
		t.Errorf("got %v", v)
	}
	if again := j.decode("COMMIT 772 (at 2026-11-29 00:10:55+00)"); again != nil {
		t.Errorf("got %v once more", again)
	}
}
