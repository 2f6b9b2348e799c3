// Package registry is a small registry of container images: what of the OCI Distribution
// Specification a client needs that looks at tags and manifests, and the server of tokens
// before it.
package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// index is the kind of manifest that Push makes.
const index = "application/vnd.oci.image.index.v1+json"

// Options of a Server. The zero value is an open registry.
type Options struct {
	Users    map[string]string // passwords by user; without any, nobody has to log in
	Private  []string          // repositories that only users see: "acme/secret"
	PageSize int               // tags in a list at most; default 1000
	Realm    string            // of the challenge; default: /token on the host that was asked
	Basic    bool              // it wants username and password instead of a token
}

// Server is the simulator, an http.Handler. Its world may change while it runs.
type Server struct {
	options Options

	mu           sync.Mutex
	repositories map[string]*repository
	tokens       map[string]right
	issued       int
	requests     []string
}

// repository has manifests by digest, and digests by tag.
type repository struct {
	tags      map[string]string
	manifests map[string][]byte
}

// right is what a token is for.
type right struct{ repository, user string }

// New makes a registry without repositories.
func New(options Options) *Server {
	if options.PageSize == 0 {
		options.PageSize = 1000
	}
	return &Server{options: options, repositories: map[string]*repository{}, tokens: map[string]right{}}
}

// Push makes a tag name an image that is made of a text, and gives the digest. A tag that
// is there moves.
func (s *Server) Push(name, tag, content string) (digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[name]
	if r == nil {
		r = &repository{tags: map[string]string{}, manifests: map[string][]byte{}}
		s.repositories[name] = r
	}
	text, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": index, "manifests": []any{}, "annotations": map[string]string{"content": content},
	})
	digest = hashOf(text)
	r.tags[tag], r.manifests[digest] = digest, text
	return digest
}

// Delete removes a tag, and the manifest that it names where no other does.
func (s *Server) Delete(name, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[name]
	digest := r.tags[tag]
	delete(r.tags, tag)
	if !slices.Contains(slices.Collect(maps.Values(r.tags)), digest) {
		delete(r.manifests, digest)
	}
}

// Forge makes the registry answer another text for the manifest of a tag, under the digest
// that it had: what a broken or hostile one does.
func (s *Server) Forge(name, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[name]
	r.manifests[r.tags[tag]] = []byte(`{"schemaVersion": 2, "forged": true}`)
}

// Expire makes all tokens worthless that were issued so far.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Requests lists what was asked for, as "GET /v2/acme/tool/tags/list".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	rest, is := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case r.URL.Path == "/token":
		s.token(w, r)
	case !is || r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "the operation is unsupported")
	case strings.HasSuffix(rest, "/tags/list"):
		s.tags(w, r, strings.TrimSuffix(rest, "/tags/list"))
	case strings.Contains(rest, "/manifests/"):
		at := strings.LastIndex(rest, "/manifests/")
		s.manifest(w, r, rest[:at], rest[at+len("/manifests/"):])
	default:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "the operation is unsupported")
	}
}

// admit finds the repository of a request whose sender may see it; nil after a refusal.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, name string) *repository {
	if len(s.options.Users) > 0 && !s.may(r, name) {
		s.challenge(w, r, name)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return nil
	}
	found := s.repositories[name]
	if found == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
	}
	return found
}

// tags lists tags by their text, a page of them.
func (s *Server) tags(w http.ResponseWriter, r *http.Request, name string) {
	found := s.admit(w, r, name)
	if found == nil {
		return
	}
	size := s.options.PageSize
	if text := r.URL.Query().Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
			return
		}
		size = min(n, size)
	}
	last := r.URL.Query().Get("last")
	tags := slices.DeleteFunc(slices.Sorted(maps.Keys(found.tags)), func(tag string) bool { return tag <= last })
	if len(tags) > size {
		tags = tags[:size]
		if size > 0 {
			next := url.Values{"last": {tags[size-1]}, "n": {strconv.Itoa(size)}}
			w.Header().Set("Link", fmt.Sprintf("</v2/%s/tags/list?%s>; rel=\"next\"", name, next.Encode()))
		}
	}
	answer(w, http.StatusOK, map[string]any{"name": name, "tags": tags})
}

// manifest gives one, by tag or digest, to who accepts its kind.
func (s *Server) manifest(w http.ResponseWriter, r *http.Request, name, reference string) {
	found := s.admit(w, r, name)
	if found == nil {
		return
	}
	digest := reference
	if !strings.Contains(reference, ":") {
		digest = found.tags[reference]
	}
	text, known := found.manifests[digest]
	switch {
	case !known:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	case !strings.Contains(r.Header.Get("Accept"), index):
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "OCI index found, but accept header does not support OCI indexes")
		return
	}
	w.Header().Set("Content-Type", index)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("Docker-Content-Digest", digest)
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
}

// refuse answers as the specification says.
func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
