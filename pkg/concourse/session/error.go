package session

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// staleText is how Concourse 7.14 says that the config version of a PUT is no
// longer the current one. It comes with status 500 and has no code of its own.
const staleText = "comparison with existing config failed"

// ErrLogin says that Concourse does not accept the user name and password.
var ErrLogin = errors.New("wrong username or password: check both, and that the user is a local user (CONCOURSE_ADD_LOCAL_USER) of a role in the team")

// StatusError is an answer that is not a success, from Concourse or from something
// that stands before it.
type StatusError struct {
	Method  string // GET
	Path    string // /api/v1/workers
	Status  int    // 403
	Message string // what it means, or the start of the answer's text
	stale   bool
	open    bool // the request took no login, and may be the login itself
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("Concourse answered %d %s to %s %s", e.Status, http.StatusText(e.Status), e.Method, e.Path)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// lostError is an exchange without an answer.
type lostError struct {
	host string
	err  error
}

// Error implements error.
func (e *lostError) Error() string {
	text := fmt.Sprintf("reach Concourse at %s: %v", e.host, e.err)
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	switch {
	case errors.As(e.err, &authority):
		text += ": set ca_cert to the certificate of the authority that signed it"
	case errors.As(e.err, &hostname):
		text += ": set url to a name that the certificate holds"
	}
	return text
}

// Unwrap implements errors.Unwrap.
func (e *lostError) Unwrap() error { return e.err }

// Bare takes off http.Client's layer, which repeats the method and the URL.
// Only when it is the outermost one: what callers wrapped around it stays.
func Bare(err error) error {
	if outer, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost layer alone
		return outer.Err
	}
	return err
}

// Explain gives err without http.Client's layer. Of errors that neither this package
// nor the context made, whose types say nothing outside of their library, it keeps
// only the text.
func (s *Session) Explain(err error) error {
	err = Bare(err)
	var status *StatusError
	var lost *lostError
	if errors.As(err, &status) || errors.As(err, &lost) || errors.Is(err, ErrLogin) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New(s.Mask(OneLine(err.Error())))
}

// Status is the status of an answer that is not a success, or 0. That of a failed
// login says nothing of what was asked for.
func Status(err error) int {
	var status *StatusError
	if errors.As(err, &status) && !status.open {
		return status.Status
	}
	return 0
}

// Stale says whether a PUT was refused for its config version.
func Stale(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.stale
}

// Lost says whether nobody knows if a request was carried out.
func Lost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost)
}
