package artifact

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// StatusError is a response that gives no file.
type StatusError struct {
	Host       string        // storage.googleapis.com
	Status     int           // 404
	RetryAfter time.Duration // what the server asked to wait
	Asked      bool          // whether it did: it may ask to come back at once
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered %d %s", e.Host, e.Status, http.StatusText(e.Status))
	switch {
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return text + ": the file is not there (any more)"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return text + ": it wants other credentials, or the url is out of date"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("%s: it limits how often it is asked, and asks to wait %s", text, e.RetryAfter.Round(time.Second))
	}
	return text
}

// passing says whether another try may help. A rate limit that does not say
// until when only gets worse by asking.
func (e *StatusError) passing() bool {
	switch e.Status {
	case http.StatusTooManyRequests:
		return e.Asked
	case http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// MismatchError says that a file is not the one that was wanted. It was removed.
type MismatchError struct {
	What      string // sha256, sha1 or size
	Want, Got string
	Hint      string // what the server sent instead, if that is known
}

// Error implements error.
func (e *MismatchError) Error() string {
	text := fmt.Sprintf("its %s is %s, not %s; it was discarded", e.What, e.Got, e.Want)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

var (
	// errRefused marks what is not followed or taken, whatever the number of tries.
	errRefused = errors.New("refused")
	// errCut marks a body that ended before its end.
	errCut = errors.New("the connection was cut")
	// errStalled marks a connection on which nothing came any more.
	errStalled = errors.New("nothing came any more")
	// errChanged marks a file that is not the one of which a part is there.
	errChanged = errors.New("the file changed while it was fetched")
)

// writeError is a fault of the disk, not of the network.
type writeError struct {
	path string
	at   int64
	err  error
}

// Error implements error.
func (e *writeError) Error() string {
	if errors.Is(e.err, syscall.ENOSPC) || errors.Is(e.err, syscall.EDQUOT) {
		return fmt.Sprintf("write %s: the disk is full after %s; nothing is left of it", e.path, bytesText(e.at))
	}
	return fmt.Sprintf("write %s: %v", e.path, inner(e.err))
}

// Unwrap gives the disk's own error.
func (e *writeError) Unwrap() error { return e.err }

// inner drops the operation and path that os adds: the message has its own.
func inner(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

// final says whether an error would only repeat itself.
func final(ctx context.Context, err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return !status.passing()
	}
	var mismatch *MismatchError
	var disk *writeError
	return errors.As(err, &mismatch) || errors.As(err, &disk) || errors.Is(err, errRefused) || retry.Permanent(ctx, err) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// transportError says why no response came from host. The URL stays out of it:
// a signed one is a credential.
func (f *Fetcher) transportError(err error, host string) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
		if u, e := url.Parse(wrapped.URL); e == nil && u.Host != "" { // after a redirect
			host = u.Host
		}
	}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("wait for an answer from %s: %w", host, err)
	case errors.As(err, &certificate) && f.config.CACert != "":
		return fmt.Errorf("verify the certificate of %s with the given ca_cert and the system's CAs: %w", host, err)
	case errors.As(err, &certificate):
		return fmt.Errorf("verify the certificate of %s with the system's CAs (ca_cert is not set): %w", host, err)
	case errors.Is(err, errRefused), errors.Is(err, retry.ErrRedirect), dial.Refused(err):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("ask %s: %w", host, errCut)
	}
	return fmt.Errorf("reach %s: %w", host, err)
}
