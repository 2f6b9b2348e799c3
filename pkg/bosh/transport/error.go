package transport

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

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/proxy"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// maxDescription bounds a server's words in an error.
const maxDescription = 600

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
func (t *Transport) lost(ctx context.Context, host string, sent bool, err error) error {
	err = bare(err)
	var certificate *tls.CertificateVerificationError
	var between *retry.ProxyError
	var foreign *proxy.HostKeyError
	doing := "reach " + t.peer(host) + " " + host
	hint := ""
	switch {
	case ctx.Err() != nil:
		err = ctx.Err() // also where the connection ended first because of it
		doing = "wait for an answer of " + t.peer(host) + " " + host
	case errors.As(err, &certificate):
		doing = "trust " + t.peer(host) + " " + host
		hint = "; checked against " + t.trusted
	case errors.As(err, &between), errors.As(err, &foreign): // it says what to look at
	case !sent:
		hint = "; check the url, and that the director may be reached from here"
	}
	return &connectionError{text: t.auth.mask(fmt.Sprintf("%s: %v%s", doing, err, hint)), sent: sent, err: err}
}

// refusal makes the error for an answer that is not a success; nil if it is one.
func (t *Transport) refusal(req *http.Request, a *answer) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	e := &bosh.ResponseError{Method: req.Method, Path: req.URL.Path, Status: a.status}
	e.Code, e.Description = describe(a.body)
	e.Description = t.auth.mask(e.Description)
	peer := t.peer(req.URL.Host)
	switch {
	case errors.Is(e, bosh.ErrForbidden):
		e.What = fmt.Sprintf("%s does not let %s do this", peer, t.auth.name())
	case a.status == http.StatusUnauthorized:
		e.What = fmt.Sprintf("%s refused %s", peer, t.auth.who())
	case a.status == http.StatusTooManyRequests:
		e.What = peer + " gets too many requests: " + comeBack(a.header)
	case a.status >= 500:
		e.What = peer + ", or a proxy before it, is out of order: " + comeBack(a.header)
	case a.status >= 300 && a.status < 400:
		e.What = peer + " points elsewhere: check that url is the director's own"
	case e.Description != "":
		e.What = peer + ": " + e.Description
	default:
		e.What = peer + " answered with an error: check that url is the director's own"
	}
	return e
}

// page makes the error for a web page where JSON was due.
func (t *Transport) page(method, path string, a *answer) error {
	return &bosh.ResponseError{
		Method: method, Path: path, Status: a.status,
		What: "a web page came in place of the director's answer: check that url is the director's own, not a proxy's or a login page",
	}
}

// peer names the server at host.
func (t *Transport) peer(host string) string {
	if host == t.host {
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

// Unread says whether err is that of an answer that came and could not be read.
func Unread(err error) bool {
	var quoted *quotedError
	return errors.As(err, &quoted)
}

// Outage says whether asking again later may help. A restarted director drops
// connections, its nginx answers 502, a proxy may send a page.
func Outage(err error) bool {
	var refused *bosh.ResponseError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate), errors.Is(err, errUAA):
		return false
	case errors.As(err, &refused):
		return refused.Status < 300 || refused.Status >= 500 ||
			refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusRequestTimeout
	}
	return true
}

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
