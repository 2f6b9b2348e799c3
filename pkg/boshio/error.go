package boshio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// The kinds of refusal, for errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("the server has a fault")                  // 5xx, after the tries
	ErrLimited     = errors.New("the server limits how often it is asked") // 429, after the tries
	ErrNotJSON     = errors.New("the answer is not JSON")                  // a login page, a proxy's notice
	ErrNoDate      = errors.New("the server does not say when it was put there")
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
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Status == http.StatusGone
	case ErrUnavailable:
		return e.Status >= 500
	case ErrLimited:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

// refusal is the error for a response whose status is not 200. Its body is not
// shown: bosh.io and proxies answer with pages.
func refusal(res *http.Response) error {
	host, code := res.Request.URL.Host, res.StatusCode
	text := fmt.Sprintf("%s answered %d %s", host, code, http.StatusText(code))
	switch {
	case code == http.StatusTooManyRequests:
		text += ": it limits how often it is asked"
		if wait, asked := retry.RetryAfter(res.Header, time.Now()); asked {
			text += fmt.Sprintf("; it asks to wait until %s, %s from now",
				time.Now().Add(wait).UTC().Format("2006-01-02 15:04:05 UTC"), wait.Round(time.Second))
		}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		text += ": it, or a proxy before it, lets this machine not in; bosh.io itself needs no login"
	case code >= 500 && retry.Asked(res.Header) != "":
		text += ": " + retry.Asked(res.Header)
	case code >= 500:
		text += " each time it was asked: try again later"
	}
	return &StatusError{Status: code, text: text}
}

// explainBody says why status 200 came with a bad body.
func explainBody(res *http.Response, body []byte, err error) error {
	host := res.Request.URL.Host
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var syntax *json.SyntaxError
	start := bytes.TrimSpace(body)
	switch {
	case len(start) == 0, start[0] == '<', strings.HasPrefix(kind, "text/html"):
		return fmt.Errorf("%s answered 200 but not with JSON (Content-Type %q): check the url: %w", host, kind, ErrNotJSON)
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(body)):
		return fmt.Errorf("read the answer of %s: the JSON in it is cut short: %w", host, io.ErrUnexpectedEOF)
	case errors.As(err, &syntax):
		return fmt.Errorf("decode the answer of %s: %w: %s", host, ErrNotJSON, retry.FirstLine(err.Error()))
	}
	return fmt.Errorf("decode the answer of %s: it is not a list", host)
}
