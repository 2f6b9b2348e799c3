package retry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// naming is the key of the network of the server that named a request's URL.
type naming struct{}

// Named marks requests for URLs that a server in a network has named: they are sent only
// to where it may send us. Redirects of any request need no mark.
func Named(ctx context.Context, by dial.Network) context.Context {
	return context.WithValue(ctx, naming{}, by)
}

// peer is the key of the address that a request was sent to, once it is known.
type peer struct{}

// Network is where the server is that gave a response: what it names may be there, too.
// Of one behind a proxy only the name is known.
func Network(res *http.Response) dial.Network {
	ctx := res.Request.Context()
	to, _ := ctx.Value(peer{}).(*atomic.Pointer[netip.AddrPort])
	if to == nil || to.Load() == nil || ctx.Value(through{}) != nil {
		return dial.OfHost(res.Request.URL.Hostname())
	}
	return dial.Of(to.Load().Addr())
}

// wires send what the operator or this program has written anywhere, and what a server
// has named only to where that server may send us. Each network has connections of its
// own, so that none that was made for one is used for another.
type wires struct {
	seen   bool // it is seen where connections lead
	open   http.RoundTripper
	narrow map[dial.Network]func() (http.RoundTripper, error)
	mu     sync.Mutex
	made   []http.RoundTripper // of the narrow ones
}

// newWires makes them. Most clients are never redirected, and need the open one only.
func newWires(o Options) (*wires, error) {
	open, err := newWire(o, nil)
	if err != nil {
		return nil, err
	}
	w := &wires{seen: o.Dial == nil, open: open, narrow: map[dial.Network]func() (http.RoundTripper, error){}}
	for _, n := range []dial.Network{dial.Internet, dial.Private, dial.Loopback} {
		w.narrow[n] = sync.OnceValues(func() (http.RoundTripper, error) {
			wire, err := newWire(o, n.Control)
			if err == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.made = append(w.made, wire)
			}
			return wire, err
		})
	}
	return w, nil
}

// RoundTrip implements http.RoundTripper. It fails with what dial refuses.
func (w *wires) RoundTrip(req *http.Request) (*http.Response, error) {
	wire, err := w.choose(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	if w.seen {
		req = remember(req)
	}
	res, err := wire.RoundTrip(req)
	var refused *dial.Error
	if errors.As(err, &refused) {
		return nil, &dial.Error{Host: req.URL.Hostname(), Address: refused.Address}
	}
	return res, err
}

// CloseIdleConnections does so with the connections of all of them.
func (w *wires) CloseIdleConnections() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wire := range append([]http.RoundTripper{w.open}, w.made...) {
		closeIdle(wire)
	}
}

// closeIdle closes the connections of a transport that no request uses, if it can.
func closeIdle(wire http.RoundTripper) {
	if c, ok := wire.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// remember has a request keep where its connection leads.
func remember(req *http.Request) *http.Request {
	to := &atomic.Pointer[netip.AddrPort]{}
	ctx := context.WithValue(req.Context(), peer{}, to)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if address, ok := info.Conn.RemoteAddr().(*net.TCPAddr); ok {
			port := address.AddrPort()
			to.Store(&port)
		}
	}})
	return req.WithContext(ctx)
}

// choose is the wire for a request.
func (w *wires) choose(req *http.Request) (http.RoundTripper, error) {
	by, named := req.Context().Value(naming{}).(dial.Network)
	if req.Response != nil { // a redirect, which counts by where it came from
		by, named = Network(req.Response), true
	}
	if !named {
		return w.open, nil
	}
	if err := dial.CheckURL(req.URL, by); err != nil {
		return nil, err
	}
	wire, ok := w.narrow[by]
	if !ok { // what is at a reserved address may name no more than anybody
		wire = w.narrow[dial.Internet]
	}
	return wire()
}
