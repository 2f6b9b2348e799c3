package github

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// RateLimitError says that GitHub answers no more for a while (REST API, "Rate
// limits"): the hourly limit of a token or address is used up, or too much was
// asked at once (the secondary limit).
type RateLimitError struct {
	Host       string        // api.github.com
	Limit      int           // requests an hour; 0 if unknown
	Reset      time.Time     // when it ends; zero if the server did not say
	RetryAfter time.Duration // what the server asked to wait; 0 if it did not
	Secondary  bool          // too much at once, not too much in the hour
	Token      bool          // a token was sent
}

// Error implements error.
func (e *RateLimitError) Error() string {
	var b strings.Builder
	switch {
	case e.Secondary:
		fmt.Fprintf(&b, "%s limits how fast it may be asked (secondary rate limit)", e.Host)
	case e.Limit > 0:
		fmt.Fprintf(&b, "rate limit of %s is used up (%d requests an hour)", e.Host, e.Limit)
	default:
		fmt.Fprintf(&b, "rate limit of %s is used up", e.Host)
	}
	if e.Reset.IsZero() {
		b.WriteString("; it does not say until when: wait some minutes")
	} else {
		left := max(0, time.Until(e.Reset)).Round(time.Second)
		fmt.Fprintf(&b, "; it resets at %s, in %s", e.Reset.UTC().Format("2006-01-02 15:04:05 UTC"), left)
	}
	if !e.Token {
		b.WriteString("; a token raises the limit")
	}
	return b.String()
}

// newRateLimitError reads the headers of a response that limits.
func newRateLimitError(host string, h http.Header, token bool) *RateLimitError {
	e := &RateLimitError{Host: host, Token: token, Secondary: h.Get("X-RateLimit-Remaining") != "0"}
	e.Limit, _ = strconv.Atoi(h.Get("X-RateLimit-Limit"))
	if seconds, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && !e.Secondary {
		e.Reset = time.Unix(seconds, 0)
	}
	now := time.Now()
	if wait, asked := retry.RetryAfter(h, now); asked {
		e.RetryAfter, e.Reset = wait, now.Add(wait)
	}
	return e
}

// limitTripper sorts the ways in which GitHub says that a limit is reached: 403
// or 429, of either kind. One with Retry-After becomes 429, which is repeated if
// the wait is short enough; any other is final, as asking on makes it worse.
type limitTripper struct {
	wire  http.RoundTripper
	token bool
}

// RoundTrip implements http.RoundTripper. A limit that no short wait lifts is a
// *RateLimitError.
func (t *limitTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.wire.RoundTrip(req)
	if err != nil || (res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests) {
		return res, err
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	if !limits(res, body) {
		return res, nil
	}
	if _, asked := retry.RetryAfter(res.Header, time.Now()); asked {
		res.StatusCode = http.StatusTooManyRequests
		return res, nil
	}
	return nil, retry.Final(newRateLimitError(req.URL.Host, res.Header, t.token))
}

// limits says whether a refusal is a rate limit: a 403 may also be a lack of
// rights. (One without a word of it, but with none remaining, go-github finds.)
func limits(res *http.Response, body []byte) bool {
	return res.StatusCode == http.StatusTooManyRequests ||
		res.Header.Get("Retry-After") != "" ||
		bytes.Contains(bytes.ToLower(body), []byte("rate limit"))
}
