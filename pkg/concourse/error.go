package concourse

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// staleText is how Concourse 7.14 says that the config version of a PUT is no
// longer the current one. It comes with status 500 and has no code of its own.
const staleText = "comparison with existing config failed"

var (
	// ErrLogin says that Concourse does not accept the user name and password.
	ErrLogin = errors.New("wrong username or password: check both, and that the user is a local user (CONCOURSE_ADD_LOCAL_USER) of a role in the team")
	// ErrNoTeam says that the team does not exist.
	ErrNoTeam = errors.New("no such team")
)

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

// InvalidError says what Concourse finds wrong in a pipeline. Nothing was set.
type InvalidError struct {
	Errors []string // invalid jobs: jobs[0] has no name
}

// Error implements error.
func (e *InvalidError) Error() string {
	return "Concourse refuses the pipeline: " + strings.Join(e.Errors, "; ")
}

// ConflictError says that somebody else changed a pipeline while it was being
// set. Theirs is in force.
type ConflictError struct {
	Pipeline string     // self-upgrade
	Read     string     // config version that the change was made for: 12
	Now      string     // config version in force: 14; empty when it was deleted
	Changed  []string   // what they changed: jobs/upgrade
	Diff     []DiffLine // the same in full
}

// Error implements error.
func (e *ConflictError) Error() string {
	now := "now " + e.Now
	if e.Now == "" {
		now = "now deleted"
	}
	read := "it was at config version " + e.Read
	if e.Read == "" {
		read = "it did not exist"
	}
	return fmt.Sprintf("somebody else changed the pipeline meanwhile (%s, %s: %s); theirs was left in force: "+
		"look at it with `fly get-pipeline -p %s` and run again", read, now, strings.Join(e.Changed, ", "), e.Pipeline)
}

// transportError is an exchange without an answer.
type transportError struct {
	host string
	err  error
}

// Error implements error.
func (e *transportError) Error() string {
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
func (e *transportError) Unwrap() error { return e.err }

// plain takes off http.Client's layer, which repeats the method and the URL.
// Only when it is the outermost one: what this package wrapped around it stays.
func plain(err error) error {
	if outer, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost layer alone
		return outer.Err
	}
	return err
}

// explain puts what was being done before err. Errors of the library's own,
// whose types say nothing outside of it, keep only their text.
func (c *Client) explain(doing string, err error) error {
	err = plain(err)
	var invalid api.InvalidConfigError
	switch {
	case errors.As(err, &invalid):
		ours := &InvalidError{}
		for _, text := range invalid.Errors {
			ours.Errors = append(ours.Errors, c.clean(oneLine(text)))
		}
		err = ours
	case !isOurs(err):
		err = errors.New(c.clean(oneLine(err.Error())))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// isOurs says whether this package, or the context, made the error.
func isOurs(err error) bool {
	var status *StatusError
	var transport *transportError
	var conflict *ConflictError
	return errors.As(err, &status) || errors.As(err, &transport) || errors.As(err, &conflict) ||
		errors.Is(err, ErrLogin) || errors.Is(err, ErrNoTeam) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// clean masks the password and the token in text that others wrote.
func (c *Client) clean(text string) string {
	var out bytes.Buffer
	_, token, _ := strings.Cut(c.session.current().Reveal(), " ")
	w := secret.NewWriter(&out, c.password, secret.New(token))
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	return out.String()
}

// statusOf is the status of an answer that is not a success, or 0. That of a failed
// login says nothing of what was asked for.
func statusOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) && !status.open {
		return status.Status
	}
	return 0
}

// isStale says whether a PUT was refused for its config version.
func isStale(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.stale
}

// isLost says whether nobody knows if a request was carried out.
func isLost(err error) bool {
	var transport *transportError
	return errors.As(err, &transport)
}
