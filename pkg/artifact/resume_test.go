package artifact_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

func TestFetch_resumesWhereItWasCut(t *testing.T) {
	for sixteenth := range 16 {
		w := start(t, 1_000_000, nil)
		at := int64(len(w.content) / 16 * sixteenth)
		w.script.Add(fault.Fault{Kind: fault.CutBody, Bytes: at})
		if err := w.fetch(t, artifact.Config{}, w.file()); err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		w.holds(t, "file.tgz")
		seen := w.script.Seen()
		if len(seen) != 2 || (at == 0) != (seen[1].Header.Get("Range") == "") {
			t.Fatalf("cut at %d: %+v", at, seen)
		}
		if at == 0 {
			continue
		}
		// A cut connection may lose what was still under way.
		var from int64
		if _, err := fmt.Sscanf(seen[1].Header.Get("Range"), "bytes=%d-", &from); err != nil || from > at || from == 0 {
			t.Errorf("cut at %d: Range %q", at, seen[1].Header.Get("Range"))
		}
		if seen[1].Status != 206 || seen[1].Header.Get("If-Range") != `"one"` {
			t.Errorf("cut at %d: status %d, If-Range %q", at, seen[1].Status, seen[1].Header.Get("If-Range"))
		}
		if !strings.Contains(w.log.String(), "the connection was cut") || !strings.Contains(w.log.String(), "going on at") {
			t.Errorf("log %q", w.log)
		}
	}
}

func TestFetch_repeatsWhatPasses(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Refuse}, {Kind: fault.ResetAfter}, {Kind: fault.DropReply}, {Kind: fault.Status, Code: 503},
		{Kind: fault.Status, Code: 429, Header: http.Header{"Retry-After": {"1"}}},
		{Kind: fault.Status, Code: 500, Header: http.Header{"Retry-After": {"-1"}}},
	} {
		t.Run(f.Kind.String(), func(t *testing.T) {
			w := start(t, 1000, nil)
			w.script.Add(f)
			if err := w.fetch(t, artifact.Config{}, w.file()); err != nil || len(w.script.Seen()) != 2 {
				t.Errorf("error %v, %d requests", err, len(w.script.Seen()))
			}
			w.holds(t, "file.tgz")
		})
	}
}

func TestFetch_givesUp(t *testing.T) {
	cases := []struct {
		name     string
		fault    fault.Fault
		want     string
		requests int
	}{
		{"cut for ever", fault.Fault{Kind: fault.CutBody, Bytes: 10}, "gave up after 4 tries at 40 bytes of 1.0 kB", 4},
		{"cut at once for ever", fault.Fault{Kind: fault.CutBody}, "gave up after 4 tries at 0 bytes of 1.0 kB", 4},
		{"500", fault.Fault{Kind: fault.Status, Code: 500}, "answered 500 Internal Server Error", 4},
		{"429 without a time", fault.Fault{Kind: fault.Status, Code: 429}, "answered 429 Too Many Requests", 1},
		{"429 for a long time", fault.Fault{Kind: fault.Status, Code: 429, Header: http.Header{"Retry-After": {"60"}}}, "asks to wait 1m0s", 1},
		{"401", fault.Fault{Kind: fault.Status, Code: 401}, "answered 401 Unauthorized: it wants other credentials", 1},
		{"403", fault.Fault{Kind: fault.Status, Code: 403, Body: "<Error>\n</Error>"}, "the url is out of date", 1},
		{"404", fault.Fault{Kind: fault.Status, Code: 404}, "answered 404 Not Found: the file is not there", 1},
		{"a web page", fault.Fault{Kind: fault.HTML}, "answered with a web page", 1},
		{"garbage", fault.Fault{Kind: fault.Garbage}, "its size is 300 bytes, not 1000 bytes", 1},
		{"a part of nothing", fault.Fault{Kind: fault.Status, Code: 206, Body: "x"}, "answered 206", 1},
		{"a range that nobody asked for", fault.Fault{Kind: fault.Status, Code: 416}, "answered 416", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, 1000, nil)
			c.fault.Times = -1
			w.script.Add(c.fault)
			err := w.fetch(t, artifact.Config{}, w.file())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if n := len(w.script.Seen()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			w.holds(t)
		})
	}
}

// resumed is a server that is cut once and then answers as a case wants.
func resumed(t *testing.T, w *world, second http.HandlerFunc) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		switch asked {
		case 1:
			rw.Header().Set("ETag", `"one"`)
			rw.Header().Set("Content-Length", fmt.Sprint(len(w.content)))
			_, _ = rw.Write(w.content[:500])
			_ = http.NewResponseController(rw).Flush()
			conn, _, _ := http.NewResponseController(rw).Hijack()
			_ = conn.Close()
		case 2:
			second(rw, r)
		default:
			http.ServeContent(rw, r, "f", time.Time{}, bytes.NewReader(w.content))
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
}

func TestFetch_startsAgainWhenTheRestIsNotTheRest(t *testing.T) {
	part := func(contentRange, etag string, body []byte) func(*world) http.HandlerFunc {
		return func(*world) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Range", contentRange)
				rw.Header().Set("ETag", etag)
				rw.WriteHeader(http.StatusPartialContent)
				_, _ = rw.Write(body)
			}
		}
	}
	half := bytes.Repeat([]byte{0xee}, 500)
	cases := map[string]func(*world) http.HandlerFunc{
		"the whole instead": func(w *world) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(w.content) }
		},
		"another place":        part("bytes 400-999/1000", `"one"`, half),
		"another size":         part("bytes 500-999/2000", `"one"`, half),
		"another file":         part("bytes 500-999/1000", `"two"`, half),
		"no range":             part("", `"one"`, half),
		"a range that is none": part("bytes five-999/1000", `"one"`, half),
		"an impossible range":  part("bytes 500-1000/1000", `"one"`, half),
		"nothing there": func(*world) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusRequestedRangeNotSatisfiable) }
		},
	}
	for name, second := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t, 1000, nil)
			resumed(t, w, second(w))
			if err := w.fetch(t, artifact.Config{}, w.file()); err != nil {
				t.Error(err)
			}
			w.holds(t, "file.tgz")
		})
	}
}

// Where neither the response nor the caller knows the size, a range tells it.
func TestFetch_resumesABodyOfUnknownLength(t *testing.T) {
	w := start(t, 600_000, nil)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked++; asked > 1 {
			http.ServeContent(rw, r, "f", time.Time{}, bytes.NewReader(w.content))
			return
		}
		_, _ = rw.Write(w.content[:300_000]) // chunked
		_ = http.NewResponseController(rw).Flush()
		conn, _, _ := http.NewResponseController(rw).Hijack()
		_ = conn.Close()
	}))
	defer server.Close()
	file := w.file()
	file.URL, file.Size = server.URL, 0
	if err := w.fetch(t, artifact.Config{}, file); err != nil || asked != 2 {
		t.Errorf("error %v, %d requests", err, asked)
	}
	w.holds(t, "file.tgz")
}

// A body without a length that ends too early looks whole to HTTP.
func TestFetch_noticesAnEarlyEndByTheSize(t *testing.T) {
	w := start(t, 1000, nil)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			_, _ = rw.Write(w.content[:400])
			_ = http.NewResponseController(rw).Flush() // so that no length is told
			return
		}
		http.ServeContent(rw, r, "f", time.Time{}, bytes.NewReader(w.content))
	}))
	defer server.Close()
	file := w.file()
	file.URL = server.URL
	if err := w.fetch(t, artifact.Config{}, file); err != nil || asked != 2 {
		t.Errorf("error %v, %d requests", err, asked)
	}
	w.holds(t, "file.tgz")
}

func TestFetch_refusesABodyThatGoesOn(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).Flush()
		for r.Context().Err() == nil {
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	for name, size := range map[string]int64{"beyond its size": 1000, "beyond what is allowed": 0} {
		w := start(t, 1000, nil)
		file := w.file()
		file.URL, file.Size = endless.URL, size
		err := w.fetch(t, artifact.Config{MaxSize: 1 << 20}, file)
		if err == nil || !strings.Contains(err.Error(), "it goes on after") {
			t.Errorf("%s: error %v", name, err)
		}
		w.holds(t)
	}
	w := start(t, 3000, nil)
	file := w.file()
	file.Size = 0
	if err := w.fetch(t, artifact.Config{MaxSize: 2000}, file); err == nil || !strings.Contains(err.Error(), "offers 3.0 kB, more than the 2.0 kB that are allowed") {
		t.Errorf("a length that is too large: error %v", err)
	}
}

func TestFetch_takesAStallForACut(t *testing.T) {
	w := start(t, 1000, nil)
	w.script.Add(fault.Fault{Kind: fault.SlowBody, Bytes: 400, Pause: time.Hour})
	config := artifact.Config{Stall: 50 * time.Millisecond, Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Second}}
	if err := w.fetch(t, config, w.file()); err != nil {
		t.Error(err)
	}
	w.holds(t, "file.tgz")
	if !strings.Contains(w.log.String(), "nothing came any more for 50ms; going on at 400 bytes") {
		t.Errorf("log %q", w.log)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 500-999/1000", "bytes 500-999/*", "bytes */1000", "", "bytes 5-4/3", "items 1-2/3", "bytes 500-999/99999999999999999999"} {
		f.Add(seed)
	}
	content := bytes.Repeat([]byte{1}, 1000)
	asked, header := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 1:
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write(content[:500])
			_ = http.NewResponseController(rw).Flush()
			conn, _, _ := http.NewResponseController(rw).Hijack()
			_ = conn.Close()
		case 2:
			rw.Header()["Content-Range"] = []string{header}
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(rw, "\x02")
		default:
			http.ServeContent(rw, r, "f", time.Time{}, bytes.NewReader(content))
		}
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\n\x00") {
			t.Skip("no header")
		}
		w := &world{content: content, url: server.URL, folder: t.TempDir(), log: &bytes.Buffer{}}
		asked, header = 0, text
		err := w.fetch(t, artifact.Config{}, w.file())
		if err == nil {
			w.holds(t, "file.tgz")
		} else {
			w.holds(t)
		}
	})
}
