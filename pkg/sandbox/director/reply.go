package director

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxBody bounds what is read of a request; a manifest of 2 MB is common.
const maxBody = 256 << 20

// Failure is an error of the director with its code, as responses and event logs carry it.
type Failure struct {
	Code    int    `json:"code"`        // 30006
	Message string `json:"description"` // "Release version 'tinyrel/99' doesn't exist"
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }

func failure(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, args...)}
}

// encode is JSON as Ruby's generator writes it: no HTML escapes, no newline.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // only values of this package get here
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

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

func (c *call) empty(status int) {
	if status == http.StatusNoContent {
		c.w.WriteHeader(status)
		return
	}
	c.html(status, "")
}

func (c *call) fail(status int, f *Failure) { c.html(status, string(encode(f))) }

func (c *call) noEndpoint() {
	c.html(http.StatusNotFound, "Endpoint '"+c.URL.Path+"' not found.")
}

// redirect answers as nginx passes Sinatra's redirect on: 302 with the whole address.
func (c *call) redirect(t *task) {
	scheme := "https"
	if c.TLS == nil {
		scheme = "http"
	}
	c.w.Header().Set("Location", fmt.Sprintf("%s://%s/tasks/%d", scheme, c.Host, t.id))
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
