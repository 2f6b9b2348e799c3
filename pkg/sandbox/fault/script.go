package fault

import (
	"bytes"
	"io"
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
