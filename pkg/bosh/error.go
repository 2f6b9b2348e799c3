package bosh

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	bosherr "github.com/cloudfoundry/bosh-utils/errors"

	"github.com/perpetual-ci/perpetual/pkg/bosh/proxy"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

var (
	// ErrNotFound says that the director itself knows no such task, deployment
	// or config. A 404 of something else at the URL is not ErrNotFound: it must
	// not pass for "not deployed yet".
	ErrNotFound = errors.New("not found on the director")
	// ErrUncertain says that a request may or may not have been accepted, as its
	// answer was lost; the error is an *UncertainError.
	ErrUncertain = errors.New("the director's answer was lost")
	// ErrForbidden says that the director knows the login, and that what was asked
	// is beyond its rights.
	ErrForbidden = errors.New("the director's client may not do this")
	// ErrConfigChanged says that a config was updated by someone else since it was read.
	ErrConfigChanged = errors.New("the config was changed meanwhile")
)

// codeUnauthorized is the director's code for a login that lacks a scope. The
// status is 401 then, as it is for a login that is wrong.
const codeUnauthorized = 600000

// maxDescription bounds a server's words in an error.
const maxDescription = 600

// ResponseError is an answer that refuses, or that no director gives.
type ResponseError struct {
	Method      string // "GET"
	Path        string // "/tasks/42", without the query
	Status      int    // 404
	Code        int    // the director's own code, 10000; 0 when the answer has none
	Description string // "Task 42 not found": one line, never HTML

	what string // what happened and what to do, for Error
}

// Error says what was asked, what came back and, where that is known, what to do.
func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s %s: %s (%d", e.Method, e.Path, e.what, e.Status)
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	if e.Description != "" && !strings.Contains(e.what, e.Description) {
		text += ", " + e.Description
	}
	return text + ")"
}

// Is makes errors.Is find ErrNotFound, ErrForbidden and ErrConfigChanged.
func (e *ResponseError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound && e.Code != 0
	case ErrForbidden:
		return e.Status == http.StatusForbidden || lacksScope(e.Status, e.Code)
	case ErrConfigChanged:
		return e.Status == http.StatusPreconditionFailed
	}
	return false
}

// UncertainError says that a request was, or may have been, sent and that its
// answer is not known. The director does not recognise a repeated request: who
// gets this error looks for a task with the context id before sending again.
type UncertainError struct {
	Action    string // "submit deploy"
	ContextID string // "" if the request had none
	Err       error
}

// Error implements error.
func (e *UncertainError) Error() string {
	look := "look at the director's tasks"
	if e.ContextID != "" {
		look = fmt.Sprintf("look for a task with context id %s", e.ContextID)
	}
	return fmt.Sprintf("%s: %v; the director may have accepted it all the same: %s before sending it again", e.Action, e.Err, look)
}

// Is makes errors.Is find ErrUncertain.
func (e *UncertainError) Is(target error) bool { return target == ErrUncertain }

// Unwrap implements errors.Unwrap.
func (e *UncertainError) Unwrap() error { return e.Err }

// connectionError is an exchange that ended without an answer.
type connectionError struct {
	text string
	sent bool // whether any byte of the request may have reached the server
	err  error
}

// Error implements error.
func (e *connectionError) Error() string { return e.text }

// Unwrap implements errors.Unwrap.
func (e *connectionError) Unwrap() error { return e.err }

// lost makes the error for an exchange without an answer.
func (c *Client) lost(ctx context.Context, host string, sent bool, err error) error {
	err = bare(err)
	var certificate *tls.CertificateVerificationError
	var between *retry.ProxyError
	var foreign *proxy.HostKeyError
	doing := "reach " + c.peer(host) + " " + host
	hint := ""
	switch {
	case ctx.Err() != nil:
		err = ctx.Err() // also where the connection ended first because of it
		doing = "wait for an answer of " + c.peer(host) + " " + host
	case errors.As(err, &certificate):
		doing = "trust " + c.peer(host) + " " + host
		hint = "; checked against " + c.trusted
	case errors.As(err, &between), errors.As(err, &foreign): // it says what to look at
	case !sent:
		hint = "; check the url, and that the director may be reached from here"
	}
	return &connectionError{text: c.auth.mask(fmt.Sprintf("%s: %v%s", doing, err, hint)), sent: sent, err: err}
}

// refusal makes the error for an answer that is not a success; nil if it is one.
func (c *Client) refusal(req *http.Request, a *answer) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	e := &ResponseError{Method: req.Method, Path: req.URL.Path, Status: a.status}
	e.Code, e.Description = describe(a.body)
	e.Description = c.auth.mask(e.Description)
	peer := c.peer(req.URL.Host)
	switch {
	case a.status == http.StatusForbidden, lacksScope(a.status, e.Code):
		e.what = fmt.Sprintf("%s does not let %s do this", peer, c.auth.name())
	case a.status == http.StatusUnauthorized:
		e.what = fmt.Sprintf("%s refused %s", peer, c.auth.who())
	case a.status == http.StatusTooManyRequests:
		e.what = peer + " gets too many requests: " + comeBack(a.header)
	case a.status >= 500:
		e.what = peer + ", or a proxy before it, is out of order: " + comeBack(a.header)
	case a.status >= 300 && a.status < 400:
		e.what = peer + " points elsewhere: check that url is the director's own"
	case e.Description != "":
		e.what = peer + ": " + e.Description
	default:
		e.what = peer + " answered with an error: check that url is the director's own"
	}
	return e
}

// lacksScope says whether an answer is for a login that the director knows.
func lacksScope(status, code int) bool {
	return status == http.StatusUnauthorized && code == codeUnauthorized
}

// page makes the error for a web page where JSON was due.
func (c *Client) page(method, path string, a *answer) error {
	return &ResponseError{
		Method: method, Path: path, Status: a.status,
		what: "a web page came in place of the director's answer: check that url is the director's own, not a proxy's or a login page",
	}
}

// peer names the server at host.
func (c *Client) peer(host string) string {
	if host == c.host {
		return "director"
	}
	return "UAA"
}

// comeBack puts a Retry-After into words.
func comeBack(header http.Header) string {
	if after, asked := retry.RetryAfter(header, time.Now()); asked {
		return "try again in " + after.Round(time.Second).String()
	}
	return "try again later"
}

// describe reads the director's errors, {"code":10000,"description":"…"}, which
// come as text/html, and the plain text of others. HTML gives nothing.
func describe(body []byte) (code int, description string) {
	var refused struct {
		Code        int    `json:"code"`        // 10000
		Description string `json:"description"` // "Task 42 not found"
		Error       string `json:"error"`       // UAA: "unauthorized"
		ErrorText   string `json:"error_description"`
	}
	text := strings.TrimSpace(string(body))
	switch {
	case isPage(body):
		return 0, ""
	case json.Unmarshal(body, &refused) == nil:
		code, text = refused.Code, refused.Description
		if text == "" {
			text = strings.TrimSpace(refused.Error + " " + refused.ErrorText)
		}
	}
	return code, brief(text)
}

// brief makes one line of at most maxDescription bytes of foreign text.
func brief(text string) string { return retry.OneLine(text, maxDescription) }

// quotedError is an error of the library that may repeat what a server answered.
type quotedError struct{ err error }

// Error implements error.
func (e *quotedError) Error() string { return brief(e.err.Error()) }

// Unwrap implements errors.Unwrap.
func (e *quotedError) Unwrap() error { return e.err }

// isPage says whether body is HTML or XML; the director itself sends neither.
func isPage(body []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 256)])), "<")
}

// bare takes away what net/http and bosh-utils wrap around an error: the URL
// with its query, and the ComplexError that errors.Is cannot look into.
func bare(err error) error {
	for {
		var request *url.Error
		var complex bosherr.ComplexError
		switch {
		case errors.As(err, &request):
			err = request.Err
		case errors.As(err, &complex):
			err = complex.Cause
		default:
			return err
		}
	}
}
