package github_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestClient_saysWhyItWasRefused(t *testing.T) {
	message := func(text string) string {
		return fmt.Sprintf(`{"message":%q,"documentation_url":"https://docs"}`, text)
	}
	cases := []struct {
		name     string
		fault    fault.Fault
		token    bool
		want     string
		is       error
		requests int
	}{
		{"401", fault.Fault{Code: 401, Body: message("Bad credentials")}, true, "refused the token (401 Bad credentials)", github.ErrUnauthorized, 1},
		{"401 without a token", fault.Fault{Code: 401, Body: message("Requires authentication")}, false, "wants a token", github.ErrUnauthorized, 1},
		{"401 that asks for a second factor", fault.Fault{Code: 401, Header: map[string][]string{"X-Github-Otp": {"required; app"}}, Body: message("otp")}, true, "refused the token", github.ErrUnauthorized, 1},
		{"403", fault.Fault{Code: 403, Body: message("Resource not accessible")}, true, "forbids it (403 Resource not accessible): check the token's permissions for acme/tool", github.ErrForbidden, 1},
		{"403 without a token", fault.Fault{Code: 403, Body: message("no")}, false, "a token may help", github.ErrForbidden, 1},
		{"403 of a proxy", fault.Fault{Code: 403, Body: "<html>\nBlocked by policy\n</html>"}, true, "forbids it (403 Forbidden)", github.ErrForbidden, 1},
		{"404", fault.Fault{Code: 404, Body: message("Not Found")}, true, "or the token may not see repository acme/tool", github.ErrNotFound, 1},
		{"404 without a token", fault.Fault{Code: 404, Body: message("Not Found")}, false, "is private and needs a token", github.ErrNotFound, 1},
		{"422", fault.Fault{Code: 422, Body: message("first\nsecond " + strings.Repeat("x", 999))}, true, "answered 422 first", nil, 1},
		{"500", fault.Fault{Code: 500, Body: "<html>oops</html>"}, true, "answered 500 Internal Server Error each time", github.ErrUnavailable, 3},
		{"502", fault.Fault{Code: 502}, true, "answered 502", github.ErrUnavailable, 3},
		{"501 is not asked again", fault.Fault{Code: 501}, true, "answered 501", github.ErrUnavailable, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, _ := plain(t)
			c.fault.Kind, c.fault.Times = fault.Status, -1
			w.script.Add(c.fault)
			config := github.Config{URL: w.url}
			if c.token {
				config.Token = secret.New(canary)
			}
			_, _, err := client(t, config).Releases(t.Context(), repo, 1, 100)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "list releases of acme/tool: ") {
				t.Errorf("error %v, want %q", err, c.want)
			}
			checkError(t, err)
			for _, kind := range []error{github.ErrUnauthorized, github.ErrForbidden, github.ErrNotFound, github.ErrUnavailable, github.ErrNotJSON} {
				if errors.Is(err, kind) != errors.Is(kind, c.is) {
					t.Errorf("errors.Is(%v) = %v", kind, !errors.Is(err, c.is))
				}
			}
			if n := len(w.script.Seen()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func TestClient_saysWhenARateLimitEnds(t *testing.T) {
	reset := time.Now().Add(37 * time.Minute).Truncate(time.Second)
	at := reset.UTC().Format("2006-01-02 15:04:05 UTC")
	cases := []struct {
		name     string
		limit    sandbox.Limit
		token    bool
		want     []string
		reset    bool
		second   bool
		requests int
	}{
		{"primary by 403", sandbox.Limit{Reset: reset}, false, []string{"is used up (60 requests an hour)", at, "in 3", "a token raises the limit"}, true, false, 1},
		{"primary by 429", sandbox.Limit{Reset: reset, Status: 429}, false, []string{"is used up", at, "a token raises the limit"}, true, false, 1},
		{"primary with a token", sandbox.Limit{Reset: reset}, true, []string{"is used up (5000 requests an hour)", at}, true, false, 1},
		{"secondary by 403", sandbox.Limit{Secondary: true, RetryAfter: 10 * time.Minute}, true, []string{"secondary rate limit", "in 10m0s"}, true, true, 1},
		{"secondary by 429", sandbox.Limit{Secondary: true, RetryAfter: 10 * time.Minute, Status: 429}, true, []string{"secondary rate limit", "in 10m0s"}, true, true, 1},
		{"secondary without a time", sandbox.Limit{Secondary: true}, true, []string{"wait some minutes"}, false, true, 1},
		{"secondary without a time by 429", sandbox.Limit{Secondary: true, Status: 429}, true, []string{"wait some minutes"}, false, true, 1},
		{"absurd", sandbox.Limit{Secondary: true, RetryAfter: 1e9 * time.Second}, true, []string{"secondary rate limit"}, true, true, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, _ := plain(t)
			w.SetLimit(&c.limit)
			config := github.Config{URL: w.url}
			if c.token {
				config.Token = secret.New(canary)
			}
			hub := client(t, config)
			_, err := hub.Tags(t.Context(), repo)
			var limited *github.RateLimitError
			if !errors.As(err, &limited) {
				t.Fatalf("error %v, want a RateLimitError", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q", err, want)
				}
			}
			checkError(t, err)
			if limited.Secondary != c.second || limited.Reset.IsZero() == c.reset || limited.Token != c.token || strings.Contains(err.Error(), "a token raises") == c.token {
				t.Errorf("%+v: %v", limited, err)
			}
			if n := len(w.script.Seen()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func TestClient_waitsWhenTheWaitIsShort(t *testing.T) {
	for _, status := range []int{403, 429} {
		w, _ := plain(t)
		w.SetLimit(&sandbox.Limit{Secondary: true, RetryAfter: time.Second, Status: status, Times: 1})
		var said []string
		c := client(t, github.Config{URL: w.url, Token: secret.New(canary), Notify: func(line string) { said = append(said, line) }})
		if tags, err := c.Tags(t.Context(), repo); err != nil || len(tags) != 1 || len(w.script.Seen()) != 2 {
			t.Errorf("%d: %v, error %v, %d requests", status, tags, err, len(w.script.Seen()))
		}
		if len(said) != 1 || !strings.Contains(said[0], "asking again in 1s") || strings.Contains(said[0], "\n") {
			t.Errorf("%d: said %q", status, said)
		}
	}
	w, c := plain(t)
	w.SetLimit(&sandbox.Limit{Secondary: true, RetryAfter: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var limited *github.RateLimitError
	if _, err := c.Tags(ctx, repo); !errors.As(err, &limited) || len(w.script.Seen()) != 1 {
		t.Errorf("a wait beyond the deadline: error %v, %d requests", err, len(w.script.Seen()))
	}
}

// A limit may come with a body that does not name it.
func TestClient_knowsALimitByItsHeader(t *testing.T) {
	w, c := plain(t)
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 403, Body: `{"message":"Forbidden"}`, Times: -1, Header: map[string][]string{
		"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102444800"},
	}})
	_, err := c.Tags(t.Context(), repo)
	var limited *github.RateLimitError
	if !errors.As(err, &limited) || !strings.Contains(err.Error(), "(5000 requests an hour); it resets at 2100-01-01 00:00:00 UTC") {
		t.Errorf("error %v", err)
	}
	checkError(t, err)
}

// go-github refuses by itself to ask on after an answer that says 0 are left.
func TestClient_saysTheSameWhenTheLibraryRefuses(t *testing.T) {
	reset := time.Now().Add(time.Hour)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Limit", "60")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(reset.Unix()))
		_, _ = io.WriteString(w, "[]")
	}))
	defer server.Close()
	c := client(t, github.Config{URL: server.URL})
	if _, err := c.Tags(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	_, err := c.Tags(t.Context(), repo)
	var limited *github.RateLimitError
	if !errors.As(err, &limited) || limited.Reset.Unix() != reset.Unix() || !strings.Contains(err.Error(), "a token raises the limit") {
		t.Errorf("error %v", err)
	}
}

func TestClient_repeatsWhatPasses(t *testing.T) {
	for _, kind := range []fault.Fault{
		{Kind: fault.Status, Code: 503}, {Kind: fault.Refuse}, {Kind: fault.DropReply}, {Kind: fault.ResetAfter}, {Kind: fault.CutBody, Bytes: 20},
	} {
		t.Run(kind.Kind.String(), func(t *testing.T) {
			w, c := plain(t)
			kind.Times = 2
			w.script.Add(kind)
			if list, _, err := c.Releases(t.Context(), repo, 1, 100); err != nil || len(list) != 1 || list[0].Tag != "v1.0.0" {
				t.Errorf("%+v, error %v", list, err)
			}
		})
	}
}

func TestClient_givesUpAfterABoundedNumberOfTries(t *testing.T) {
	for kind, want := range map[fault.Kind]string{fault.CutBody: "cut short each time", fault.ResetBefore: "reach 127.0.0.1"} {
		w, c := plain(t)
		w.script.Add(fault.Fault{Kind: kind, Bytes: 20, Times: -1})
		_, _, err := c.Releases(t.Context(), repo, 1, 100)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", kind, err, want)
		}
		checkError(t, err)
		if n := len(w.script.Seen()); n != 3 {
			t.Errorf("%s: %d requests, want 3", kind, n)
		}
	}
}

func TestClient_saysThatAHostIsUnreachable(t *testing.T) {
	address := vacant.Address(t)
	_, err := client(t, github.Config{URL: "http://" + address, Token: secret.New(canary)}).Tags(t.Context(), repo)
	if err == nil || !strings.Contains(err.Error(), "reach "+address) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	checkError(t, err)
}

func TestClient_endsWithItsContext(t *testing.T) {
	w, c := plain(t)
	w.script.Add(fault.Fault{Kind: fault.Hang, Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := c.ReleaseByTag(ctx, repo, "v1.0.0")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for an answer from") {
		t.Errorf("error %v, want a deadline", err)
	}
	checkError(t, err)
}
