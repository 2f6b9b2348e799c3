package transport

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

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Archive is the media type of a release or stemcell in a request's body.
const Archive = "application/x-compressed"

// maxContextID is the longest context id that a director takes (code 70010).
const maxContextID = 64

// Submission is a request that starts a task on the director.
type Submission struct {
	Action    string // for errors: "submit deploy"
	Method    string // "POST"
	Path      string // "/deployments"
	Query     url.Values
	MediaType string // "text/yaml"; "" for none
	Body      []byte
	File      string // sent in place of body
	ContextID string
}

// Submit sends s once and reads the task's id from the redirect that answers it:
// 302 from a director behind nginx, 303 from one behind an HTTP/1.1 proxy. The
// redirect is not followed, so that nothing after the answer can fail. Errors
// are *bosh.UncertainError unless it is sure that no task was made.
func (t *Transport) Submit(ctx context.Context, s Submission) (int, error) {
	if utf8.RuneCountInString(s.ContextID) > maxContextID {
		return 0, fmt.Errorf("%s: the context id has more than %d characters", s.Action, maxContextID)
	}
	req, err := s.request(ctx, t.endpoint)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.Action, err)
	}
	via := t.via(s.Method)
	if s.MediaType == Archive {
		via = t.uploads
	}
	a, _, err := t.send(ctx, via, req) //nolint:bodyclose // send reads it whole and closes it
	if err == nil {
		if id := taskPath(a.header); id > 0 && (a.status == http.StatusFound || a.status == http.StatusSeeOther) {
			return id, nil
		}
		if err = t.refusal(req, a); err == nil {
			err = t.page(s.Method, s.Path, a)
		}
	}
	if Certain(err) {
		return 0, fmt.Errorf("%s: %w", s.Action, err)
	}
	return 0, &bosh.UncertainError{Action: s.Action, ContextID: s.ContextID, Err: err}
}

// Certain says whether err proves that the director did not act.
func Certain(err error) bool {
	var login *loginError
	var cut *connectionError
	var refused *bosh.ResponseError
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
func (s Submission) request(ctx context.Context, endpoint string) (*http.Request, error) {
	target := endpoint + s.Path
	if len(s.Query) > 0 {
		target += "?" + s.Query.Encode()
	}
	var body io.Reader
	if s.Body != nil {
		body = bytes.NewReader(s.Body)
	}
	req, err := http.NewRequestWithContext(ctx, s.Method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make the request for %s: %w", s.Path, bare(err))
	}
	if s.MediaType != "" {
		req.Header.Set("Content-Type", s.MediaType)
	}
	if s.ContextID != "" {
		req.Header.Set("X-Bosh-Context-Id", s.ContextID)
	}
	if s.File == "" {
		return req, nil
	}
	return req, stream(req, s.File)
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
