package github

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// count notes one request and gives the headers that tell of it.
func (s *Server) count(q *request) http.Header {
	now := s.options.Now()
	if !now.Before(s.window) {
		s.window, s.used = now.Add(time.Hour), 0
	}
	s.used++
	s.requests++
	limit := s.options.Hourly
	if limit == 0 {
		limit = 60
		if q.token != "" {
			limit = 5000
		}
	}
	h := http.Header{}
	h.Set("X-RateLimit-Resource", q.resource)
	setRate(h, limit, max(0, limit-s.used), s.window)
	if s.options.Hourly == 0 { // nothing is refused, so nothing may say that it will be
		setRate(h, limit, limit-1, s.window)
	}
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	return h
}

// setRate writes the headers of the primary limit.
func setRate(h http.Header, limit, remaining int, reset time.Time) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(limit-remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
}

// refuse answers for a limit.
func (s *Server) refuse(l *Limit, q *request, h http.Header) (http.Header, http.HandlerFunc) {
	status := l.Status
	if status == 0 {
		status = http.StatusForbidden
	}
	if l.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(l.RetryAfter.Seconds())))
	}
	if l.Secondary {
		return h, message(status,
			"You have exceeded a secondary rate limit. Please wait a few minutes before you try again. For more on scraping GitHub and how it may affect your rights, please review our Terms of Service (https://docs.github.com/en/site-policy/github-terms/github-terms-of-service)",
			"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits")
	}
	limit, _ := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	setRate(h, limit, 0, l.Reset)
	text := "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the request ID."
	if q.resource == "graphql" && q.token != "" {
		return h, graphError("RATE_LIMITED", text)
	}
	if q.token == "" {
		text = "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)"
	}
	return h, message(status, text, "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting")
}

// rateLimit answers GET /rate_limit.
func (s *Server) rateLimit() http.HandlerFunc {
	rate := map[string]any{
		"limit": s.options.Hourly, "used": s.used,
		"remaining": max(0, s.options.Hourly-s.used), "reset": s.window.Unix(),
	}
	return withJSON(encode(map[string]any{"resources": map[string]any{"core": rate}, "rate": rate}), "")
}

// message is a refusal as GitHub words it.
func message(status int, text, documentation string) http.HandlerFunc {
	body := map[string]string{"message": text, "documentation_url": documentation, "status": strconv.Itoa(status)}
	return func(w http.ResponseWriter, r *http.Request) { writeJSON(w, r, status, encode(body)) }
}

// notFound is what GitHub says of what is not there, or not to be seen.
func notFound(w http.ResponseWriter, r *http.Request) {
	message(http.StatusNotFound, "Not Found", "https://docs.github.com/rest/releases/releases")(w, r)
}

// withJSON is a good answer, with a Link header if there are more pages.
func withJSON(body []byte, link string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if link != "" {
			w.Header().Set("Link", link)
		}
		writeJSON(w, r, http.StatusOK, body)
	}
}

// writeJSON sends a body, or 304 to who has it already.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusOK {
		sum := sha256.Sum256(body)
		etag := fmt.Sprintf(`W/"%x"`, sum)
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
