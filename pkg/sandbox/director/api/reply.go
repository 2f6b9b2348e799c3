package api

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// MaxBody bounds what is read of a request; a manifest of 2 MB is common.
const MaxBody = 256 << 20

// Text answers with a body of a content type.
func (c *Call) Text(status int, contentType, body string) {
	c.Writer.Header().Set("Content-Type", contentType)
	c.Writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.Writer.WriteHeader(status)
	_, _ = io.WriteString(c.Writer, body)
}

// HTML answers with the content type that Sinatra gives by default, which most lists and all errors have.
func (c *Call) HTML(status int, body string) {
	c.Writer.Header().Set("X-Frame-Options", "SAMEORIGIN")
	c.Writer.Header().Set("X-Xss-Protection", "1; mode=block")
	c.Text(status, "text/html;charset=utf-8", body)
}

// JSON answers with application/json, which only some routes do.
func (c *Call) JSON(v any) { c.Text(http.StatusOK, "application/json", string(Encode(v))) }

// List answers with JSON under the default content type.
func (c *Call) List(v any) { c.HTML(http.StatusOK, string(Encode(v))) }

// Empty answers without a body.
func (c *Call) Empty(status int) {
	if status == http.StatusNoContent {
		c.Writer.WriteHeader(status)
		return
	}
	c.HTML(status, "")
}

// Fail answers with an error of the director.
func (c *Call) Fail(status int, f *Failure) { c.HTML(status, string(Encode(f))) }

// NoEndpoint answers as the director does for a path without a route, and for an empty 404.
func (c *Call) NoEndpoint() {
	c.HTML(http.StatusNotFound, "Endpoint '"+c.URL.Path+"' not found.")
}

// Redirect sends the caller to a task, as nginx passes Sinatra's redirect on: 302 with the whole address.
func (c *Call) Redirect(task int) {
	scheme := "https"
	if c.TLS == nil {
		scheme = "http"
	}
	c.Writer.Header().Set("Location", fmt.Sprintf("%s://%s/tasks/%d", scheme, c.Host, task))
	c.HTML(http.StatusFound, "")
}

// ReadBody reads the request's body; after an error the answer is written already.
func (c *Call) ReadBody() ([]byte, bool) {
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Body, MaxBody))
	if err != nil {
		c.Empty(http.StatusInternalServerError)
		return nil, false
	}
	return b, true
}

// ReadYAML reads a YAML body that must be a mapping.
func (c *Call) ReadYAML() (string, document.Mapping, *Failure) {
	body, ok := c.ReadBody()
	if !ok {
		return "", nil, NewFailure(440001, "Manifest could not be read")
	}
	if len(body) == 0 {
		return "", nil, NewFailure(440001, "Manifest should not be empty")
	}
	v, err := document.Parse(body)
	if err != nil {
		return "", nil, NewFailure(440001, "Incorrect YAML structure of the uploaded manifest: #<Psych::SyntaxError: %s>", document.Psych(err))
	}
	m, ok := v.(document.Mapping)
	if !ok {
		return "", nil, NewFailure(440001, "Incorrect YAML structure of the uploaded manifest")
	}
	return string(body), m, nil
}
