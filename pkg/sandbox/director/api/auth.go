package api

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// Credentials are what the director lets in.
type Credentials struct {
	Username, Password string // basic auth
	UAA                *UAA   // when set, its bearer tokens instead
}

// authenticate gives the user of a request's credentials and its scopes, "" if
// they are absent or wrong.
func (k Credentials) authenticate(r *http.Request) (user string, scopes []string) {
	if k.UAA != nil {
		bearer, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(bearer, "bearer") {
			return "", nil
		}
		return k.UAA.verify(token)
	}
	name, password, ok := r.BasicAuth()
	if ok && same(name, k.Username) && same(password, k.Password) {
		return name, admins
	}
	return "", nil
}

// admins are the scopes of whoever may do everything.
var admins = []string{"bosh.admin"}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
