package bosh

import (
	"errors"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Refused says whether an error is one that another look would only repeat: wrong
// credentials, or an unknown authority.
func Refused(err error) bool {
	var answer *ResponseError
	return retry.Untrusted(err) ||
		errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden)
}
