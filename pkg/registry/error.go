package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// The kinds of refusal, for errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrUnauthorized = errors.New("the registry wants a login, or refuses this one") // 401, 403
	ErrLimited      = errors.New("the registry limits how often it is asked")       // 429, after the tries
	ErrUnavailable  = errors.New("the registry has a fault")                        // 5xx, after the tries
	ErrNotRegistry  = errors.New("the answer is not a registry's")                  // a login page, a proxy's notice
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
		return e.Status == http.StatusNotFound
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrLimited:
		return e.Status == http.StatusTooManyRequests
	case ErrUnavailable:
		return e.Status >= 500
	}
	return false
}

// MismatchError is a manifest that does not have the digest by which it was asked for.
type MismatchError struct {
	Host      string // "ghcr.io"
	Want, Got string // "sha256:…"
}

// Error implements error.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s gives a manifest with the digest %s in its place; it, or a proxy before it, is broken or not to be trusted", e.Host, e.Got)
}

// wireErrors is what a registry answers with a status that refuses.
type wireErrors struct {
	Errors []struct {
		Code    string `json:"code"`    // "NAME_UNKNOWN"
		Message string `json:"message"` // "repository name not known to registry"
	} `json:"errors"`
}

// refusal is the error for a response with a status that refuses.
func (h *host) refusal(res *http.Response, repository string) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	code, server := res.StatusCode, res.Request.URL.Host
	said := fmt.Sprintf("%d %s", code, http.StatusText(code))
	var wire wireErrors
	if json.Unmarshal(body, &wire) == nil && len(wire.Errors) > 0 {
		said = fmt.Sprintf("%d %q", code, retry.FirstLine(wire.Errors[0].Code+": "+wire.Errors[0].Message))
	}
	text := fmt.Sprintf("%s answered %s", server, said)
	switch {
	case (code == http.StatusUnauthorized || code == http.StatusForbidden) && h.Username != "":
		text += fmt.Sprintf(": it refuses the username or password, or repository %s is not visible to this user", repository)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		text += fmt.Sprintf(": repository %s does not exist, or is private and needs a username and password", repository)
	case code == http.StatusNotFound:
		text += fmt.Sprintf(": it is not there, or repository %s is private and needs a username and password", repository)
	case code == http.StatusTooManyRequests:
		text += ": it limits how often it is asked"
		if wait, asked := retry.RetryAfter(res.Header, time.Now()); asked {
			text += fmt.Sprintf("; it asks to wait until %s", time.Now().Add(wait).UTC().Format("2006-01-02 15:04:05 UTC"))
		}
	case code >= 500 && retry.Asked(res.Header) != "":
		text += ": " + retry.Asked(res.Header)
	case code >= 500:
		text += ": try again later"
	}
	return &StatusError{Status: code, text: text}
}

// malformed is the error for status 200 with a bad body.
func (h *host) malformed(res *http.Response, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer of %s: the JSON in it is cut short: %w", res.Request.URL.Host, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s answered 200 with Content-Type %q, but not as a registry does: %w", res.Request.URL.Host, retry.FirstLine(res.Header.Get("Content-Type")), ErrNotRegistry)
}
