package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// policyHeader carries a policy check's warning. The library prints it to the
// process's stderr; here it goes to Notify instead.
const policyHeader = "X-Concourse-Policy-Check-Warning"

// call is the wire of one method. It puts the caller's context on the
// requests of a library that takes none, adds the token, and turns answers that
// are not success into errors which the library cannot express: its own types
// are internal.
type call struct {
	ctx     context.Context
	session *Session
	login   bool   // the endpoint needs a token
	right   string // what a 403 says that it takes
	pass    []int  // refusing statuses that the caller reads itself
}

// RoundTrip implements http.RoundTripper. A 401 drops the token and logs in
// again, once: a refused request was not carried out, so any method may be sent
// again.
func (c *call) RoundTrip(req *http.Request) (*http.Response, error) {
	if !c.login {
		return c.send(req, "")
	}
	token, err := c.session.token(c.ctx, "")
	if err != nil {
		return nil, err
	}
	res, err := c.send(req, token)
	if Status(err) != http.StatusUnauthorized {
		return res, err
	}
	if token, err = c.session.token(c.ctx, token); err != nil {
		return nil, err
	}
	return c.send(req, token)
}

// send sends a copy of req once (retries of GETs are below) and reads the whole
// answer, so that one which is cut is an error here and not half a result.
func (c *call) send(req *http.Request, token string) (*http.Response, error) {
	out := req.Clone(c.ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	if token != "" {
		out.Header.Set("Authorization", token)
	}
	res, err := c.session.wire.RoundTrip(out)
	if err != nil {
		return nil, &lostError{host: req.URL.Host, err: err}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	_ = res.Body.Close()
	if err != nil {
		return nil, &lostError{host: req.URL.Host, err: fmt.Errorf("read the answer: %w", err)}
	}
	if warning := res.Header.Get(policyHeader); warning != "" {
		res.Header.Del(policyHeader)
		c.session.Notify("policy check: " + OneLine(warning))
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json;") {
		res.Header.Set("Content-Type", "application/json") // the library wants it without a charset
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return c.judge(req, res, string(body))
}

// judge lets through what the library shall decode.
func (c *call) judge(req *http.Request, res *http.Response, body string) (*http.Response, error) {
	problem := &StatusError{Method: req.Method, Path: req.URL.Path, Status: res.StatusCode, open: !c.login}
	html := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html")
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		problem.Message = fmt.Sprintf("it redirects to %s, which is not followed because credentials would go there: "+
			"set url to the address that Concourse has as its external URL", c.session.Mask(res.Header.Get("Location")))
	case html:
		problem.Message = "a web page (HTML) instead of the API's JSON: is url right, and is there a proxy with a login page before Concourse?"
	case res.StatusCode < 300 || slices.Contains(c.pass, res.StatusCode):
		return res, nil
	case res.StatusCode == http.StatusUnauthorized:
		problem.Message = "it refuses the token that it has just given out"
	case res.StatusCode == http.StatusForbidden && c.login:
		problem.Message = fmt.Sprintf("user %s may not do this%s", c.session.username, c.right)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable,
		res.StatusCode >= 500 && retry.Asked(res.Header) != "":
		if wait, asked := retry.RetryAfter(res.Header, time.Now()); asked {
			problem.Message = fmt.Sprintf("it asks to come back in %s", wait.Round(time.Second))
		}
	default:
		problem.Message = c.session.Mask(OneLine(body))
	}
	problem.stale = res.StatusCode == http.StatusInternalServerError && strings.Contains(body, staleText)
	return nil, problem
}
