package bosh

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

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// call is one use of the library: it takes a context in and the true error out.
// bosh-utils' HTTP client takes it as its wire; in there, an error becomes text.
type call struct {
	client    *Client
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

// call makes the wire for one use of the library.
func (c *Client) call(ctx context.Context) *call { return &call{client: c, ctx: ctx} }

// http is the HTTP client that the library's constructors want.
func (k *call) http() *httpclient.HTTPClient { return httpclient.NewHTTPClient(k, k.client.log) }

// director is the library's client on this wire.
func (k *call) director() director.Client {
	return director.NewClient(k.client.endpoint, k.http(),
		director.NewNoopTaskReporter(), director.NewNoopFileReporter(), k.client.log)
}

// request is the library's plainer client on this wire, for what the other lacks.
func (k *call) request() director.ClientRequest {
	return director.NewClientRequest(k.client.endpoint, k.http(), director.NewNoopFileReporter(), k.client.log)
}

// Do implements the client interface of bosh-utils.
func (k *call) Do(req *http.Request) (*http.Response, error) {
	if k.err != nil {
		return nil, k.err // the library would follow a redirect, or try again
	}
	k.method, k.path = req.Method, req.URL.Path
	var res *http.Response
	if k.anonymous {
		k.last, res, k.err = k.client.exchange(k.ctx, k.client.wire, req, secret.Value{})
	} else {
		k.last, res, k.err = k.client.send(k.ctx, k.client.via(req.Method), req)
	}
	if k.err != nil {
		return nil, k.err
	}
	k.err = k.client.refusal(req, k.last)
	return res, nil
}

// explain turns what the library returned into what happened.
func (k *call) explain(err error) error {
	switch {
	case k.err != nil:
		return k.err
	case err == nil:
		return nil
	case k.last != nil && isPage(k.last.body):
		return k.client.page(k.method, k.path, k.last)
	}
	return fmt.Errorf("%s %s: read the answer: %w", k.method, k.path, &quotedError{bare(err)})
}

// read asks the director through one of the library's functions.
func read[T any](ctx context.Context, c *Client, ask func(director.Client) (T, error)) (T, error) {
	k := c.call(ctx)
	value, err := ask(k.director())
	return value, k.explain(err)
}

// get asks for a path that the library has no function for.
func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var value T
	k := c.call(ctx)
	err := k.request().Get(path, &value)
	return value, k.explain(err)
}

// send carries req to the director with the login. A token that was refused is
// replaced once and req sent again: what was refused was not acted upon, so that
// is safe for a deploy too.
func (c *Client) send(ctx context.Context, via *http.Client, req *http.Request) (*answer, *http.Response, error) {
	head, err := c.auth.header(ctx, secret.Value{})
	if err != nil {
		return nil, nil, &loginError{err}
	}
	a, res, err := c.exchange(ctx, via, req, head)
	if err != nil || a.status != http.StatusUnauthorized || !c.auth.renewable() {
		return a, res, err
	}
	if code, _ := describe(a.body); lacksScope(a.status, code) { // another token has no more rights
		return a, res, nil
	}
	if head, err = c.auth.header(ctx, head); err != nil {
		return nil, nil, &loginError{err}
	}
	again := req.Clone(ctx)
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, nil, fmt.Errorf("read the request's body again: %w", err)
		}
	}
	return c.exchange(ctx, via, again, head)
}

// exchange sends req and reads the whole answer. Credentials go nowhere but to
// the director. Errors are connectionErrors.
func (c *Client) exchange(ctx context.Context, via *http.Client, req *http.Request, login secret.Value) (*answer, *http.Response, error) {
	var sent atomic.Bool
	// From GotConn on bytes may have left; before it, none has.
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}
	req = req.Clone(httptrace.WithClientTrace(ctx, trace))
	if !login.Empty() && req.URL.Host == c.host {
		req.Header.Set("Authorization", login.Reveal())
	}
	res, err := via.Do(req) //nolint:gosec // the director is the user's to name
	if err != nil {
		return nil, nil, c.lost(ctx, req.URL.Host, sent.Load(), err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("the answer is too large")
	}
	// A redirect says all in its header: a body cut short does not matter.
	if err != nil && taskPath(res.Header) == 0 {
		return nil, nil, c.lost(ctx, req.URL.Host, true, err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return &answer{status: res.StatusCode, header: res.Header, body: body}, res, nil
}
