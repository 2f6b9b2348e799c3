package github

import (
	"cmp"
	"crypto/sha1" // git names objects by it
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Release is a release to publish.
type Release struct {
	Tag         string
	Name        string // default: Tag
	Body        string // the notes, in Markdown
	Draft       bool   // seen only with a token; has no tag yet
	PreRelease  bool
	CreatedAt   time.Time // of the tagged commit, by which lists are ordered; default: now
	PublishedAt time.Time // default: CreatedAt
	Assets      []Asset
}

// Asset is a file of a release.
type Asset struct {
	Name        string
	Content     []byte
	ContentType string // default: application/octet-stream
	Starting    bool   // its upload never ended: it is listed, and cannot be fetched
	NoDigest    bool   // as files have that were uploaded before June 2025
	Digest      string // instead of the right one
}

// repo is one repository.
type repo struct {
	id       int64
	name     string // owner/name as it was given
	private  bool
	releases []*release
	tags     map[string]string // tag → object name
}

// release is a Release with what GitHub adds.
type release struct {
	Release
	id     int64
	assets []*asset
}

// asset is an Asset with what GitHub adds.
type asset struct {
	Asset
	id      int64
	digest  string
	release *release
}

// Publish adds releases to a repository, which comes into being with its first.
// One of the same tag is replaced; but a draft of it stays beside one that is published.
func (s *Server) Publish(repository string, releases ...Release) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(repository)
	for _, published := range releases {
		r.releases = slices.DeleteFunc(r.releases, func(old *release) bool {
			return old.Tag == published.Tag && (old.Draft || !published.Draft)
		})
		added := s.newRelease(published)
		r.releases = append(r.releases, added)
		if !published.Draft {
			r.tags[published.Tag] = object(repository, published.Tag)
		}
	}
	// Newest commit first, as GitHub lists them; of the same commit, newest release first.
	slices.SortStableFunc(r.releases, func(a, b *release) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.id, a.id))
	})
	clear(s.cache)
}

// Withdraw removes the release of a tag, and the tag.
func (s *Server) Withdraw(repository, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(repository)
	r.releases = slices.DeleteFunc(r.releases, func(old *release) bool { return old.Tag == tag })
	delete(r.tags, tag)
	clear(s.cache)
}

// AddTags adds tags that have no release.
func (s *Server) AddTags(repository string, tags ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(repository)
	for _, tag := range tags {
		r.tags[tag] = object(repository, tag)
	}
	clear(s.cache)
}

// SetPrivate hides a repository from requests without a token.
func (s *Server) SetPrivate(repository string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repo(repository).private = true
}

// Rename moves a repository; its old name answers 301 from then on.
func (s *Server) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(from)
	r.name = to
	delete(s.repositories, strings.ToLower(from))
	s.repositories[strings.ToLower(to)] = r
	s.moved[strings.ToLower(from)] = strings.ToLower(to)
	clear(s.cache)
}

// repo finds or makes a repository; names are not case-sensitive.
func (s *Server) repo(name string) *repo {
	key := strings.ToLower(name)
	if s.repositories[key] == nil {
		s.repositories[key] = &repo{id: s.id(), name: name, tags: map[string]string{}}
	}
	return s.repositories[key]
}

// byNumber is the key of the repository with an id, "" if there is none.
func (s *Server) byNumber(text string) string {
	for key, r := range s.repositories {
		if strconv.FormatInt(r.id, 10) == text {
			return key
		}
	}
	return ""
}

// newRelease gives a release its ids, times and digests.
func (s *Server) newRelease(published Release) *release {
	r := &release{Release: published, id: s.id()}
	if r.Name == "" {
		r.Name = r.Tag
	}
	if r.CreatedAt.IsZero() {
		r.CreatedAt = s.options.Now()
	}
	if r.PublishedAt.IsZero() {
		r.PublishedAt = r.CreatedAt
	}
	for _, a := range published.Assets {
		added := &asset{Asset: a, id: s.id(), release: r, digest: a.Digest}
		if added.digest == "" && !a.NoDigest {
			sum := sha256.Sum256(a.Content)
			added.digest = "sha256:" + hex.EncodeToString(sum[:])
		}
		if added.ContentType == "" {
			added.ContentType = "application/octet-stream"
		}
		r.assets = append(r.assets, added)
	}
	return r
}

// id is the next number for a new object.
func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// object is a git object name that stays the same from run to run.
func object(repository, tag string) string {
	sum := sha1.Sum([]byte(repository + "\x00" + tag))
	return hex.EncodeToString(sum[:])
}
