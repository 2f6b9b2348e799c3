package director

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
	consumesYAML       = "text/yaml"
	consumesJSON       = "application/json"
	consumesCompressed = "application/x-compressed"
)

// call is one request on its way through a handler.
type call struct {
	*http.Request
	w         http.ResponseWriter
	params    map[string]string // path parameters
	query     url.Values
	director  string // its UUID, which scopes may name
	user      string
	scopes    []string // of the user
	contextID string
}

// route is a method and path of the director's API with its handler.
type route struct {
	method, path, consumes string
	open                   bool // needs no credentials
	needs                  permission
	handle                 func(*call)
}

// access is what lies between a request and its handler: whether the director can be
// reached, who asks, whether there is such a route, and whether they may.
type access struct {
	credentials

	director string // its UUID
	owners   owners
	routes   []route
	requests atomic.Int64

	mu     sync.Mutex // guards outage
	outage *outage
}

// newAccess makes the face of a director without routes; add gives it some.
func newAccess(director string, let credentials, owners owners) *access {
	return &access{credentials: let, director: director, owners: owners}
}

// add adds routes, before any request.
func (a *access) add(routes ...route) { a.routes = append(a.routes, routes...) }

// received is how many requests have been received, the refused ones included.
func (a *access) received() int { return int(a.requests.Load()) }

// ServeHTTP implements http.Handler.
func (a *access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	if a.refused(w) {
		return
	}
	c := &call{Request: r, w: w, query: r.URL.Query(), director: a.director}
	c.user, c.scopes = a.authenticate(r)
	controller, matched := a.match(c)
	if !controller {
		w.Header().Set("X-Cascade", "pass")
		c.text(http.StatusNotFound, "text/plain", "Not Found: "+r.URL.Path)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if matched != nil && matched.open {
		matched.handle(c)
		return
	}
	w.Header().Set("Www-Authenticate", `Basic realm="BOSH Director"`)
	if c.user == "" {
		c.html(http.StatusUnauthorized, "Not authorized: '"+r.URL.Path+"'\n")
		return
	}
	c.contextID = r.Header.Get("X-Bosh-Context-Id")
	if len(c.contextID) > 64 {
		c.fail(http.StatusBadRequest, &Failure{70010, "X-Bosh-Context-Id cannot be more than 64 characters in length"})
		return
	}
	if matched == nil {
		c.noEndpoint()
		return
	}
	if c.permitted(matched.needs, a.owners) {
		matched.handle(c)
	}
}

// match finds the route of a request and says whether any route begins like
// it: the director answers differently for an unknown controller.
func (a *access) match(c *call) (controller bool, found *route) {
	segments := strings.Split(strings.Trim(c.URL.EscapedPath(), "/"), "/")
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	for i := range a.routes {
		r := &a.routes[i]
		pattern := strings.Split(strings.Trim(r.path, "/"), "/")
		controller = controller || pattern[0] == segments[0]
		params, ok := matchPath(pattern, segments)
		if ok && found == nil && r.method == c.Method && (r.consumes == consumesAny || r.consumes == kind) {
			c.params, found = params, r
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
