package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

const (
	pageSize = 1000 // tags; registries may give fewer
	maxPages = 1000
	maxTags  = 200_000 // of all pages
)

// wireTags is an answer to GET /v2/NAME/tags/list.
type wireTags struct {
	Name string   `json:"name"` // "acme/tool"
	Tags []string `json:"tags"` // ["1.0.0", "latest"], or null
}

// Tags gives the tags of an image, in the registry's order, with as many requests as that
// takes. What cannot be a tag is passed over, with a notice. It fails with ErrNotFound,
// ErrUnauthorized, ErrLimited, ErrUnavailable or ErrNotRegistry.
func (c *Client) Tags(ctx context.Context, image Image) ([]string, error) {
	tags, err := c.tags(ctx, image)
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", image, err)
	}
	return tags, nil
}

func (c *Client) tags(ctx context.Context, image Image) ([]string, error) {
	h, err := c.host(image.Host)
	if err != nil {
		return nil, err
	}
	var all []string
	target := h.base.JoinPath(image.Path, "tags/list") //nolint:gosec // an image's path has no dots of its own: Parse has checked it
	target.RawQuery = fmt.Sprintf("n=%d", pageSize)
	for range maxPages {
		res, err := h.send(ctx, http.MethodGet, image.Path, target, "application/json")
		if err != nil {
			return nil, err
		}
		var page wireTags
		err = json.NewDecoder(res.Body).Decode(&page)
		_ = res.Body.Close()
		if err != nil {
			return nil, h.malformed(res, err)
		}
		if all = append(all, c.valid(image, page.Tags)...); len(all) > maxTags {
			return nil, fmt.Errorf("%s lists more than %d tags: gave up", h.base.Host, maxTags)
		}
		next, err := h.following(target, res.Header)
		if next == nil || err != nil {
			return all, err
		}
		target = next
	}
	return nil, fmt.Errorf("%s lists too many tags: gave up after %d pages", h.base.Host, maxPages)
}

// valid are those texts that can be tags.
func (c *Client) valid(image Image, texts []string) (tags []string) {
	passed, example := 0, ""
	for _, text := range texts {
		if tagName().MatchString(text) {
			tags = append(tags, text)
		} else {
			passed, example = passed+1, text
		}
	}
	if passed > 0 {
		c.config.Notify(fmt.Sprintf("%s: passed over %d texts that are not tags, such as %q", image, passed, retry.FirstLine(example)))
	}
	return tags
}

// following is the page that an answer names as the next one (RFC 8288), nil for none. It
// has to be on the same server, as it is sent the same credentials.
func (h *host) following(page *url.URL, header http.Header) (*url.URL, error) {
	for _, link := range header.Values("Link") {
		target, params, ok := strings.Cut(link, ">")
		if rel := strings.ReplaceAll(params, " ", ""); !ok || !strings.Contains(rel, `rel="next"`) && !strings.Contains(rel, `rel=next`) {
			continue
		}
		next, err := page.Parse(strings.TrimPrefix(strings.TrimSpace(target), "<"))
		if err != nil || next.Scheme != page.Scheme || next.Host != page.Host || next.User != nil {
			return nil, fmt.Errorf("%s names a next page of tags that is not its own", h.base.Host)
		}
		if next.String() == page.String() {
			return nil, fmt.Errorf("%s names a page of tags as its own next one", h.base.Host)
		}
		return next, nil
	}
	return nil, nil
}
