// Package s3 is an S3 server for tests and the demo: gofakes3 with its objects
// in memory, behind a front that adds what S3 has and gofakes3 v1.2.0 has not: a
// condition on deletions, one clock for the Date header and Last-Modified, the
// refusal of requests whose time is off, and a record of effects.
package s3

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// skewLimit is how far off a request's time may be ("RequestTimeTooSkewed" on
// the page "Error responses" of the S3 API reference).
const skewLimit = 15 * time.Minute

// Effect is a write that took place.
type Effect struct {
	Method string // "PUT" or "DELETE"
	Path   string // "/bucket/key"
	Header http.Header
}

// Server is the server as an http.Handler.
type Server struct {
	backend *s3mem.Backend
	inner   http.Handler
	deletes sync.RWMutex // held for writing while a deletion checks its condition

	mu      sync.Mutex
	offset  time.Duration
	effects []Effect
}

// New makes a server with empty buckets, which keep one version of each object.
func New(buckets ...string) (*Server, error) {
	return newServer(buckets, gofakes3.WithoutVersioning())
}

// NewVersioned makes a server with empty buckets, for which versioning can be enabled.
func NewVersioned(buckets ...string) (*Server, error) { return newServer(buckets) }

// newServer makes either.
func newServer(buckets []string, more ...gofakes3.Option) (*Server, error) {
	s := &Server{}
	clock := clock{s}
	s.backend = s3mem.New(s3mem.WithTimeSource(clock))
	s.inner = gofakes3.New(s.backend,
		append(more, gofakes3.WithTimeSource(clock), gofakes3.WithTimeSkewLimit(skewLimit))...).Server()
	for _, bucket := range buckets {
		if err := s.backend.CreateBucket(bucket); err != nil {
			return nil, fmt.Errorf("make bucket %s: %w", bucket, err)
		}
	}
	return s, nil
}

// Shift sets the server's clock that far from the right time.
func (s *Server) Shift(offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = offset
}

// Effects are the writes so far, in order.
func (s *Server) Effects() []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Effect(nil), s.effects...)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", clock{s}.Now().UTC().Format(http.TimeFormat))
	if r.Method == http.MethodDelete {
		s.deletes.Lock()
		defer s.deletes.Unlock()
		if !s.mayDelete(r) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusPreconditionFailed)
			_, _ = w.Write([]byte("<Error><Code>PreconditionFailed</Code><Message>At least one of the pre-conditions you specified did not hold</Message></Error>"))
			return
		}
	} else {
		s.deletes.RLock()
		defer s.deletes.RUnlock()
	}
	noted := &noting{ResponseWriter: w}
	s.inner.ServeHTTP(noted, r)
	if (r.Method == http.MethodPut || r.Method == http.MethodDelete) && noted.status < 300 {
		header := r.Header.Clone()
		header.Del("Authorization")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.effects = append(s.effects, Effect{Method: r.Method, Path: r.URL.Path, Header: header})
	}
}

// mayDelete checks the condition of a deletion.
func (s *Server) mayDelete(r *http.Request) bool {
	wanted := r.Header.Get("If-Match")
	bucket, key, isObject := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if wanted == "" || !isObject {
		return true
	}
	object, err := s.backend.HeadObject(bucket, key)
	if err != nil || object == nil {
		return errors.Is(err, gofakes3.ErrNoSuchKey) // nothing to delete: the server says so
	}
	defer func() { _ = object.Contents.Close() }()
	return wanted == "*" || wanted == gofakes3.FormatETag(object.Hash)
}

// clock is the server's clock.
type clock struct{ server *Server }

// Now implements gofakes3.TimeSource.
func (c clock) Now() time.Time {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return time.Now().Add(c.server.offset).UTC()
}

// Since implements gofakes3.TimeSource.
func (c clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// noting remembers the status.
type noting struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (n *noting) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}
