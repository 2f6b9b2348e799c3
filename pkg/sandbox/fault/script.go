package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// Script is a list of faults and a record of what was asked. The zero value
// spoils nothing. It may be changed while its server runs.
type Script struct {
	mu     sync.Mutex
	faults []*Fault
	seen   []*Request
	choose func(Request) *Fault
	keep   bool
	closed chan struct{}

	connections map[net.Conn]bool // that are open; see Watch
	changed     chan struct{}     // closed when one of them comes or goes
}

// Request is one request as it arrived.
type Request struct {
	Method        string
	URL           string // path and query
	Host          string
	Authorization bool        // whether there was such a header
	Header        http.Header // without the value of Authorization
	Body          string      // when Keep was called before
	Status        int         // of the answer; 0 if none was begun
	Fault         Kind
}

// Add appends faults. The first that matches a request and is not used up strikes.
func (s *Script) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// Clear removes all faults, and what Choose set; what was seen stays.
func (s *Script) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.choose = nil, nil
}

// Choose has pick called for each request as it arrives, before the faults that
// were added are looked at. The fault that it gives strikes; nil is none. One
// pick may serve several scripts, and sees the order of their requests.
func (s *Script) Choose(pick func(Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.choose = pick
}

// Seen is what was asked so far, in order of arrival.
func (s *Script) Seen() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.seen))
	for i, r := range s.seen {
		out[i] = *r
	}
	return out
}

// Keep keeps the bodies of requests in the record from now on.
func (s *Script) Keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = true
}

// kept reads a body for the record, if bodies are kept.
func (s *Script) kept(r *http.Request) string {
	s.mu.Lock()
	keep := s.keep
	s.mu.Unlock()
	if !keep || r.Body == nil {
		return ""
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil { // who sends it was killed, which the handler finds as well
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	}
	return string(body)
}

// failing is a reader that fails.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Forget empties the record.
func (s *Script) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// Close lets hanging requests go. Call it before the server's own Close, which
// waits for them.
func (s *Script) Close() {
	done := s.done()
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-done:
	default:
		close(done)
	}
}

// done is closed by Close.
func (s *Script) done() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == nil {
		s.closed = make(chan struct{})
	}
	return s.closed
}

// Wrap puts the script before a handler.
func (s *Script) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, fault := s.record(r)
		answer := &answer{ResponseWriter: w, note: func(code int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if seen.Status == 0 {
				seen.Status = code
			}
		}}
		if fault == nil {
			next.ServeHTTP(answer, r)
			answer.begin(http.StatusOK)
			return
		}
		fault.strike(answer, r, next, s.done())
	})
}

// record notes a request and picks the fault that strikes it, nil if none.
func (s *Script) record(r *http.Request) (*Request, *Fault) {
	seen := &Request{
		Method: r.Method, URL: r.URL.RequestURI(), Host: r.Host,
		Authorization: r.Header.Get("Authorization") != "", Header: r.Header.Clone(), Body: s.kept(r),
	}
	seen.Header.Del("Authorization")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen)
	if s.choose != nil {
		if f := s.choose(*seen); f != nil {
			seen.Fault = f.Kind
			copied := *f
			return seen, &copied
		}
	}
	for _, f := range s.faults {
		if f.matches(r) && f.take() {
			seen.Fault = f.Kind
			copied := *f
			return seen, &copied
		}
	}
	return seen, nil
}

// Watch is the ConnState of the script's server. Without it Drain does not end.
func (s *Script) Watch(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		if s.connections == nil {
			s.connections = map[net.Conn]bool{}
		}
		s.connections[conn] = true
	case http.StateClosed, http.StateHijacked:
		delete(s.connections, conn)
	default:
		return
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Drain waits until the server has read all that clients have sent which have ended: a
// request of a program that was killed, or has given up, may arrive after its end, and
// would be taken for one of the next program's. No client may keep its connection. The
// server is at address, "127.0.0.1:8080".
func (s *Script) Drain(ctx context.Context, address string) error {
	// Connections are accepted in the order in which they were made.
	last, err := net.Dial("tcp", address)
	if err != nil {
		return fmt.Errorf("drain %s: %w", address, err)
	}
	defer func() { _ = last.Close() }()
	if err := s.await(ctx, func() bool { return s.has(last.LocalAddr()) }); err != nil {
		return err
	}
	_ = last.Close()
	return s.await(ctx, func() bool { return len(s.connections) == 0 })
}

// has says whether a connection from an address is open.
func (s *Script) has(from net.Addr) bool {
	for conn := range s.connections {
		if conn.RemoteAddr().String() == from.String() {
			return true
		}
	}
	return false
}

// await waits until something is so of the connections, which it may look at.
func (s *Script) await(ctx context.Context, so func() bool) error {
	for {
		s.mu.Lock()
		if so() {
			s.mu.Unlock()
			return nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
