package director

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// maxBody bounds what is read of a request; a manifest of 2 MB is common.
const maxBody = 256 << 20

// text answers with a body of a content type.
func (c *call) text(status int, contentType, body string) {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = io.WriteString(c.w, body)
}

// html answers with the content type that Sinatra gives by default, which most lists and all errors have.
func (c *call) html(status int, body string) {
	c.w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	c.w.Header().Set("X-Xss-Protection", "1; mode=block")
	c.text(status, "text/html;charset=utf-8", body)
}

// json answers with application/json, which only some routes do.
func (c *call) json(v any) { c.text(http.StatusOK, "application/json", string(encode(v))) }

// list answers with JSON under the default content type.
func (c *call) list(v any) { c.html(http.StatusOK, string(encode(v))) }

// empty answers without a body.
func (c *call) empty(status int) {
	if status == http.StatusNoContent {
		c.w.WriteHeader(status)
		return
	}
	c.html(status, "")
}

// fail answers with an error of the director.
func (c *call) fail(status int, f *Failure) { c.html(status, string(encode(f))) }

// noEndpoint answers as the director does for a path without a route, and for an empty 404.
func (c *call) noEndpoint() {
	c.html(http.StatusNotFound, "Endpoint '"+c.URL.Path+"' not found.")
}

// redirect sends the caller to a task, as nginx passes Sinatra's redirect on: 302 with the whole address.
func (c *call) redirect(task int) {
	scheme := "https"
	if c.TLS == nil {
		scheme = "http"
	}
	c.w.Header().Set("Location", fmt.Sprintf("%s://%s/tasks/%d", scheme, c.Host, task))
	c.html(http.StatusFound, "")
}

// body reads the request's body; after an error the answer is written already.
func (c *call) body() ([]byte, bool) {
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxBody))
	if err != nil {
		c.empty(http.StatusInternalServerError)
		return nil, false
	}
	return b, true
}

// yaml reads a YAML body that must be a mapping.
func (c *call) yaml() (string, document.Mapping, *Failure) {
	body, ok := c.body()
	if !ok {
		return "", nil, failure(440001, "Manifest could not be read")
	}
	if len(body) == 0 {
		return "", nil, failure(440001, "Manifest should not be empty")
	}
	v, err := document.Parse(body)
	if err != nil {
		return "", nil, failure(440001, "Incorrect YAML structure of the uploaded manifest: #<Psych::SyntaxError: %s>", document.Psych(err))
	}
	m, ok := v.(document.Mapping)
	if !ok {
		return "", nil, failure(440001, "Incorrect YAML structure of the uploaded manifest")
	}
	return string(body), m, nil
}
