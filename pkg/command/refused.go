package command

import (
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// refused marks the errors that another look would only repeat, so that nobody
// logs in with a wrong password every two seconds.
func refused(err error) error {
	var status *concourse.StatusError
	var answer *bosh.ResponseError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	switch {
	case errors.Is(err, concourse.ErrLogin), errors.Is(err, concourse.ErrNoTeam):
	case errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &hostname):
	case errors.As(err, &status) && denied(status.Status):
	case errors.As(err, &answer) && denied(answer.Status):
	default:
		return err
	}
	return &translated{err, upgrade.ErrRefused}
}

func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}
