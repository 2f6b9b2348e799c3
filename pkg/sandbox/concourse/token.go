package concourse

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// token is a login.
type token struct {
	user    string
	expires time.Time
}

// RevokeTokens ends all logins at once, as a lost database or a new signing key
// would: the next request with one gets a 401.
func (s *Server) RevokeTokens() {
	s.Lock()
	defer s.Unlock()
	clear(s.tokens)
}

// giveToken is dex's token endpoint with the password grant.
func (s *Server) giveToken(r *asked) reply {
	refuse := func(status int, code, description string) reply {
		return reply{status: status, value: map[string]string{"error": code, "error_description": description}}
	}
	id, secret, _ := r.BasicAuth()
	if id != "fly" || secret != "Zmx5" {
		return refuse(http.StatusUnauthorized, "invalid_client", "Invalid client credentials.")
	}
	if err := r.ParseForm(); err != nil {
		return refuse(http.StatusBadRequest, "invalid_request", "Couldn't parse data")
	}
	if r.PostForm.Get("grant_type") != "password" {
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "")
	}
	if !slices.Contains(strings.Fields(r.PostForm.Get("scope")), "openid") {
		return refuse(http.StatusBadRequest, "invalid_request", `Missing required scope(s) ["openid"].`)
	}
	user := r.PostForm.Get("username")
	password, exists := s.Options.Users[user]
	if !exists || password != r.PostForm.Get("password") {
		return refuse(http.StatusUnauthorized, "access_denied", "Invalid username or password")
	}
	text := opaque()
	s.tokens[text] = token{user: user, expires: s.Options.Now().Add(s.Options.TokenLife)}
	s.Record(engine.Event{Kind: engine.KindLogin, User: user})
	return reply{
		header: map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"},
		value: map[string]any{
			"access_token": text, "token_type": "bearer", "expires_in": int(s.Options.TokenLife.Seconds()), "id_token": opaque(),
		},
	}
}

// userOf is who a request comes from, by its token.
func (s *Server) userOf(r *http.Request) string {
	kind, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	login, exists := s.tokens[text]
	if !strings.EqualFold(kind, "bearer") || !exists || !s.Options.Now().Before(login.expires) {
		return ""
	}
	return login.user
}

// may says whether a user has a role, or one that includes it, in a team.
func (s *Server) may(user, team, need string) bool {
	have := slices.Index(ranks, s.Options.Teams[team][user])
	return s.isAdmin(user) || have >= slices.Index(ranks, need)
}

func (s *Server) isAdmin(user string) bool {
	return user != "" && s.Options.Teams[atc.DefaultTeamName][user] == Owner
}

func (s *Server) getUser(r *asked) reply {
	teams := map[string][]string{}
	for team, users := range s.Options.Teams {
		if role := users[r.user]; role != "" {
			teams[team] = []string{role}
		}
	}
	return reply{value: atc.UserInfo{
		Sub: "CgVhZG1pbhIFbG9jYWw", Name: r.user, UserId: r.user, UserName: r.user, Email: r.user,
		IsAdmin: s.isAdmin(r.user), Teams: teams, Connector: "local", DisplayUserId: r.user,
	}}
}
