package fault_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

const body = "0123456789"

// world is a server behind a script, and how often its handler ran.
type world struct {
	script fault.Script
	ran    atomic.Int32
	url    string
	client *http.Client
}

func newWorld(t *testing.T, faults ...fault.Fault) *world {
	w := &world{}
	w.script.Add(faults...)
	server := httptest.NewServer(w.script.Wrap(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		w.ran.Add(1)
		rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = io.WriteString(rw, body)
	})))
	t.Cleanup(server.Close)
	t.Cleanup(w.script.Close)
	w.url, w.client = server.URL, &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

// get gives the status, the body, and the first error.
func (w *world) get(ctx context.Context, path string) (int, string, error) {
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	res, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

func TestScript_spoilsAsTheKindSays(t *testing.T) {
	cases := []struct {
		fault  fault.Fault
		ran    int32 // times that the handler ran
		status int   // 0: no answer
		body   string
		err    error
	}{
		{fault.Fault{Kind: fault.Refuse}, 0, 0, "", io.EOF},
		{fault.Fault{Kind: fault.ResetBefore}, 0, 0, "", syscall.ECONNRESET},
		{fault.Fault{Kind: fault.DropReply}, 1, 0, "", io.EOF},
		{fault.Fault{Kind: fault.ResetAfter}, 1, 0, "", syscall.ECONNRESET},
		{fault.Fault{Kind: fault.Delay, Pause: time.Millisecond}, 1, 200, body, nil},
		{fault.Fault{Kind: fault.SlowBody, Bytes: 3, Pause: time.Millisecond}, 1, 200, body, nil},
		{fault.Fault{Kind: fault.CutBody, Bytes: 4}, 1, 200, body[:4], io.ErrUnexpectedEOF},
		{fault.Fault{Kind: fault.CutBody}, 1, 200, "", io.ErrUnexpectedEOF},
		{fault.Fault{Kind: fault.Status, Code: 503, Body: "down"}, 0, 503, "down", nil},
		{fault.Fault{Kind: fault.Redirect, To: "/elsewhere"}, 0, 302, "<a href=\"/elsewhere\">Found</a>.\n\n", nil},
	}
	for _, c := range cases {
		t.Run(c.fault.Kind.String(), func(t *testing.T) {
			w := newWorld(t, c.fault)
			status, text, err := w.get(t.Context(), "/")
			if status != c.status || text != c.body || !errors.Is(err, c.err) || w.ran.Load() != c.ran {
				t.Errorf("status %d, body %q, error %v, handler ran %d times", status, text, err, w.ran.Load())
			}
			if seen := w.script.Seen(); len(seen) != 1 || seen[0].Fault != c.fault.Kind || seen[0].Status != c.status {
				t.Errorf("seen %+v", seen)
			}
			if status, text, err := w.get(t.Context(), "/"); status != 200 || text != body || err != nil {
				t.Errorf("the next request: status %d, body %q, error %v", status, text, err)
			}
		})
	}
}

func TestScript_givesPagesThatAreNoJSON(t *testing.T) {
	w := newWorld(t, fault.Fault{Kind: fault.HTML}, fault.Fault{Kind: fault.Garbage})
	if status, text, err := w.get(t.Context(), "/"); status != 200 || !strings.HasPrefix(text, "<!DOCTYPE html>") || err != nil {
		t.Errorf("HTML: status %d, body %q, error %v", status, text, err)
	}
	if status, text, err := w.get(t.Context(), "/"); status != 200 || !strings.HasPrefix(text, "[\x00") || err != nil {
		t.Errorf("garbage: status %d, body %q, error %v", status, text, err)
	}
}

func TestScript_choosesRequests(t *testing.T) {
	asks := []string{"/a/1", "/b", "/a/2", "/a/3", "/a/3", "/c/x/y"}
	cases := []struct {
		name  string
		fault fault.Fault
		want  string // of each request: x is spoilt
	}{
		{"once", fault.Fault{}, "x....."},
		{"twice", fault.Fault{Times: 2}, "xx...."},
		{"always", fault.Fault{Times: -1}, "xxxxxx"},
		{"later", fault.Fault{Skip: 2, Times: 2}, "..xx.."},
		{"prefix", fault.Fault{Path: "/a/", Times: -1}, "x.xxx."},
		{"prefix and skip", fault.Fault{Path: "/a/", Skip: 1}, "..x..."},
		{"pattern", fault.Fault{Path: "/*/[23]", Times: -1}, "..xxx."},
		{"pattern that does not cross segments", fault.Fault{Path: "/c/*", Times: -1}, "......"},
		{"other method", fault.Fault{Method: "POST", Times: -1}, "......"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.fault.Kind, c.fault.Code = fault.Status, 418
			w := newWorld(t, c.fault)
			var got strings.Builder
			for _, path := range asks {
				status, _, _ := w.get(t.Context(), path)
				got.WriteString(map[int]string{200: ".", 418: "x"}[status])
			}
			if got.String() != c.want {
				t.Errorf("spoilt %s, want %s", got.String(), c.want)
			}
		})
	}
}

func TestScript_hangsUntilTheClientGoesOrItIsClosed(t *testing.T) {
	w := newWorld(t, fault.Fault{Kind: fault.Hang, Times: 2})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := w.get(ctx, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want the client's deadline", err)
	}
	done := make(chan error)
	go func() { _, _, err := w.get(t.Context(), "/"); done <- err }()
	for len(w.script.Seen()) < 2 {
		time.Sleep(time.Millisecond)
	}
	w.script.Close()
	w.script.Close() // twice is no harm
	if err := <-done; !errors.Is(err, io.EOF) || w.ran.Load() != 0 {
		t.Errorf("error = %v, handler ran %d times", err, w.ran.Load())
	}
}

func TestScript_recordsWithoutCredentials(t *testing.T) {
	w := newWorld(t)
	req, _ := http.NewRequest(http.MethodPut, w.url+"/p?q=1", nil)
	req.Header.Set("Authorization", "Bearer s3cret")
	req.Header.Set("Range", "bytes=5-")
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	seen := w.script.Seen()
	if len(seen) != 1 {
		t.Fatalf("seen %+v", seen)
	}
	if s := seen[0]; s.Method != "PUT" || s.URL != "/p?q=1" || !s.Authorization || s.Status != 200 || s.Header.Get("Range") != "bytes=5-" {
		t.Errorf("seen %+v", s)
	}
	if strings.Contains(fmt.Sprint(seen), "s3cret") {
		t.Error("the record holds the credential")
	}
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 500})
	w.script.Clear()
	w.script.Forget()
	if status, _, _ := w.get(t.Context(), "/"); status != 200 || len(w.script.Seen()) != 1 {
		t.Errorf("status %d, seen %+v", status, w.script.Seen())
	}
}

// A handler may need what the server's own writer can do.
func TestScript_letsHandlersFlushAndHijack(t *testing.T) {
	var script fault.Script
	server := httptest.NewServer(script.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = out.WriteString("raw")
		_ = out.Flush()
		_ = conn.Close()
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	text, _ := io.ReadAll(bufio.NewReader(conn))
	if !strings.HasPrefix(string(text), "HTTP/1.1 200") || !strings.HasSuffix(string(text), "raw") {
		t.Errorf("got %q", text)
	}
}

func TestScript_abortsStreamsOfHTTP2(t *testing.T) {
	var script fault.Script
	script.Add(fault.Fault{Kind: fault.CutBody, Bytes: 4})
	server := httptest.NewUnstartedServer(script.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body)
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); res.ProtoMajor != 2 || err == nil || string(text) != body[:4] {
		t.Errorf("%s: body %q, error %v", res.Proto, text, err)
	}
}

func TestTaint_spoilsTheTextsThatArePicked(t *testing.T) {
	for given, want := range map[string]string{
		`{"a":"x","b":[{"c":"y","n":1.50}],"d":null}`:    `{"a":"x","b":[{"c":"y…","n":1.50}],"d":null}` + "\n",
		`{"b":[{"c":"1"}]}` + "\n" + `{"b":[{"c":"2"}]}`: `{"b":[{"c":"1…"}]}` + "\n" + `{"b":[{"c":"2…"}]}` + "\n",
		"no JSON": "no JSON",
	} {
		var asked []string
		f := fault.Taint(func(place string) bool {
			asked = append(asked, place)
			return place == ".b[].c"
		})
		script := fault.Script{}
		script.Add(f)
		server := httptest.NewServer(script.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Etag", "kept")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, given)
		})))
		res, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		server.Close()
		quoted, _ := json.Marshal(fault.Tainted)
		if want = strings.ReplaceAll(want, "…", strings.Trim(string(quoted), `"`)); err != nil || string(got) != want {
			t.Errorf("%s becomes %q (%v), want %q", given, got, err, want)
		}
		if res.StatusCode != http.StatusAccepted || res.Header.Get("Etag") != "kept" {
			t.Errorf("status %d, header %v", res.StatusCode, res.Header)
		}
		if given != "no JSON" && len(asked) == 0 {
			t.Error("nobody was asked")
		}
	}
}
