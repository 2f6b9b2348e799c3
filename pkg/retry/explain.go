package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// Explain says in a user's words why no whole response came from host. ownCA
// tells whether a ca_cert was given. The cause stays in the chain.
func Explain(err error, host string, ownCA bool) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // it repeats the URL, which may be long
		err = wrapped.Err
	}
	var certificate *tls.CertificateVerificationError
	var proxy *ProxyError
	switch {
	case dial.Refused(err):
		return err
	case errors.As(err, &proxy):
		return fmt.Errorf("reach %s: %w", host, proxy)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("wait for an answer from %s: %w", host, err)
	case errors.As(err, &certificate) && ownCA:
		return fmt.Errorf("verify the certificate of %s with the given ca_cert: %w", host, certificate.Err)
	case errors.As(err, &certificate):
		return fmt.Errorf("verify the certificate of %s with the system's CAs (ca_cert is not set): %w", host, certificate.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read the answer of %s: it was cut short each time: %w", host, err)
	}
	return fmt.Errorf("reach %s: %w", host, err)
}

// FirstLine makes foreign text fit for an error: its first line, at most 200 bytes.
func FirstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	text = strings.TrimSpace(text)
	return short(text, 200)
}

// OneLine makes foreign text fit for an error: all of it on one line, at most limit bytes.
func OneLine(text string, limit int) string {
	return short(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " "), limit)
}

// short cuts a text that is too long.
func short(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// Permanent says whether a transport error would only repeat itself: the
// context is over, the address is refused, a redirection is not followed, a proxy lets
// nothing through, or the two sides do not agree on TLS. What one side's alert says of
// that, crypto/tls gives as a net.OpError of its own kind.
func Permanent(ctx context.Context, err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert *net.OpError
	var proxy *ProxyError
	return ctx.Err() != nil || dial.Refused(err) || errors.Is(err, ErrRedirect) || errors.As(err, &proxy) && proxy.final || errors.As(err, &certificate) || errors.As(err, &record) ||
		errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error")
}
