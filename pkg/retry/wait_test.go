package retry_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

func TestSleep_endsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := errors.New("the time is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
		defer cancel()
		began := time.Now()
		if err := retry.Sleep(ctx, time.Second); err != nil || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, over) || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestBecause_saysWhyTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over, failed := errors.New("params.timeout of 1m is over"), errors.New("list tasks: context deadline exceeded")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
		defer cancel()
		if err := retry.Because(ctx, failed); err != failed { //nolint:errorlint // the very same, not one around it
			t.Errorf("before that: %v", err)
		}
		<-ctx.Done()
		if err := retry.Because(ctx, failed); err.Error() != "params.timeout of 1m is over: list tasks: context deadline exceeded" || !errors.Is(err, failed) {
			t.Errorf("after that: %v", err)
		}
		if said := fmt.Errorf("wait: %w", over); retry.Because(ctx, said).Error() != said.Error() {
			t.Error("it is said twice")
		}
		if err := retry.Because(ctx, nil); err != nil {
			t.Errorf("no error became %v", err)
		}
	})
}

func TestUntrusted_knowsTheErrorsOfCertificates(t *testing.T) {
	for _, err := range []error{
		x509.UnknownAuthorityError{}, x509.CertificateInvalidError{}, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "ci.example.com"},
	} {
		if !retry.Untrusted(fmt.Errorf("get /api/v1/info: %w", err)) {
			t.Errorf("%T is trusted", err)
		}
	}
	if retry.Untrusted(nil) || retry.Untrusted(errors.New("connection refused")) {
		t.Error("another error is taken for one of a certificate")
	}
}
