package retry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxErrorBody is how much of a refused response is kept for the error.
const maxErrorBody = 64 << 10

// roundTripper repeats GET and HEAD, and what is said to be Repeatable, on transport errors and 5xx, and on 429
// when the server says how long to wait: without that, asking again makes a
// rate limit worse.
type roundTripper struct {
	wire    http.RoundTripper
	policy  Policy
	maxBody int64
	notify  func(error, time.Duration)
	debug   *slog.Logger
}

// CloseIdleConnections is for http.Client's method of that name.
func (r *roundTripper) CloseIdleConnections() { closeIdle(r.wire) }

// RoundTrip implements http.RoundTripper. When the tries are used up it returns
// the last response, or the last transport error.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", UserAgent)
	}
	if !safe(req) {
		return r.exchange(req, 1)
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.Multiplier, wait.MaxInterval = r.policy.First, 2, max(r.policy.Max, time.Millisecond)
	if r.policy.First == 0 {
		wait.InitialInterval = time.Millisecond
	}
	options := []backoff.RetryOption{
		backoff.WithBackOff(wait), backoff.WithMaxTries(r.policy.Attempts), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(r.waiting),
	}
	tries := 0
	res, err := backoff.Retry(req.Context(), func() (*http.Response, error) {
		tries++
		return r.try(req, tries)
	}, options...)
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.response, nil
	}
	if err != nil && res != nil {
		return res, nil
	}
	return res, err
}

// safe says whether a request may be sent more than once.
func safe(req *http.Request) bool {
	switch {
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
		return true
	case req.Body != nil && req.GetBody == nil:
		return false
	}
	return req.Context().Value(repeatable{}) != nil
}

// Final marks an error of the wire below the retries as one that another try
// would not change, such as a rate limit that lasts for an hour.
func Final(err error) error { return backoff.Permanent(err) }

// try sends the request once and says by its error whether to try again.
func (r *roundTripper) try(req *http.Request, n int) (*http.Response, error) {
	if n > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, backoff.Permanent(fmt.Errorf("read the request's body again: %w", err))
		}
		req = req.Clone(req.Context())
		req.Body = body
	}
	res, err := r.exchange(req, n)
	if err != nil {
		if Permanent(req.Context(), err) {
			return nil, backoff.Permanent(err)
		}
		return nil, err
	}
	if !again(res) {
		return r.read(res)
	}
	return r.refuse(req.Context(), res)
}

// refuse keeps a refused response whole and readable, and honours its
// Retry-After as far as the deadline allows. A longer one ends the tries at once.
func (r *roundTripper) refuse(ctx context.Context, res *http.Response) (*http.Response, error) {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	refused := &refusedError{response: res}
	after, asked := RetryAfter(res.Header, time.Now())
	if !asked && res.StatusCode == http.StatusTooManyRequests {
		return nil, backoff.Permanent(refused)
	}
	if !asked {
		return nil, refused
	}
	left := longestAsked
	if deadline, bounded := ctx.Deadline(); bounded {
		left = time.Until(deadline)
	}
	if after > left {
		return nil, backoff.Permanent(refused)
	}
	return nil, errors.Join(refused, &backoff.RetryAfterError{Duration: after})
}

// read takes the body into memory where the client was made for that.
func (r *roundTripper) read(res *http.Response) (*http.Response, error) {
	if r.maxBody == 0 {
		return res, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, r.maxBody+1))
	_ = res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the response's body: %w", err)
	}
	if int64(len(body)) > r.maxBody {
		return nil, backoff.Permanent(fmt.Errorf("read the response's body: it is larger than %d bytes", r.maxBody))
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// again says whether a response invites another try. 501 and the like never change.
func again(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// refusedError carries a response that invites another try.
type refusedError struct{ response *http.Response }

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("%s answered %s", e.response.Request.URL.Host, e.response.Status)
}

// RetryAfter reads a Retry-After header, in seconds or as an HTTP date (RFC 9110,
// 10.2.3). A negative or past value is not a wait; a malformed one was not asked.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, asked bool) {
	text := h.Get("Retry-After")
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		const most = int64(1<<63-1) / int64(time.Second)
		return time.Duration(max(0, min(seconds, most))) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// Asked puts a Retry-After into words for an error, "it asks to wait 2m0s"; ""
// where the server did not say.
func Asked(h http.Header) string {
	after, asked := RetryAfter(h, time.Now())
	if !asked {
		return ""
	}
	return "it asks to wait " + after.Round(time.Second).String()
}
