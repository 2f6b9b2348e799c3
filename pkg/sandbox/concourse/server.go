// Package concourse simulates a Concourse web node (ATC) and the workers behind
// it, so far as a program that keeps Concourse upgraded can tell them from real
// ones: the API with its statuses and texts, logins, pipelines with config
// versions, and workers that drain only after their builds. What it answers
// follows the handlers of Concourse 7.14 (atc/api) and, where they differ, those
// of the 8.x that it is; what its workers do follows what real ones were seen
// doing.
package concourse

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// Roles of a user in a team, each including those before it.
const (
	Viewer           = "viewer"
	PipelineOperator = "pipeline-operator"
	Member           = "member"
	Owner            = "owner"
)

var ranks = []string{Viewer, PipelineOperator, Member, Owner}

// Request is one that the Server has answered, or dropped.
type Request struct {
	Method     string // GET
	Path       string // /api/v1/workers
	Query      string // vars.environment=%22production%22
	Authorized bool   // whether it had an Authorization header, right or wrong
	Status     int    // of the answer; 0: the connection was cut
}

// Server is a simulated Concourse. Serve it with httptest or net/http.
type Server struct {
	*core
	mux *http.ServeMux

	tokens   map[string]token // guarded by the engine's lock, as below
	requests []Request
}

// New makes a Server without pipelines and workers.
func New(o engine.Options) *Server {
	if o.TokenLife == 0 {
		o.TokenLife = 24 * time.Hour
	}
	if o.Teams == nil {
		o.Teams = map[string]map[string]string{"main": {}}
		for user := range o.Users {
			o.Teams["main"][user] = Owner
		}
	}
	o.Teams = maps.Clone(o.Teams) // an owner may change them
	s := &Server{core: engine.New(o), mux: http.NewServeMux(), tokens: map[string]token{}}
	s.routes()
	return s
}

// Requests lists what was asked so far.
func (s *Server) Requests() []Request {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	s.Lock()
	if err != nil || !s.Answers() {
		s.log(r, 0)
		s.Unlock()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	s.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mux.ServeHTTP(w, r)
}

// log notes a request; the caller holds the lock.
func (s *Server) log(r *http.Request, status int) {
	s.requests = append(s.requests, Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Authorized: r.Header.Get("Authorization") != "", Status: status,
	})
}

// opaque makes a text that tells nothing, as access tokens are.
func opaque() string {
	raw := make([]byte, 36)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(raw)
}
