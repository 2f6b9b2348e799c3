package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concourse/concourse/atc"
)

// Concourse calls a check complete when its scope has an end time, and writes the
// status after that: a stream that is read in between ends without one
// (atc/db/build_in_memory_check.go, Events and Finish).
func TestListen_readsACheckAgainThatEndedWithoutItsStatus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hasStatus bool // the second time
		newer     bool // another check of the resource is known
		reads     int32
		want      atc.BuildStatus
	}{
		"the status is there the second time":     {hasStatus: true, reads: 2, want: atc.StatusFailed},
		"another check has taken its place since": {newer: true, reads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reads atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/sky/") {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"access_token":"t","token_type":"bearer"}`)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				events := []string{`{"event":"log","version":"5.1","data":{"payload":"rate limit"}}`}
				if reads.Add(1) > 1 && tc.hasStatus {
					events = append(events, `{"event":"status","version":"1.0","data":{"status":"failed","time":1}}`)
				}
				for n, e := range events {
					_, _ = fmt.Fprintf(w, "id: %d\nevent: event\ndata: %s\n\n", n, e)
				}
				_, _ = fmt.Fprintf(w, "id: %d\nevent: end\ndata: \n\n", len(events))
			}))
			defer server.Close()
			checked := &build{Build: atc.Build{ID: 13, ResourceName: "components"}}
			r := &recorder{site: &site{line: newTimeline(io.Discard, "")}, api: newAPI(server.URL, "u", "p"), builds: map[int]*build{-13: checked}}
			if tc.newer {
				r.builds[-14] = &build{Build: atc.Build{ID: 14, ResourceName: "components"}, ended: time.Now()}
			}
			r.listen(t.Context(), checked)
			if got := reads.Load(); got != tc.reads || checked.Status != tc.want || checked.ended.IsZero() != (tc.want == "") || checked.log() != "rate limit" {
				t.Errorf("read %d times: status %q, ended %s, log %q; want %d times, %q", got, checked.Status, checked.ended, checked.log(), tc.reads, tc.want)
			}
		})
	}
}
