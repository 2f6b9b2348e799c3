package registry

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// challenge says how to log in.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, name string) {
	if s.options.Basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
		return
	}
	realm := s.options.Realm
	if realm == "" {
		realm = "https://" + r.Host + "/token"
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="sandbox",scope="repository:%s:pull"`, realm, name))
}

// may says whether a request shows that its sender may see a repository.
func (s *Server) may(r *http.Request, name string) bool {
	if s.options.Basic {
		user, password, ok := r.BasicAuth()
		return ok && s.knows(user, password)
	}
	text, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	granted, known := s.tokens[text]
	return is && known && granted.repository == name && (granted.user != "" || !slices.Contains(s.options.Private, name))
}

// knows says whether a user has that password.
func (s *Server) knows(user, password string) bool {
	wanted, known := s.options.Users[user]
	return known && wanted == password
}

// token gives one for a repository, also to nobody in particular. What a token is good for
// shows when it is used.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if ok && !s.knows(user, password) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	name, is := strings.CutPrefix(r.URL.Query().Get("scope"), "repository:")
	name, pull := strings.CutSuffix(name, ":pull")
	if !is || !pull || r.URL.Query().Get("service") != "sandbox" {
		refuse(w, http.StatusBadRequest, "DENIED", "want service and scope")
		return
	}
	s.issued++
	text := fmt.Sprintf("sandbox-token-%d", s.issued)
	s.tokens[text] = right{repository: name, user: user}
	answer(w, http.StatusOK, map[string]any{"token": text, "expires_in": 300})
}
