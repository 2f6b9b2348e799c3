// Package github is a small GitHub: enough of its REST API (version
// 2022-11-28) for releases, their assets and tags, with its paging, rate limits
// and refusals, and the one query of its GraphQL API that asks for releases by
// tags. It serves github.com's paths and, under /api/v3 and /api/graphql, GitHub
// Enterprise's.
package github

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of a Server. The zero value is a GitHub with public repositories
// that takes any token and sets no limits.
type Options struct {
	Now func() time.Time // default: time.Now
	// Tokens that are good. Any other is refused with 401; none takes all.
	Tokens []string
	// Hourly is the number of API requests that may be made in an hour; 0 sets no limit.
	Hourly int
	// ReleaseSize is the JSON size to which each release is brought by the length
	// of its text; 0 leaves it. Pages of 100 real ones are 1.47 MB: 14700.
	ReleaseSize int
	// DownloadURL is the server to which assets redirect, as GitHub's own do to
	// another host; empty is this one.
	DownloadURL string
}

// Server is the simulator, an http.Handler. Its world may change while it runs.
type Server struct {
	options Options

	mu           sync.Mutex
	repositories map[string]*repo
	moved        map[string]string // old name → new name
	cache        map[string][]byte // rendered answers, dropped at every change
	nextID       int64
	limit        *Limit
	used         int
	requests     int
	window       time.Time // end of the hour that is counted
}

// Limit is a rate limit in force (REST API, "Rate limits").
type Limit struct {
	Secondary  bool          // too much at once, instead of too much in the hour
	Status     int           // 403 or 429; default 403
	Reset      time.Time     // of a primary one; told in X-RateLimit-Reset
	RetryAfter time.Duration // told in Retry-After if not 0
	Times      int           // requests that it refuses; 0 is all until it is lifted
	Resource   string        // "core" or "graphql", each with a limit of its own; "" is both
}

// New makes a GitHub without repositories.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Server{
		options: options, repositories: map[string]*repo{}, moved: map[string]string{},
		cache: map[string][]byte{}, nextID: 1000,
	}
}

// Requests is how many requests of the API were made, whatever came of them.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// SetLimit puts a rate limit in force; nil lifts it.
func (s *Server) SetLimit(l *Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = l
}

// request is one API request, after its address was understood.
type request struct {
	*http.Request
	base       string // http://127.0.0.1:1234/api/v3
	token      string
	resource   string // what its rate limit counts: "core", or "graphql"
	repository string
	rest       string // releases/tags/v1
}

var (
	named    = regexp.MustCompile(`^/repos/([^/]+/[^/]+)/(.+)$`)
	numbered = regexp.MustCompile(`^/repositories/(\d+)/(.+)$`)
	download = regexp.MustCompile(`^/([^/]+/[^/]+)/releases/download/(.+)/([^/]+)$`)
	signed   = regexp.MustCompile(`^/release-asset/(\d+)/([^/]+)$`)
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answer(r)
	s.mu.Unlock()
	answer(w, r)
}

// answer finds the answer under the lock; sending it needs none.
func (s *Server) answer(r *http.Request) http.HandlerFunc {
	path := r.URL.EscapedPath()
	if m := signed.FindStringSubmatch(path); m != nil {
		return s.file(m[1], r)
	}
	if m := download.FindStringSubmatch(path); m != nil && !strings.HasPrefix(path, "/repos/") && !strings.HasPrefix(path, "/api/") {
		return s.browserDownload(m[1], unescape(m[2]), unescape(m[3]), r)
	}
	q := request{Request: r, base: scheme(r) + "://" + r.Host, resource: "core"}
	if path == "/graphql" || path == "/api/graphql" {
		q.resource = "graphql"
	}
	if rest, ok := strings.CutPrefix(path, "/api/v3/"); ok {
		path, q.base = "/"+rest, q.base+"/api/v3"
	} else if path == "/api/graphql" {
		q.base += "/api/v3"
	}
	header, handler := s.admit(&q)
	if handler == nil && q.resource == "graphql" && q.Method == http.MethodPost {
		handler = s.graphQL(&q)
	}
	if handler == nil {
		handler = s.route(&q, path)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		for key, values := range header {
			w.Header()[key] = values
		}
		handler(w, r)
	}
}

// route answers an API request that was admitted.
func (s *Server) route(q *request, path string) http.HandlerFunc {
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		return message(http.StatusNotFound, "Not Found", "")
	}
	if path == "/rate_limit" {
		return s.rateLimit()
	}
	if m := named.FindStringSubmatch(path); m != nil {
		q.repository, q.rest = strings.ToLower(m[1]), m[2]
		if to, ok := s.moved[q.repository]; ok {
			return s.movedTo(q, to)
		}
	} else if m := numbered.FindStringSubmatch(path); m != nil {
		q.repository, q.rest = s.byNumber(m[1]), m[2]
	}
	repo := s.repositories[q.repository]
	if repo == nil || (repo.private && q.token == "") {
		return notFound
	}
	return s.serve(q, repo)
}

// admit checks the token and counts the request: a handler, if it gives one,
// refuses. The header goes with any answer.
func (s *Server) admit(q *request) (http.Header, http.HandlerFunc) {
	fields := strings.Fields(q.Header.Get("Authorization"))
	if len(fields) == 2 {
		q.token = fields[1]
	}
	header := s.count(q)
	if len(fields) > 0 && len(s.options.Tokens) > 0 && !slices.Contains(s.options.Tokens, q.token) {
		return header, message(http.StatusUnauthorized, "Bad credentials", "https://docs.github.com/rest")
	}
	if l := s.limit; l != nil && (l.Resource == "" || l.Resource == q.resource) {
		if l.Times > 0 {
			if l.Times--; l.Times == 0 {
				s.limit = nil
			}
		}
		return s.refuse(l, q, header)
	}
	if s.options.Hourly > 0 && s.used > s.options.Hourly {
		return s.refuse(&Limit{Reset: s.window}, q, header)
	}
	return header, nil
}

// scheme is that by which the request came.
func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}
