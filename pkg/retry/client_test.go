package retry_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

var fast = retry.Policy{Attempts: 4, First: time.Millisecond, Max: 2 * time.Second}

// get asks a server that runs handler and counts the requests it saw.
func get(t *testing.T, ctx context.Context, method string, o retry.Options, handler http.HandlerFunc) (int, *http.Response, error) {
	t.Helper()
	var count atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	client, err := retry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(ctx, method, server.URL, nil)
	res, err := client.Do(req)
	return int(count.Load()), res, err
}

func status(codes ...int) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, _ *http.Request) {
		i := int(n.Add(1)) - 1
		w.WriteHeader(codes[min(i, len(codes)-1)])
		_, _ = io.WriteString(w, "body")
	}
}

func drop(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := w.(http.Hijacker).Hijack()
	_ = conn.Close()
}

func TestClient_repeatsOnlyWhatIsSafe(t *testing.T) {
	cases := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		want    int // requests
		status  int // of the last response; 0 is an error
	}{
		{"success", "GET", status(200), 1, 200},
		{"503 then success", "GET", status(503, 500, 200), 3, 200},
		{"5xx forever", "GET", status(502), 4, 502},
		{"429 that does not say until when", "GET", status(429), 1, 429},
		{"not found", "GET", status(404), 1, 404},
		{"forbidden", "GET", status(403), 1, 403},
		{"not implemented", "GET", status(501), 1, 501},
		{"post is never repeated", "POST", status(503), 1, 503},
		{"post with a lost reply", "POST", drop, 1, 0},
		{"get with a lost reply", "GET", drop, 4, 0},
		{"head with a lost reply", "HEAD", drop, 4, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n, res, err := get(t, t.Context(), c.method, retry.Options{Policy: fast}, c.handler)
			// net/http itself repeats a GET on a reused connection that died; here every connection is new.
			if n != c.want {
				t.Errorf("%d requests, want %d", n, c.want)
			}
			if (c.status == 0) != (err != nil) {
				t.Fatalf("error = %v", err)
			}
			if err == nil {
				if res.StatusCode != c.status {
					t.Errorf("status %d, want %d", res.StatusCode, c.status)
				}
				if body, _ := io.ReadAll(res.Body); c.method == "GET" && string(body) != "body" {
					t.Errorf("body = %q", body)
				}
			}
		})
	}
}

// Whoever makes a request may know that its repetition changes nothing more.
func TestClient_repeatsWhatIsSaidToBeRepeatable(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    int // requests
	}{
		{"a lost reply", drop, 4}, {"502 then success", status(502, 200), 2}, {"504 then success", status(504, 504, 200), 3},
		{"not found", status(404), 1}, {"conflict", status(412), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n.Add(1)
				if text, _ := io.ReadAll(r.Body); string(text) != "what is asked" {
					t.Errorf("request %d has the body %q", n.Load(), text)
				}
				c.handler(w, r)
			}))
			defer server.Close()
			client, err := retry.NewClient(retry.Options{Policy: fast})
			if err != nil {
				t.Fatal(err)
			}
			for _, again := range []bool{true, false} { // a body that cannot be read again is sent once
				n.Store(0)
				req, err := http.NewRequestWithContext(retry.Repeatable(t.Context()), http.MethodPost, server.URL, strings.NewReader("what is asked"))
				if err != nil {
					t.Fatal(err)
				}
				want := c.want
				if !again {
					req.GetBody, want = nil, 1
				}
				if res, err := client.Do(req); err == nil {
					_ = res.Body.Close()
				}
				if int(n.Load()) != want {
					t.Errorf("%d requests, want %d", n.Load(), want)
				}
			}
		})
	}
}

func TestClient_retriesABodyThatIsCut(t *testing.T) {
	var n atomic.Int32
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "01234")
		if n.Add(1) == 1 {
			w.(http.Flusher).Flush()
			drop(w, nil)
			return
		}
		_, _ = io.WriteString(w, "56789")
	}
	count, res, err := get(t, t.Context(), "GET", retry.Options{Policy: fast, MaxBody: 100}, handler)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); count != 2 || string(body) != "0123456789" {
		t.Errorf("%d requests, body %q", count, body)
	}
}

func TestClient_boundsTheBody(t *testing.T) {
	count, _, err := get(t, t.Context(), "GET", retry.Options{Policy: fast, MaxBody: 3}, status(200))
	if err == nil || !strings.Contains(err.Error(), "larger than 3 bytes") || count != 1 {
		t.Errorf("%d requests, error %v", count, err)
	}
}

func TestClient_honoursRetryAfterWithinTheDeadline(t *testing.T) {
	asks := func(after string) http.HandlerFunc {
		var n atomic.Int32
		return func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) == 1 {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}
	}
	impatient := retry.Policy{Attempts: 4, First: time.Millisecond, Max: time.Millisecond}
	cases := []struct {
		name, after string
		timeout     time.Duration
		requests    int
		status      int
	}{
		{"one second", "1", time.Minute, 2, 200},
		{"one second without a deadline", "1", 0, 2, 200},
		{"longer than what is waited without a deadline", "121", 0, 1, 429},
		{"negative", "-5", time.Minute, 2, 200},
		{"past date", "Mon, 02 Jan 2006 15:04:05 GMT", time.Minute, 2, 200},
		{"garbage", "soon", time.Minute, 1, 429},
		{"longer than the deadline", "100", 90 * time.Second, 1, 429},
		{"absurd", "1000000000", 0, 1, 429},
		{"overflow", "99999999999999999", 0, 1, 429},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			if c.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.timeout)
				defer cancel()
			}
			n, res, err := get(t, ctx, "GET", retry.Options{Policy: impatient}, asks(c.after))
			if err != nil {
				t.Fatal(err)
			}
			if n != c.requests || res.StatusCode != c.status {
				t.Errorf("%d requests, status %d; want %d, %d", n, res.StatusCode, c.requests, c.status)
			}
		})
	}
}

func TestClient_waitsAsLongAsAskedUpToTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		want    time.Duration // the wait that is announced; 0 for none
	}{
		"75 s are left":   {75 * time.Second, time.Minute},
		"45 s are left":   {45 * time.Second, 0},
		"there is no end": {0, time.Minute},
		"an hour is left": {time.Hour, time.Minute},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if c.timeout > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), c.timeout)
		}
		var announced time.Duration
		o := retry.Options{Policy: fast, Notify: func(_ error, wait time.Duration) {
			announced = wait
			cancel() // the wait itself is not the test's
		}}
		_, _, _ = get(t, ctx, "GET", o, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		cancel()
		if announced != c.want {
			t.Errorf("%s: it waits %v, want %v", name, announced, c.want)
		}
	}
}

func TestAsked_putsARetryAfterIntoWords(t *testing.T) {
	for after, want := range map[string]string{"": "", "soon": "", "90": "it asks to wait 1m30s", "-1": "it asks to wait 0s"} {
		if got := retry.Asked(http.Header{"Retry-After": {after}}); got != want {
			t.Errorf("%q: %q, want %q", after, got, want)
		}
	}
}

func TestClient_endsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	slow := retry.Policy{Attempts: 100, First: time.Hour, Max: time.Hour}
	_, _, err := get(t, ctx, "GET", retry.Options{Policy: slow}, drop)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want a deadline", err)
	}
}

func TestClient_trustsOnlyItsCA(t *testing.T) {
	var count atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { count.Add(1) }))
	defer server.Close()
	server.Config.ErrorLog = nil
	right := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	client, err := retry.NewClient(retry.Options{CACert: right, Policy: fast})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(server.URL); err != nil {
		t.Errorf("with the right CA: %v", err)
	}
	client, _ = retry.NewClient(retry.Options{Policy: fast})
	if _, err := client.Get(server.URL); err == nil || count.Load() != 1 {
		t.Errorf("without it: error %v, %d requests reached the server", err, count.Load())
	}
	if _, err := retry.NewClient(retry.Options{CACert: "no pem"}); !errors.Is(err, retry.ErrCACert) {
		t.Errorf("error = %v, want ErrCACert", err)
	}
}

// Every server is told who asks, each try again, unless a library has its own name.
func TestClient_saysWhoAsks(t *testing.T) {
	for given, want := range map[string]string{"": retry.UserAgent, "aws-sdk-go-v2/1.40": "aws-sdk-go-v2/1.40"} {
		var seen []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.UserAgent())
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		client, err := retry.NewClient(retry.Options{Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"GET", "POST"} {
			req, _ := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
			if given != "" {
				req.Header.Set("User-Agent", given)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if got := req.Header.Get("User-Agent"); got != given {
				t.Errorf("the caller's request was changed: it says %q", got)
			}
		}
		server.Close()
		if !slices.Equal(seen, []string{want, want, want}) {
			t.Errorf("it calls itself %q, want %q each time", seen, want)
		}
	}
}
