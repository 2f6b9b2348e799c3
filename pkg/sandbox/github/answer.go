package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serve answers for a repository that the request may see.
func (s *Server) serve(q *request, r *repo) http.HandlerFunc {
	switch parts := strings.SplitN(q.rest, "/", 3); {
	case q.rest == "releases":
		return s.list(q, r)
	case strings.HasPrefix(q.rest, "git/matching-refs/"):
		return s.references(q, r, unescape(strings.TrimPrefix(q.rest, "git/matching-refs/")))
	case parts[0] != "releases":
		return notFound
	case len(parts) == 3 && parts[1] == "tags":
		return s.byTag(q, r, unescape(parts[2]))
	case len(parts) == 3 && parts[1] == "assets":
		return s.asset(q, r, parts[2])
	case len(parts) == 2:
		return s.byID(q, r, parts[1], false)
	case parts[2] == "assets":
		return s.byID(q, r, parts[1], true)
	}
	return notFound
}

// list answers GET /repos/O/R/releases.
func (s *Server) list(q *request, r *repo) http.HandlerFunc {
	visible := slices.DeleteFunc(slices.Clone(r.releases), func(x *release) bool { return x.Draft && q.token == "" })
	page, link := paged(q, r, visible)
	key := fmt.Sprint(q.base, " ", r.id, " ", q.token != "", " ", q.URL.RawQuery)
	body, ok := s.cache[key]
	if !ok {
		wire := make([]wireRelease, len(page))
		for i, x := range page {
			wire[i] = s.render(q.base, r, x)
		}
		body = encode(wire)
		s.cache[key] = body
	}
	return withJSON(body, link)
}

// byTag answers GET /repos/O/R/releases/tags/T: published releases only.
func (s *Server) byTag(q *request, r *repo, tag string) http.HandlerFunc {
	for _, x := range r.releases {
		if x.Tag == tag && !x.Draft {
			return withJSON(encode(s.render(q.base, r, x)), "")
		}
	}
	return notFound
}

// byID answers GET /repos/O/R/releases/ID, and …/ID/assets.
func (s *Server) byID(q *request, r *repo, id string, assets bool) http.HandlerFunc {
	for _, x := range r.releases {
		if strconv.FormatInt(x.id, 10) != id || (x.Draft && q.token == "") {
			continue
		}
		if !assets {
			return withJSON(encode(s.render(q.base, r, x)), "")
		}
		page, link := paged(q, r, x.assets)
		wire := make([]wireAsset, len(page))
		for i, a := range page {
			wire[i] = s.renderAsset(q.base, r, a)
		}
		return withJSON(encode(wire), link)
	}
	return notFound
}

// asset answers GET /repos/O/R/releases/assets/ID: its description, or a
// redirect to the file for those who accept a stream of bytes.
func (s *Server) asset(q *request, r *repo, id string) http.HandlerFunc {
	a := r.find(func(a *asset) bool { return strconv.FormatInt(a.id, 10) == id })
	switch {
	case a == nil, a.release.Draft && q.token == "":
		return notFound
	case strings.Contains(q.Header.Get("Accept"), "application/octet-stream") && !a.Starting:
		return s.redirectToFile(a, q.Request)
	}
	return withJSON(encode(s.renderAsset(q.base, r, a)), "")
}

// find gives the asset that is meant, nil if there is none.
func (r *repo) find(meant func(*asset) bool) *asset {
	for _, x := range r.releases {
		for _, a := range x.assets {
			if meant(a) {
				return a
			}
		}
	}
	return nil
}

// browserDownload answers GET /O/R/releases/download/TAG/NAME.
func (s *Server) browserDownload(repository, tag, name string, r *http.Request) http.HandlerFunc {
	found := s.repositories[strings.ToLower(repository)]
	if found == nil || found.private {
		return http.NotFound
	}
	a := found.find(func(a *asset) bool { return a.release.Tag == tag && a.Name == name && !a.Starting && !a.release.Draft })
	if a == nil {
		return http.NotFound
	}
	return s.redirectToFile(a, r)
}

// redirectToFile sends the client to a signed URL, which needs no token.
func (s *Server) redirectToFile(a *asset, r *http.Request) http.HandlerFunc {
	base := s.options.DownloadURL
	if base == "" {
		base = scheme(r) + "://" + r.Host
	}
	to := fmt.Sprintf("%s/release-asset/%d/%s?se=%s&sig=%s", base, a.id, url.PathEscape(a.Name),
		url.QueryEscape(s.options.Now().Add(time.Hour).UTC().Format(time.RFC3339)), object("signature", strconv.FormatInt(a.id, 10)))
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// file answers a signed URL with the bytes, or a part of them.
func (s *Server) file(id string, r *http.Request) http.HandlerFunc {
	if r.URL.Query().Get("sig") != object("signature", id) {
		return message(http.StatusForbidden, "Signature does not match", "")
	}
	for _, repository := range s.repositories {
		if a := repository.find(func(a *asset) bool { return strconv.FormatInt(a.id, 10) == id }); a != nil {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", a.ContentType)
				w.Header().Set("ETag", fmt.Sprintf(`"0x%X"`, a.id))
				w.Header().Set("Content-Disposition", "attachment; filename="+a.Name)
				http.ServeContent(w, r, a.Name, a.release.PublishedAt, bytes.NewReader(a.Content))
			}
		}
	}
	return http.NotFound
}

// references answers GET /repos/O/R/git/matching-refs/PREFIX: all of them, in
// the order of their names.
func (s *Server) references(q *request, r *repo, prefix string) http.HandlerFunc {
	names := make([]string, 0, len(r.tags))
	for tag := range r.tags {
		if ref := "refs/tags/" + tag; strings.HasPrefix(ref, "refs/"+prefix) {
			names = append(names, tag)
		}
	}
	slices.Sort(names)
	wire := make([]wireReference, len(names))
	for i, tag := range names {
		wire[i] = renderReference(q.base, r, tag)
	}
	return withJSON(encode(wire), "")
}

// movedTo answers for a renamed repository as GitHub does: with its number.
func (s *Server) movedTo(q *request, to string) http.HandlerFunc {
	target := fmt.Sprintf("%s/repositories/%d/%s", q.base, s.repositories[to].id, q.rest)
	if q.URL.RawQuery != "" {
		target += "?" + q.URL.RawQuery
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", target)
		writeJSON(w, r, http.StatusMovedPermanently, encode(map[string]string{
			"message": "Moved Permanently", "url": target,
			"documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
		}))
	}
}

// paged cuts a list to the page that is asked for, and makes the Link header.
func paged[T any](q *request, r *repo, all []T) (page []T, link string) {
	query := q.URL.Query()
	size, number := number(query.Get("per_page"), 30), number(query.Get("page"), 1)
	size = min(size, 100)
	last := max(1, (len(all)+size-1)/size)
	start := min((number-1)*size, len(all))
	page = all[start:min(start+size, len(all))]

	var links []string
	to := func(n int, relation string) {
		query.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s/repositories/%d/%s?%s>; rel="%s"`, q.base, r.id, q.rest, query.Encode(), relation))
	}
	if number > 1 {
		to(number-1, "prev")
	}
	if number < last {
		to(number+1, "next")
		to(last, "last")
	}
	if number > 1 {
		to(1, "first")
	}
	return page, strings.Join(links, ", ")
}

// number reads a positive number, or takes the default as GitHub does.
func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// unescape undoes the escapes of a path's segment.
func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// encode renders JSON; the types here always can be.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return bytes.TrimSpace(b.Bytes())
}
