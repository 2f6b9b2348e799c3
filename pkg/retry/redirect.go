package retry

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrRedirect marks a redirection that is not followed, whatever the number of tries.
var ErrRedirect = errors.New("the redirection is not followed")

// maxRedirects is how many redirections one request may take, as in net/http.
const maxRedirects = 10

// Redirect is an http.Client's CheckRedirect that follows nothing from https to http,
// where anybody could answer, and nothing in circles. It fails with ErrRedirect.
func Redirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	if last.Scheme == "https" && req.URL.Scheme != "https" {
		return &redirectError{fmt.Sprintf("%s redirects from https to %s://%s, which is not followed", last.Host, req.URL.Scheme, req.URL.Host)}
	}
	if len(via) >= maxRedirects {
		return &redirectError{last.Host + " redirects in circles"}
	}
	return nil
}

// NoRedirect is an http.Client's CheckRedirect for servers that send nobody elsewhere:
// the redirection is the answer.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// redirectError is an ErrRedirect that says it all.
type redirectError struct{ text string }

// Error implements error.
func (e *redirectError) Error() string { return e.text }

// Unwrap gives ErrRedirect.
func (e *redirectError) Unwrap() error { return ErrRedirect }
