package director

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
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

// table lists every route that is simulated.
func (d *Director) table() []route {
	var all []route
	for _, part := range [][]route{
		d.taskRoutes(), d.configRoutes(), d.deploymentRoutes(), d.instanceRoutes(), d.logRoutes(), d.stemcellRoutes(), d.releaseRoutes(),
		{
			{method: "GET", path: "/info", open: true, handle: d.info},
			{method: "GET", path: "/locks", needs: needsRead, handle: d.listLocks},
			{method: "GET", path: "/events", needs: needsConfigList, handle: d.listEvents},
			{method: "GET", path: "/orphan_disks", handle: func(c *call) { c.json([]any{}) }},
			{method: "POST", path: "/cleanup", consumes: consumesJSON, handle: d.cleanUp},
		},
	} {
		all = append(all, part...)
	}
	return all
}

// ServeHTTP implements http.Handler.
func (d *Director) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.requests.Add(1)
	if d.refused(w) {
		return
	}
	c := &call{Request: r, w: w, query: r.URL.Query()}
	c.user, c.scopes = d.authenticate(r)
	controller, matched := d.match(c)
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
	if d.permitted(c, matched.needs) {
		matched.handle(c)
	}
}

// match finds the route of a request and says whether any route begins like
// it: the director answers differently for an unknown controller.
func (d *Director) match(c *call) (controller bool, found *route) {
	segments := strings.Split(strings.Trim(c.URL.EscapedPath(), "/"), "/")
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	for i := range d.routes {
		r := &d.routes[i]
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
