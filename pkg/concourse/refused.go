package concourse

import (
	"errors"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Refused says whether an error is one that another look would only repeat: wrong
// credentials, an unknown authority, no such team. Nobody is to log in with a wrong
// password every two seconds.
func Refused(err error) bool {
	var answer *session.StatusError
	return errors.Is(err, session.ErrLogin) || errors.Is(err, ErrNoTeam) || retry.Untrusted(err) ||
		errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden)
}
