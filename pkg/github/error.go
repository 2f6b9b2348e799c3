package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	api "github.com/google/go-github/v60/github"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// The kinds of refusal, for errors.Is.
var (
	ErrUnauthorized = errors.New("the token was refused")                      // 401
	ErrForbidden    = errors.New("the token may not do that")                  // 403 that is not a rate limit
	ErrNotFound     = errors.New("not found, or not to be seen by this token") // 404: GitHub tells no one which
	ErrUnavailable  = errors.New("the server has a fault")                     // 5xx, after the tries
	ErrNotJSON      = errors.New("the answer is not JSON")                     // a login page, a proxy's notice
)

// StatusError is a response that refuses. errors.Is knows its kind.
type StatusError struct {
	Status int    // 404
	text   string // the whole message, one line
}

// Error implements error.
func (e *StatusError) Error() string { return e.text }

// Is makes errors.Is work with the kinds.
func (e *StatusError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Status == http.StatusGone
	case ErrUnavailable:
		return e.Status >= 500
	}
	return false
}

// status is the refusing response's, 0 if err is none.
func status(err error) int {
	var refused *StatusError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// explain says in one line why there is no good response.
func (c *Client) explain(err error, repo string) error {
	var limited *RateLimitError
	var local *api.RateLimitError
	var response *api.ErrorResponse
	var abuse *api.AbuseRateLimitError
	var otp *api.TwoFactorAuthError
	switch {
	case errors.As(err, &limited):
		return limited
	case errors.As(err, &local): // the library refuses to ask while it knows that the limit is used up
		return &RateLimitError{
			Host: c.host(), Limit: local.Rate.Limit, Reset: local.Rate.Reset.Time, Token: c.authorized(),
		}
	case errors.As(err, &abuse) && abuse.Response != nil:
		return newRateLimitError(c.host(), abuse.Response.Header, c.authorized())
	case errors.As(err, &otp):
		response = (*api.ErrorResponse)(otp)
	case !errors.As(err, &response):
		return retry.Explain(err, c.host(), c.config.CACert != "")
	}
	if response.Response.StatusCode == http.StatusTooManyRequests {
		return newRateLimitError(c.host(), response.Response.Header, c.authorized())
	}
	return c.refusal(response, repo)
}

// refusal is the error for a response with a status that refuses.
func (c *Client) refusal(r *api.ErrorResponse, repo string) error {
	code, host := r.Response.StatusCode, c.host()
	said := fmt.Sprintf("%d %s", code, http.StatusText(code))
	if message := retry.FirstLine(r.Message); message != "" {
		said = fmt.Sprintf("%d %s", code, message)
	}
	text := fmt.Sprintf("%s answered %s", host, said)
	switch {
	case code == http.StatusUnauthorized && c.authorized():
		text = fmt.Sprintf("%s refused the token (%s): it has expired, was revoked, or belongs to another GitHub", host, said)
	case code == http.StatusUnauthorized:
		text = fmt.Sprintf("%s wants a token (%s): set one", host, said)
	case code == http.StatusForbidden && c.authorized():
		text = fmt.Sprintf("%s forbids it (%s): check the token's permissions for %s", host, said, repo)
	case code == http.StatusForbidden:
		text = fmt.Sprintf("%s forbids it (%s): a token may help", host, said)
	case code == http.StatusNotFound && c.authorized():
		text = fmt.Sprintf("%s answered %s: it does not exist, or the token may not see repository %s", host, said, repo)
	case code == http.StatusNotFound:
		text = fmt.Sprintf("%s answered %s: it does not exist, or repository %s is private and needs a token", host, said, repo)
	case code >= 500 && retry.Asked(r.Response.Header) != "":
		text = fmt.Sprintf("%s answered %s: %s", host, said, retry.Asked(r.Response.Header))
	case code >= 500:
		text = fmt.Sprintf("%s answered %s each time it was asked: try again later", host, said)
	}
	return &StatusError{Status: code, text: text}
}

// explainBody says why a good status came with a bad body.
func (c *Client) explainBody(res *http.Response, err error) error {
	var syntax *json.SyntaxError
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case errors.As(err, &syntax) && !strings.HasSuffix(kind, "json"), strings.HasPrefix(kind, "text/"):
		return fmt.Errorf("%s answered %d but not with JSON (Content-Type %q): check the url, which ends in /api/v3 on GitHub Enterprise: %w",
			c.host(), res.StatusCode, kind, ErrNotJSON)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("read the answer of %s: the JSON in it is cut short: %w", c.host(), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("decode the answer of %s: %w: %s", c.host(), ErrNotJSON, retry.FirstLine(err.Error()))
}

// host names the server in errors.
func (c *Client) host() string { return c.api.BaseURL.Host }

// authorized says whether requests carry a token.
func (c *Client) authorized() bool { return !c.config.Token.Empty() }
