package resource

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Secrets lists the credentials in the source, for masking.
func (s Source) Secrets() []secret.Value {
	found := []secret.Value{
		s.GitHub.Token, s.Director.ClientSecret, s.Director.Password, s.Director.ProxyPrivateKey, s.Concourse.Password,
	}
	for _, r := range s.Registries {
		found = append(found, r.Password)
	}
	found = append(found, s.State.secrets()...)
	return append(found, urlSecrets(s.Director.Proxy)...)
}

// Secrets lists the credentials in the request, for masking.
func (r OutRequest) Secrets() []secret.Value {
	found := append(r.Source.Secrets(), SecretVars(r.Params.Vars)...)
	if r.Params.Pipeline != nil {
		found = append(found, SecretVars(r.Params.Pipeline.Vars)...)
	}
	return found
}

// credentialKey recognises the names under which people, the bundled manifest
// and the job specs of Concourse and the director keep credentials.
var credentialKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)passw|passphrase|secret|token|private|credential|(^|[^a-z0-9])(key|pass|pw|dsn)($|[^a-z0-9])|api_?key`)
})

// pairsKey recognises the names of lists of user:password, such as local_users
// and the job spec's add_local_users. Members without a colon are mere names.
var pairsKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|[^a-z0-9])users?$|basic[_-]?auth`)
})

// SecretVars lists the values in vars that are credentials: by their key, as
// user:password pairs, or in a URL.
func SecretVars(vars map[string]any) []secret.Value {
	w := &secretWalk{}
	w.walk(vars, public)
	return w.found
}

// privacy is what the key of a value says about it.
type privacy int

const (
	public privacy = iota
	pairs          // user:password, or just a user
	hidden         // a credential
)

// secretWalk collects credentials.
type secretWalk struct{ found []secret.Value }

func (w *secretWalk) walk(value any, p privacy) {
	switch v := value.(type) {
	case string:
		w.text(v, p)
	case json.Number, int, int64: // as JSON and YAML give them
		if p == hidden {
			w.add(fmt.Sprint(v))
		}
	case map[string]any:
		for key, item := range v {
			w.walk(item, max(p, privacyOf(key)))
		}
	case map[any]any: // as YAML gives maps that have other keys than texts
		for key, item := range v {
			w.walk(item, max(p, privacyOf(fmt.Sprint(key))))
		}
	case []any:
		for _, item := range v {
			w.walk(item, p)
		}
	}
}

func privacyOf(key string) privacy {
	switch {
	case credentialKey().MatchString(key):
		return hidden
	case pairsKey().MatchString(key):
		return pairs
	}
	return public
}

// text adds what is secret in v. A placeholder is none.
func (w *secretWalk) text(v string, p privacy) {
	switch {
	case strings.HasPrefix(v, "(("):
	case p == hidden:
		w.add(v)
	case p == pairs:
		for _, pair := range strings.Split(v, ",") { // Concourse's own flag takes several in one text
			if _, password, ok := strings.Cut(pair, ":"); ok {
				w.add(v, pair, password)
			}
		}
	}
	if p != hidden {
		w.found = append(w.found, urlSecrets(v)...)
	}
}

func (w *secretWalk) add(texts ...string) {
	for _, text := range texts {
		w.found = append(w.found, secret.New(text))
	}
}

// urlSecrets lists the password in scheme://user:password@host, as it is written
// and as it is meant. A user alone is none. Nothing is parsed that a password
// with odd characters could break.
func urlSecrets(text string) []secret.Value {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return nil
	}
	_, password, ok := strings.Cut(rest[:at], ":")
	if !ok || strings.HasPrefix(password, "((") {
		return nil
	}
	found := []secret.Value{secret.New(password)}
	if meant, err := url.PathUnescape(password); err == nil && meant != password {
		found = append(found, secret.New(meant))
	}
	return found
}
