// Package api is the HTTP face of a simulated director: what a real one behind nginx does
// with a request before and after its handler. It knows credentials, scopes and teams,
// routes, content types and the shape of answers, and nothing of what they are about.
package api

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// Content types that routes consume; a request with another one finds no route.
const (
	consumesAny        = ""
	ConsumesYAML       = "text/yaml"
	ConsumesJSON       = "application/json"
	ConsumesCompressed = "application/x-compressed"
)

// Call is one request on its way through a handler.
type Call struct {
	*http.Request
	Writer    http.ResponseWriter
	Params    map[string]string // path parameters
	Query     url.Values
	director  string // its UUID, which scopes may name
	User      string
	scopes    []string // of the user
	ContextID string
}

// Route is a method and path of the director's API with its handler.
type Route struct {
	Method, Path, Consumes string
	Open                   bool // needs no credentials
	Needs                  permission
	Handle                 func(*Call)
}

// Access is what lies between a request and its handler: whether the director can be
// reached, who asks, whether there is such a route, and whether they may.
type Access struct {
	Credentials

	director string // its UUID
	owners   owners
	routes   []Route
	requests atomic.Int64

	mu     sync.Mutex // guards outage
	outage *outage
}

// New makes the face of a director without routes; add gives it some.
func New(director string, let Credentials, owners owners) *Access {
	return &Access{Credentials: let, director: director, owners: owners}
}

// Add adds routes, before any request.
func (a *Access) Add(routes ...Route) { a.routes = append(a.routes, routes...) }

// Received is how many requests have been received, the refused ones included.
func (a *Access) Received() int { return int(a.requests.Load()) }

// ServeHTTP implements http.Handler.
func (a *Access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	if a.refused(w) {
		return
	}
	c := &Call{Request: r, Writer: w, Query: r.URL.Query(), director: a.director}
	c.User, c.scopes = a.authenticate(r)
	controller, matched := a.match(c)
	if !controller {
		w.Header().Set("X-Cascade", "pass")
		c.Text(http.StatusNotFound, "text/plain", "Not Found: "+r.URL.Path)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if matched != nil && matched.Open {
		matched.Handle(c)
		return
	}
	w.Header().Set("Www-Authenticate", `Basic realm="BOSH Director"`)
	if c.User == "" {
		c.HTML(http.StatusUnauthorized, "Not authorized: '"+r.URL.Path+"'\n")
		return
	}
	c.ContextID = r.Header.Get("X-Bosh-Context-Id")
	if len(c.ContextID) > 64 {
		c.Fail(http.StatusBadRequest, &Failure{70010, "X-Bosh-Context-Id cannot be more than 64 characters in length"})
		return
	}
	if matched == nil {
		c.NoEndpoint()
		return
	}
	if c.permitted(matched.Needs, a.owners) {
		matched.Handle(c)
	}
}

// match finds the route of a request and says whether any route begins like
// it: the director answers differently for an unknown controller.
func (a *Access) match(c *Call) (controller bool, found *Route) {
	segments := strings.Split(strings.Trim(c.URL.EscapedPath(), "/"), "/")
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	for i := range a.routes {
		r := &a.routes[i]
		pattern := strings.Split(strings.Trim(r.Path, "/"), "/")
		controller = controller || pattern[0] == segments[0]
		params, ok := matchPath(pattern, segments)
		if ok && found == nil && r.Method == c.Method && (r.Consumes == consumesAny || r.Consumes == kind) {
			c.Params, found = params, r
		}
	}
	return controller, found
}

func matchPath(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, p := range pattern {
		if !strings.HasPrefix(p, ":") {
			if p != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, false
		}
		params[p[1:]] = value
	}
	return params, true
}
