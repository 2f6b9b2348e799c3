package api

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// UAA simulates the token endpoint of the UAA beside a director. It is an
// http.Handler, so that it may listen at an address of its own or under a
// path. Tokens are signed JSON web tokens, as clients read their expiry.
type UAA struct {
	Clients map[string]string // secret by client: client_credentials grants
	Users   map[string]string // password by user: password grants
	// Scopes are the rights of a client or user, by name. Default: ["bosh.admin"].
	// A client that may deploy and not upload has ["bosh.read", "bosh.teams.ci.admin"].
	Scopes   map[string][]string
	Lifetime time.Duration    // of an access token; default 10 minutes
	Now      func() time.Time // default time.Now

	mu      sync.Mutex
	url     string
	key     []byte
	revoked map[string]bool   // access tokens
	issued  []string          // access tokens
	refresh map[string]string // user by refresh token
	grants  map[string]int    // how many tokens were given, by grant type
}

// SetURL says where the UAA listens, which /info then tells: "https://127.0.0.1:41234".
func (u *UAA) SetURL(url string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.url = url
}

// Address is where the UAA listens, as SetURL said.
func (u *UAA) Address() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.url
}

// Revoke makes every access token that was given invalid; refresh tokens stay.
func (u *UAA) Revoke() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revoked = map[string]bool{}
	for _, token := range u.issued {
		u.revoked[token] = true
	}
}

// Grants is how many tokens were given for a grant type: "client_credentials", "password", "refresh_token".
func (u *UAA) Grants(kind string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.grants[kind]
}

// claims are what the director reads of a token.
type claims struct {
	User    string   `json:"user_name,omitempty"` // absent for client_credentials
	Client  string   `json:"client_id"`
	Scopes  []string `json:"scope"` // ["bosh.admin"]
	Expires int64    `json:"exp"`   // seconds since 1970
	Serial  int      `json:"jti"`
}

// tokenResponse is the answer of POST /oauth/token.
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"` // "bearer"
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
}

// ServeHTTP implements http.Handler: POST /oauth/token and GET /login, under any prefix.
func (u *UAA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/login"):
		_, _ = w.Write(Encode(map[string]any{"prompts": map[string][2]string{
			"username": {"text", "Email"}, "password": {"password", "Password"},
		}}))
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/oauth/token"):
		u.token(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(Encode(map[string]string{"error": "not_found"}))
	}
}

func (u *UAA) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	client, secret, basic := r.BasicAuth()
	if !basic {
		client, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	kind := r.PostFormValue("grant_type")
	u.mu.Lock()
	defer u.mu.Unlock()
	var user string
	switch kind {
	case "client_credentials":
		if want, known := u.Clients[client]; !known || !same(want, secret) {
			refuse(w, http.StatusUnauthorized, "unauthorized", "Bad credentials")
			return
		}
	case "password":
		user = r.PostFormValue("username")
		if want, known := u.Users[user]; !known || !same(want, r.PostFormValue("password")) {
			refuse(w, http.StatusUnauthorized, "unauthorized", "Bad credentials")
			return
		}
	case "refresh_token":
		if user = u.refresh[r.PostFormValue("refresh_token")]; user == "" {
			refuse(w, http.StatusUnauthorized, "invalid_token", "The token does not represent a known refresh token")
			return
		}
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
		return
	}
	_, _ = w.Write(Encode(u.issue(kind, client, user)))
}

func refuse(w http.ResponseWriter, status int, name, description string) {
	w.WriteHeader(status)
	_, _ = w.Write(Encode(map[string]string{"error": name, "error_description": description}))
}

// issue makes a token. The caller holds the lock.
func (u *UAA) issue(kind, client, user string) tokenResponse {
	if u.key == nil {
		u.key = make([]byte, 32)
		_, _ = rand.Read(u.key)
		u.refresh, u.grants = map[string]string{}, map[string]int{}
	}
	lifetime := u.Lifetime
	if lifetime == 0 {
		lifetime = 10 * time.Minute
	}
	scopes := u.Scopes[cmp.Or(user, client)]
	if scopes == nil {
		scopes = admins
	}
	u.grants[kind]++
	token := u.sign(claims{
		User: user, Client: client, Scopes: scopes,
		Expires: u.time().Add(lifetime).Unix(), Serial: len(u.issued) + 1,
	})
	u.issued = append(u.issued, token)
	response := tokenResponse{AccessToken: token, TokenType: "bearer", ExpiresIn: int(lifetime.Seconds()), Scope: strings.Join(scopes, " ")}
	if user != "" {
		response.RefreshToken = uuid.New() + "-r"
		u.refresh[response.RefreshToken] = user
	}
	return response
}

func (u *UAA) time() time.Time {
	if u.Now == nil {
		return time.Now()
	}
	return u.Now()
}

func (u *UAA) sign(c claims) string {
	raw := base64.RawURLEncoding
	head := raw.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + raw.EncodeToString(Encode(c))
	return head + "." + raw.EncodeToString(u.mac(head))
}

func (u *UAA) mac(text string) []byte {
	h := hmac.New(sha256.New, u.key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

// verify gives the user of a token and its scopes, "" if it is false, expired or revoked.
func (u *UAA) verify(token string) (user string, scopes []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	parts := strings.Split(token, ".")
	if len(parts) != 3 || u.key == nil || u.revoked[token] {
		return "", nil
	}
	sum, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(sum, u.mac(parts[0]+"."+parts[1])) {
		return "", nil
	}
	var c claims
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil || u.time().Unix() >= c.Expires {
		return "", nil
	}
	return cmp.Or(c.User, c.Client), c.Scopes
}
