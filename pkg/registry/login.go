package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// grant is what a request proves its right with. The zero value is nothing.
type grant struct {
	token    secret.Value
	username string // or basic authentication
	password secret.Value
}

// authorize adds it to a request.
func (g grant) authorize(req *http.Request) {
	switch {
	case !g.token.Empty():
		req.Header.Set("Authorization", "Bearer "+g.token.Reveal())
	case g.username != "":
		req.SetBasicAuth(g.username, g.password.Reveal())
	}
}

// granted is what the registry has last taken for a repository.
func (h *host) granted(repository string) grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.grant[repository]
}

// login does what the challenge of a response with status 401 asks for: it fetches a
// token, also anonymously, or takes username and password.
func (h *host) login(ctx context.Context, repository string, res *http.Response) (g grant, err error) {
	scheme, params := challenge(res.Header.Values("WWW-Authenticate"))
	switch {
	case scheme == "bearer":
		if g.token, err = h.token(ctx, repository, params, res); err != nil {
			return grant{}, err
		}
	case h.Username != "":
		g = grant{username: h.Username, password: h.Password}
	default:
		return grant{}, h.refusal(res, repository)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.grant[repository] = g
	return g, nil
}

// wireToken is an answer of a token server (Docker Registry, "Token Authentication
// Specification").
type wireToken struct {
	Token       secret.Value `json:"token"`
	AccessToken secret.Value `json:"access_token"` // of those that follow OAuth 2.0
}

// token asks the server that a challenge names for the right to pull. The registry may
// name no server in a network of ours, unless it is there itself, and none without TLS.
func (h *host) token(ctx context.Context, repository string, params map[string]string, res *http.Response) (secret.Value, error) {
	realm, err := url.Parse(params["realm"])
	if err != nil || realm.Host == "" || realm.User != nil || realm.Scheme != "https" {
		return secret.Value{}, fmt.Errorf("%s asks for a token, but names no token server with https: %w", h.base.Host, ErrNotRegistry)
	}
	query := realm.Query()
	query.Set("scope", "repository:"+repository+":pull")
	if service := params["service"]; service != "" {
		query.Set("service", service)
	}
	realm.RawQuery = query.Encode()
	answer, err := h.once(retry.Named(ctx, retry.Network(res)), http.MethodGet, realm, "application/json", grant{username: h.Username, password: h.Password})
	if err != nil {
		return secret.Value{}, fmt.Errorf("log in to %s: %w", h.base.Host, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return secret.Value{}, fmt.Errorf("log in to %s: %w", h.base.Host, h.refusal(answer, repository))
	}
	var wire wireToken
	if err := json.NewDecoder(answer.Body).Decode(&wire); err != nil {
		return secret.Value{}, fmt.Errorf("log in to %s: %w", h.base.Host, h.malformed(answer, errors.New("it is not what a token server answers")))
	}
	token := wire.Token
	if token.Empty() {
		token = wire.AccessToken
	}
	if token.Empty() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, fmt.Errorf("log in to %s: %s has given no token: %w", h.base.Host, realm.Host, ErrNotRegistry)
	}
	return token, nil
}

// challenge reads the first challenge of a response: its scheme, in lower case, and its
// parameters (RFC 9110, 11.6.1).
func challenge(headers []string) (scheme string, params map[string]string) {
	for _, header := range headers {
		name, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
		if name = strings.ToLower(name); name != "bearer" && name != "basic" {
			continue
		}
		params = map[string]string{}
		for rest = strings.TrimSpace(rest); rest != ""; {
			key, value, ok := strings.Cut(rest, "=")
			if !ok {
				break
			}
			if quoted, is := strings.CutPrefix(value, `"`); is {
				value, rest, _ = strings.Cut(quoted, `"`)
				_, rest, _ = strings.Cut(rest, ",")
			} else {
				value, rest, _ = strings.Cut(value, ",")
			}
			params[strings.ToLower(strings.TrimSpace(key))] = value
		}
		return name, params
	}
	return "", nil
}
