package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/cloudfoundry/bosh-cli/v7/director"
	"github.com/cloudfoundry/bosh-utils/httpclient"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Call is one use of the library: it takes a context in and the true error out.
// bosh-utils' HTTP client takes it as its wire; in there, an error becomes text.
type Call struct {
	wire      *Transport
	ctx       context.Context // bound here because the library's functions take none
	anonymous bool            // without the login at the director
	method    string          // of the last request
	path      string
	last      *answer
	err       error
}

// answer is a response whose body is in memory.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// Call makes the wire for one use of the library.
func (t *Transport) Call(ctx context.Context) *Call { return &Call{wire: t, ctx: ctx} }

// http is the HTTP client that the library's constructors want.
func (k *Call) http() *httpclient.HTTPClient { return httpclient.NewHTTPClient(k, k.wire.log) }

// Director is the library's client on this wire.
func (k *Call) Director() director.Client {
	return director.NewClient(k.wire.endpoint, k.http(),
		director.NewNoopTaskReporter(), director.NewNoopFileReporter(), k.wire.log)
}

// Request is the library's plainer client on this wire, for what the other lacks.
func (k *Call) Request() director.ClientRequest {
	return director.NewClientRequest(k.wire.endpoint, k.http(), director.NewNoopFileReporter(), k.wire.log)
}

// Do implements the client interface of bosh-utils.
func (k *Call) Do(req *http.Request) (*http.Response, error) {
	if k.err != nil {
		return nil, k.err // the library would follow a redirect, or try again
	}
	k.method, k.path = req.Method, req.URL.Path
	var res *http.Response
	if k.anonymous {
		k.last, res, k.err = k.wire.exchange(k.ctx, k.wire.wire, req, secret.Value{})
	} else {
		k.last, res, k.err = k.wire.send(k.ctx, k.wire.via(req.Method), req)
	}
	if k.err != nil {
		return nil, k.err
	}
	k.err = k.wire.refusal(req, k.last)
	return res, nil
}

// Explain turns what the library returned into what happened.
func (k *Call) Explain(err error) error {
	switch {
	case k.err != nil:
		return k.err
	case err == nil:
		return nil
	}
	if err := k.Page(); err != nil {
		return err
	}
	return fmt.Errorf("%s %s: read the answer: %w", k.method, k.path, &quotedError{bare(err)})
}

// Status is that of the last answer; 0 before there is one.
func (k *Call) Status() int {
	if k.last == nil {
		return 0
	}
	return k.last.status
}

// Body is the last answer's; nil before there is one.
func (k *Call) Body() []byte {
	if k.last == nil {
		return nil
	}
	return k.last.body
}

// Page is the error of a web page where JSON was due; nil for any other answer.
func (k *Call) Page() error {
	if k.last == nil || !isPage(k.last.body) {
		return nil
	}
	return k.wire.page(k.method, k.path, k.last)
}

// Refusal is the error of an answer that says in its body, whatever its status, why there
// is no result.
func (k *Call) Refusal(what, why string) error {
	return &bosh.ResponseError{Method: k.method, Path: k.path, Status: k.Status(), Description: k.wire.auth.mask(why), What: what}
}

// Read asks the director through one of the library's functions.
func Read[T any](ctx context.Context, t *Transport, ask func(director.Client) (T, error)) (T, error) {
	k := t.Call(ctx)
	value, err := ask(k.Director())
	return value, k.Explain(err)
}

// Get asks for a path that the library has no function for.
func Get[T any](ctx context.Context, t *Transport, path string) (T, error) {
	var value T
	k := t.Call(ctx)
	err := k.Request().Get(path, &value)
	return value, k.Explain(err)
}

// send carries req to the director with the login. A token that was refused is
// replaced once and req sent again: what was refused was not acted upon, so that
// is safe for a deploy too.
func (t *Transport) send(ctx context.Context, via *http.Client, req *http.Request) (*answer, *http.Response, error) {
	head, err := t.auth.header(ctx, secret.Value{})
	if err != nil {
		return nil, nil, &loginError{err}
	}
	a, res, err := t.exchange(ctx, via, req, head)
	if err != nil || a.status != http.StatusUnauthorized || !t.auth.renewable() {
		return a, res, err
	}
	if errors.Is(t.refusal(req, a), bosh.ErrForbidden) { // another token has no more rights
		return a, res, nil
	}
	if head, err = t.auth.header(ctx, head); err != nil {
		return nil, nil, &loginError{err}
	}
	again := req.Clone(ctx)
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, nil, fmt.Errorf("read the request's body again: %w", err)
		}
	}
	return t.exchange(ctx, via, again, head)
}

// exchange sends req and reads the whole answer. Credentials go nowhere but to
// the director. Errors are connectionErrors.
func (t *Transport) exchange(ctx context.Context, via *http.Client, req *http.Request, login secret.Value) (*answer, *http.Response, error) {
	var sent atomic.Bool
	// From GotConn on bytes may have left; before it, none has.
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}
	req = req.Clone(httptrace.WithClientTrace(ctx, trace))
	if !login.Empty() && req.URL.Host == t.host {
		req.Header.Set("Authorization", login.Reveal())
	}
	res, err := via.Do(req) //nolint:gosec // the director is the user's to name
	if err != nil {
		return nil, nil, t.lost(ctx, req.URL.Host, sent.Load(), err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("the answer is too large")
	}
	// A redirect says all in its header: a body cut short does not matter.
	if err != nil && taskPath(res.Header) == 0 {
		return nil, nil, t.lost(ctx, req.URL.Host, true, err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return &answer{status: res.StatusCode, header: res.Header, body: body}, res, nil
}
