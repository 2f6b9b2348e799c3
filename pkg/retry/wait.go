package retry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Sleep waits for the next look at something, or for the end of ctx, whose cause it gives.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Because adds to the error of what ran out of time that this is why: what was under way
// then knows only that its context has ended.
func Because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// Untrusted says whether an error is that a server's certificate is not one to trust.
// Another try finds the same.
func Untrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	return errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &hostname)
}
