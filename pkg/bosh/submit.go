package bosh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxContextID is the longest context id that a director takes (code 70010).
const maxContextID = 64

// submission is a request that starts a task on the director.
type submission struct {
	action    string // for errors: "submit deploy"
	method    string // "POST"
	path      string // "/deployments"
	query     url.Values
	mediaType string // "text/yaml"; "" for none
	body      []byte
	file      string // sent in place of body
	contextID string
}

// submit sends s once and reads the task's id from the redirect that answers it:
// 302 from a director behind nginx, 303 from one behind an HTTP/1.1 proxy. The
// redirect is not followed, so that nothing after the answer can fail. Errors
// are *UncertainError unless it is sure that no task was made.
func (c *Client) submit(ctx context.Context, s submission) (int, error) {
	if utf8.RuneCountInString(s.contextID) > maxContextID {
		return 0, fmt.Errorf("%s: the context id has more than %d characters", s.action, maxContextID)
	}
	req, err := s.request(ctx, c.endpoint)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.action, err)
	}
	via := c.via(s.method)
	if s.mediaType == archive {
		via = c.uploads
	}
	a, _, err := c.send(ctx, via, req) //nolint:bodyclose // send reads it whole and closes it
	if err == nil {
		if id := taskPath(a.header); id > 0 && (a.status == http.StatusFound || a.status == http.StatusSeeOther) {
			return id, nil
		}
		if err = c.refusal(req, a); err == nil {
			err = c.page(s.method, s.path, a)
		}
	}
	if certain(err) {
		return 0, fmt.Errorf("%s: %w", s.action, err)
	}
	return 0, &UncertainError{Action: s.action, ContextID: s.contextID, Err: err}
}

// certain says whether err proves that the director did not act.
func certain(err error) bool {
	var login *loginError
	var cut *connectionError
	var refused *ResponseError
	switch {
	case errors.As(err, &login):
		return true
	case errors.As(err, &refused):
		switch refused.Status {
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			return true
		}
		// A 5xx may come from a proxy that gave up waiting: as one behind a
		// 504 was seen to do, the director may have made the task.
		return refused.Status >= 400 && refused.Status < 500
	case errors.As(err, &cut):
		return !cut.sent
	}
	return true // nothing was sent
}

// request makes the HTTP request for s.
func (s submission) request(ctx context.Context, endpoint string) (*http.Request, error) {
	target := endpoint + s.path
	if len(s.query) > 0 {
		target += "?" + s.query.Encode()
	}
	var body io.Reader
	if s.body != nil {
		body = bytes.NewReader(s.body)
	}
	req, err := http.NewRequestWithContext(ctx, s.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make the request for %s: %w", s.path, bare(err))
	}
	if s.mediaType != "" {
		req.Header.Set("Content-Type", s.mediaType)
	}
	if s.contextID != "" {
		req.Header.Set("X-Bosh-Context-Id", s.contextID)
	}
	if s.file == "" {
		return req, nil
	}
	return req, stream(req, s.file)
}

// stream makes a file the body of req.
func stream(req *http.Request, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return fmt.Errorf("read %s: it is empty, or no regular file", path)
	}
	req.ContentLength = info.Size()
	req.GetBody = func() (io.ReadCloser, error) { return os.Open(path) }
	req.Body, err = req.GetBody()
	return err
}

// taskPath reads the task's id from a Location such as
// https://10.0.0.6:25555/tasks/42; 0 if there is none. The host does not matter,
// because nothing is asked of it.
func taskPath(header http.Header) int {
	u, err := url.Parse(header.Get("Location"))
	if err != nil {
		return 0
	}
	text, ok := strings.CutPrefix(u.Path, "/tasks/")
	id, err := strconv.Atoi(text)
	if !ok || err != nil || id <= 0 {
		return 0
	}
	return id
}
