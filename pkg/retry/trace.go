package retry

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// shown are the query parameters whose values a log may hold. They are those of
// the director's, GitHub's, the ATC's and S3's own APIs that say what is asked
// for; anything else, such as the signature of a redirect to a file store or the
// variables of a pipeline instance, is left out.
var shown = map[string]bool{
	// director
	"deployment": true, "state": true, "limit": true, "verbose": true, "context_id": true, "type": true,
	"latest": true, "name": true, "redact": true, "format": true, "recreate": true, "fix": true, "context": true,
	"skip_drain": true, "canaries": true, "max_in_flight": true, "dry_run": true, "exclude_configs": true,
	// GitHub, ATC and S3
	"page": true, "per_page": true, "check_creds": true, "list-type": true, "prefix": true, "x-id": true,
}

// Query is a query as a log may show it: the parameters that are known to be
// harmless, sorted, and "…" in place of all others.
func Query(u *url.URL) string {
	kept, hidden := url.Values{}, u.RawQuery != "" && len(u.Query()) == 0
	for key, values := range u.Query() {
		if shown[key] {
			kept[key] = values
		} else {
			hidden = true
		}
	}
	text := kept.Encode()
	switch {
	case hidden && text == "":
		return "…"
	case hidden:
		return text + "&…"
	}
	return text
}

// exchange sends one try and tells the log what came of it: never a header,
// never a body.
func (r *roundTripper) exchange(req *http.Request, try int) (*http.Response, error) {
	if r.debug == nil || !r.debug.Enabled(req.Context(), slog.LevelDebug) {
		return r.wire.RoundTrip(whole(req))
	}
	began := time.Now()
	res, err := r.wire.RoundTrip(whole(req))
	attributes := []slog.Attr{slog.String("method", req.Method), slog.String("host", req.URL.Host), slog.String("path", req.URL.Path)}
	if query := Query(req.URL); query != "" {
		attributes = append(attributes, slog.String("query", query))
	}
	if err == nil {
		attributes = append(attributes, slog.Int("status", res.StatusCode))
	} else {
		attributes = append(attributes, slog.String("error", FirstLine(err.Error())))
	}
	attributes = append(attributes, slog.Duration("took", time.Since(began).Round(time.Microsecond)), slog.Int("try", try))
	r.debug.LogAttrs(req.Context(), slog.LevelDebug, "exchange", attributes...)
	return res, err
}

// waiting is told of a wait before another try.
func (r *roundTripper) waiting(err error, wait time.Duration) {
	if r.debug != nil {
		r.debug.Debug("wait before another try", "for", wait.Round(time.Millisecond), "because", FirstLine(err.Error()))
	}
	if r.notify != nil {
		r.notify(err, wait)
	}
}
