package director

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// credentials are what the director lets in.
type credentials struct {
	username, password string // basic auth
	uaa                *UAA   // when set, its bearer tokens instead
}

// authenticate gives the user of a request's credentials and its scopes, "" if
// they are absent or wrong.
func (k credentials) authenticate(r *http.Request) (user string, scopes []string) {
	if k.uaa != nil {
		bearer, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(bearer, "bearer") {
			return "", nil
		}
		return k.uaa.verify(token)
	}
	name, password, ok := r.BasicAuth()
	if ok && same(name, k.username) && same(password, k.password) {
		return name, admins
	}
	return "", nil
}

// admins are the scopes of whoever may do everything.
var admins = []string{"bosh.admin"}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
