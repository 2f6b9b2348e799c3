// Package endpoint says how the director and the Concourse of an installation are reached:
// where, as whom, with which of its credentials, and trusting which certificate.
package endpoint

import (
	"maps"
	"reflect"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/auth"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The names of users and credentials.
const (
	// ATCPassword is the name of the credential of config.ATCUser.
	ATCPassword = "atc_password"
	// DirectorUser is the director's user that the pipeline logs in as.
	DirectorUser = "perpetual"
	// DirectorPassword is the name of its credential.
	DirectorPassword = "director_password"
	// DirectorCA is the name of the certificate that signed the director's.
	DirectorCA = "director_ca"
	// WebCA is the name of the certificate that signed the web's own one.
	WebCA = "web_ca"
)

// Endpoint is how something is reached.
type Endpoint struct {
	URL      string // "https://10.0.0.6:25555"
	CACert   string // PEM; empty: the CAs that everybody knows
	Username string
	Password secret.Value
}

// Director is how the director at a host is reached with the credentials of
// an installation.
func Director(host string, credentials secret.Values) Endpoint {
	return Endpoint{
		URL: "https://" + host + ":25555", CACert: credentials.RevealText(DirectorCA, "certificate"),
		Username: DirectorUser, Password: secret.New(credentials.RevealText(DirectorPassword, "")),
	}
}

// Web is how Concourse at a URL is reached. A certificate that was given is
// trusted as it is, whoever signed it.
func Web(url string, c *config.Config, credentials secret.Values) Endpoint {
	a := Endpoint{URL: url, Username: config.ATCUser, Password: secret.New(credentials.RevealText(ATCPassword, ""))}
	switch c.TLS.Mode {
	case config.TLSLetsEncrypt:
	case config.TLSOwn:
		a.CACert = c.TLS.Certificate
	default:
		a.CACert = credentials.RevealText(WebCA, "certificate")
	}
	return a
}

// Person is Web as a person of the team main logs in: the first local user
// of that team whose password is known here, admin where none is configured. Where
// there is none it is this project's own user.
func Person(url string, c *config.Config, credentials secret.Values) Endpoint {
	a := Web(url, c, credentials)
	known := maps.Clone(c.Auth.LocalUsers)
	if len(known) == 0 {
		known = map[string]secret.Value{"admin": secret.New(credentials.RevealText(auth.AdminPassword, ""))}
	}
	team := c.Auth.MainTeam
	names := team.LocalUsers
	if reflect.ValueOf(team).IsZero() {
		names = slices.Sorted(maps.Keys(known))
	}
	for _, name := range names {
		if password := known[name]; !password.Empty() {
			a.Username, a.Password = name, password
			break
		}
	}
	return a
}
