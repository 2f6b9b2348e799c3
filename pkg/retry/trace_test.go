package retry_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// logger writes what a client tells, without times.
func logger(to io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "took", "for":
			return slog.Attr{}
		}
		return a
	}}))
}

func TestClient_tellsEveryExchangeAndWaitAtDebug(t *testing.T) {
	for name, c := range map[string]struct {
		method, target string
		handler        http.HandlerFunc
		policy         retry.Policy
		want           []string
	}{
		"a try that is repeated": {"GET", "/tasks?state=done&deployment=c", status(503, 200), fast, []string{
			`msg=exchange method=GET host=HOST path=/tasks query="deployment=c&state=done" status=503 try=1`,
			`msg="wait before another try" because="HOST answered 503 Service Unavailable"`,
			`msg=exchange method=GET host=HOST path=/tasks query="deployment=c&state=done" status=200 try=2`,
		}},
		"a lost answer": {"HEAD", "/file", drop, retry.Never, []string{
			`msg=exchange method=HEAD host=HOST path=/file error=EOF try=1`,
		}},
		"what is never repeated": {"POST", "/deployments?context_id=perpetual-1&fix=true", status(504), fast, []string{
			`msg=exchange method=POST host=HOST path=/deployments query="context_id=perpetual-1&fix=true" status=504 try=1`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			server := httptest.NewServer(c.handler)
			defer server.Close()
			client, err := retry.NewClient(retry.Options{Policy: c.policy, Debug: logger(&told, slog.LevelDebug)})
			if err != nil {
				t.Fatal(err)
			}
			ask(t, client, c.method, server.URL+c.target)
			host := strings.TrimPrefix(server.URL, "http://")
			want := strings.ReplaceAll("level=DEBUG "+strings.Join(c.want, "\nlevel=DEBUG ")+"\n", "HOST", host)
			if told.String() != want {
				t.Errorf("it tells\n%swant\n%s", told.String(), want)
			}
		})
	}
}

// ask sends a request with credentials wherever one can have them.
func ask(t *testing.T, client *http.Client, method, target string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader("grant=body-canary"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer header-canary")
	req.AddCookie(&http.Cookie{Name: "session", Value: "cookie-canary"})
	if res, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

func TestClient_tellsNoCredential(t *testing.T) {
	var told bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "token=reply-canary")
		if r.URL.Path == "/first" {
			http.Redirect(w, r, "/second?X-Amz-Signature=signature-canary&name=file", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, `{"access_token": "body-canary"}`)
	}))
	defer server.Close()
	client, err := retry.NewClient(retry.Options{Policy: fast, MaxBody: 1 << 10, Debug: logger(&told, slog.LevelDebug)})
	if err != nil {
		t.Fatal(err)
	}
	user := strings.Replace(server.URL, "http://", "http://user:url-canary@", 1)
	ask(t, client, "GET", user+"/first?vars=%7B%22p%22:%22query-canary%22%7D")
	if text := told.String(); strings.Count(text, "msg=exchange") != 2 || strings.Contains(text, "canary") || !strings.Contains(text, `query="name=file&…"`) {
		t.Errorf("it tells\n%swant two exchanges without any credential", text)
	}
}

func TestClient_tellsNothingAtInfo(t *testing.T) {
	var told bytes.Buffer
	notified := 0
	server := httptest.NewServer(status(503, 200))
	defer server.Close()
	client, err := retry.NewClient(retry.Options{
		Policy: fast, Debug: logger(&told, slog.LevelInfo), Notify: func(error, time.Duration) { notified++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, client, "GET", server.URL)
	if told.Len() > 0 || notified != 1 {
		t.Errorf("it tells %q, and of %d waits, want one wait and nothing else", told.String(), notified)
	}
}

func TestQuery_showsWhatIsHarmless(t *testing.T) {
	for query, want := range map[string]string{
		"":                               "",
		"verbose=2&context_id=perpetual": "context_id=perpetual&verbose=2",
		"vars=%7B%22password%22%3A1%7D":  "…",
		"page=2&access_token=canary":     "page=2&…",
		"canary":                         "…",
		"a;b=canary":                     "…",
		"page=%zz":                       "…",
	} {
		if got := retry.Query(&url.URL{RawQuery: query}); got != want {
			t.Errorf("%q is shown as %q, want %q", query, got, want)
		}
	}
}
