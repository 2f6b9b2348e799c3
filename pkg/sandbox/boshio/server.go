// Package boshio is a small bosh.io: its API of releases and stemcells, and the
// files behind it, which are real archives with the digests that are listed.
package boshio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	semi "github.com/cppforlife/go-semi-semantic/version"
)

// Order is the order in which versions are listed.
type Order int

// The orders.
const (
	NewestFirst Order = iota // as bosh.io does
	OldestFirst
	Scattered // neither, though the same each time
)

// Options of a Server. The zero value is bosh.io without content.
type Options struct {
	Now   func() time.Time // default: time.Now
	Order Order
	// FilesURL is the server that files are on, as bosh.io's are on other hosts;
	// empty is this one.
	FilesURL string
}

// Server is the simulator, an http.Handler. Its world may change while it runs.
type Server struct {
	options Options

	mu      sync.Mutex
	lists   map[string][]*entry // by repository or stemcell name, newest first
	files   map[string]*file    // by path
	oddMore map[string][]json.RawMessage
}

// entry is one version of a release or stemcell.
type entry struct {
	version  string
	release  *file // of a release
	light    *file // of a stemcell
	regular  *file
	sha1Only bool
}

// file is something to download.
type file struct {
	path         string
	content      []byte
	sha1, sha256 string
	at           time.Time
	listedSHA1   string // instead of the right ones
	listedSHA256 string
}

// New makes a bosh.io that lists nothing.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Server{
		options: options, lists: map[string][]*entry{}, files: map[string]*file{},
		oddMore: map[string][]json.RawMessage{},
	}
}

// AddOdd lists something after the versions of a release or stemcell as it is:
// what a careful client has to pass over.
func (s *Server) AddOdd(name string, elements ...json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oddMore[name] = append(s.oddMore[name], elements...)
}

// Withdraw removes a version of a release, by its repository, or of a stemcell.
func (s *Server) Withdraw(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[name] = slices.DeleteFunc(s.lists[name], func(e *entry) bool { return e.version == version })
}

// SetOrder changes the order of lists from now on.
func (s *Server) SetOrder(o Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Order = o
}

// add puts a version in its place; the same version is replaced.
func (s *Server) add(name string, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(s.lists[name], func(old *entry) bool { return old.version == e.version })
	at := slices.IndexFunc(list, func(other *entry) bool { return newer(e.version, other.version) })
	if at < 0 {
		at = len(list)
	}
	s.lists[name] = slices.Insert(list, at, e)
	for _, f := range []*file{e.release, e.light, e.regular} {
		if f != nil {
			s.files[f.path] = f
		}
	}
}

// newer says whether a is a higher version than b, as bosh.io orders its lists.
func newer(a, b string) bool {
	x, errX := semi.NewVersionFromString(a)
	y, errY := semi.NewVersionFromString(b)
	if errX != nil || errY != nil {
		return errY != nil && errX == nil
	}
	return x.IsGt(y)
}

var (
	releasePath  = regexp.MustCompile(`^/api/v1/releases/([^/]+/[^/]+/[^/]+)$`)
	stemcellPath = regexp.MustCompile(`^/api/v1/stemcells/([^/]+)$`)
	downloadPath = regexp.MustCompile(`^/d/(?:stemcells/([^/]+)|([^/]+/[^/]+/[^/]+))$`)
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answer(r)
	s.mu.Unlock()
	answer(w, r)
}

// answer finds the answer under the lock; sending it needs none.
func (s *Server) answer(r *http.Request) http.HandlerFunc {
	path, base := r.URL.Path, s.base(r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return http.NotFound
	}
	if m := releasePath.FindStringSubmatch(path); m != nil {
		return s.releases(m[1], scheme(r)+"://"+r.Host)
	}
	if m := stemcellPath.FindStringSubmatch(path); m != nil {
		return s.stemcells(m[1], r.URL.Query().Get("all") == "1", base)
	}
	if m := downloadPath.FindStringSubmatch(path); m != nil {
		return s.download(m[1]+m[2], r.URL.Query().Get("v"), base)
	}
	if f := s.files[path]; f != nil {
		return f.serve
	}
	return http.NotFound
}

// base is where files are.
func (s *Server) base(r *http.Request) string {
	if s.options.FilesURL != "" {
		return s.options.FilesURL
	}
	return scheme(r) + "://" + r.Host
}

// scheme is that by which the request came.
func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// wireRelease is an element of the list of releases, in bosh.io's order of keys.
type wireRelease struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"url"`
	SHA1    string `json:"sha1"`
	SHA256  string `json:"sha256,omitempty"`
}

// wireStemcell is an element of the list of stemcells.
type wireStemcell struct {
	Name    string       `json:"name"`
	Version string       `json:"version"`
	Light   *wireTarball `json:"light,omitempty"`
	Regular *wireTarball `json:"regular,omitempty"`
}

// wireTarball is a file of a stemcell.
type wireTarball struct {
	URL    string `json:"url"`
	Size   int    `json:"size"`
	MD5    string `json:"md5"` // always empty
	SHA1   string `json:"sha1"`
	SHA256 string `json:"sha256,omitempty"`
}

// releases answers GET /api/v1/releases/REPOSITORY: null for an unknown one.
func (s *Server) releases(repository, site string) http.HandlerFunc {
	var list []any
	for _, e := range s.ordered(repository) {
		if e.release != nil {
			w := wireRelease{Name: repository, Version: e.version, URL: site + "/d/" + repository + "?v=" + e.version}
			w.SHA1, w.SHA256 = e.release.listed(e.sha1Only)
			list = append(list, w)
		}
	}
	return s.list(repository, list, "null")
}

// stemcells answers GET /api/v1/stemcells/NAME: [] for an unknown one, and
// without all=1 no more than the 40 newest.
func (s *Server) stemcells(name string, all bool, base string) http.HandlerFunc {
	var list []any
	for _, e := range s.ordered(name) {
		if e.release == nil {
			list = append(list, wireStemcell{
				Name: name, Version: e.version,
				Light: e.light.tarball(base, e.sha1Only), Regular: e.regular.tarball(base, e.sha1Only),
			})
		}
	}
	if !all {
		list = list[:min(len(list), 40)]
	}
	return s.list(name, list, "[]")
}

// list renders a list, with what was added to it as it is.
func (s *Server) list(name string, list []any, empty string) http.HandlerFunc {
	for _, odd := range s.oddMore[name] {
		list = append(list, odd)
	}
	body := []byte(empty)
	if len(list) > 0 {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(list); err != nil { // an odd element that is not JSON
			return func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
		body = bytes.TrimSpace(b.Bytes())
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		_, _ = w.Write(body)
	}
}

// ordered is a list in the order that is set.
func (s *Server) ordered(name string) []*entry {
	list := slices.Clone(s.lists[name])
	switch s.options.Order {
	case OldestFirst:
		slices.Reverse(list)
	case Scattered: // every second one, then the others
		var even, odd []*entry
		for i, e := range list {
			if i%2 == 0 {
				even = append(even, e)
			} else {
				odd = append(odd, e)
			}
		}
		list = append(odd, even...)
	}
	return list
}

// download answers GET /d/…?v=: a redirect to the file, without v to the newest.
func (s *Server) download(name, version, base string) http.HandlerFunc {
	for _, e := range s.lists[strings.TrimSuffix(name, "/")] {
		if version != "" && e.version != version {
			continue
		}
		for _, f := range []*file{e.release, e.light, e.regular} {
			if f != nil {
				return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, base+f.path, http.StatusFound) }
			}
		}
	}
	return http.NotFound
}

// listed are the digests as the API gives them.
func (f *file) listed(sha1Only bool) (sha1, sha256 string) {
	sha1, sha256 = f.sha1, f.sha256
	if f.listedSHA1 != "" {
		sha1 = f.listedSHA1
	}
	if f.listedSHA256 != "" {
		sha256 = f.listedSHA256
	}
	if sha1Only {
		sha256 = ""
	}
	return sha1, sha256
}

// tarball describes a file of a stemcell, nil if there is none.
func (f *file) tarball(base string, sha1Only bool) *wireTarball {
	if f == nil {
		return nil
	}
	w := &wireTarball{URL: base + f.path, Size: len(f.content)}
	w.SHA1, w.SHA256 = f.listed(sha1Only)
	return w
}

// serve sends the file, or the part of it that is asked for.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-compressed")
	w.Header().Set("ETag", fmt.Sprintf("%q", f.sha1[:32]))
	http.ServeContent(w, r, f.path, f.at, bytes.NewReader(f.content))
}
