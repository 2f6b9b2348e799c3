package upgrade

import (
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// refused says whether an error is one that another look would only repeat: wrong
// credentials, an unknown authority, no such team. Nobody is to log in with a wrong
// password every two seconds.
func refused(err error) bool {
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
		return false
	}
	return true
}

func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}
