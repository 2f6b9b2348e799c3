package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// now is when every test happens.
var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// ago is a date before now, in days.
func ago(days int) time.Time { return now.AddDate(0, 0, -days) }

// journal notes the requests of a simulated upstream, and lets a test stop them.
type journal struct {
	mu     sync.Mutex
	asked  []string
	arrive func(ctx context.Context) error     // called in every request
	fail   func(request string) (err error)    // an error for a request
	seen   func(ctx context.Context, r string) // looks at the context
}

func (j *journal) note(ctx context.Context, format string, args ...any) error {
	request := fmt.Sprintf(format, args...)
	j.mu.Lock()
	j.asked = append(j.asked, request)
	j.mu.Unlock()
	if j.seen != nil {
		j.seen(ctx, request)
	}
	if j.arrive != nil {
		if err := j.arrive(ctx); err != nil {
			return err
		}
	}
	if j.fail != nil {
		if err := j.fail(request); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (j *journal) requests() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.asked...)
}

func (j *journal) count(prefix string) int {
	n := 0
	for _, r := range j.requests() {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// hub is a GitHub in memory.
type hub struct {
	journal
	releases []github.Release   // newest creation first, as the API lists them
	tags     []string           // beside those of the releases
	nextPage func(page int) int // answers another next page than the right one
	cut      map[int64][]github.Asset
	contents map[string][]byte // small files by API URL
	token    bool              // so that many tags can be asked for at once
}

func (h *hub) Releases(ctx context.Context, repo string, page, perPage int) ([]github.Release, int, error) {
	if err := h.note(ctx, "releases %s page %d of %d", repo, page, perPage); err != nil {
		return nil, 0, err
	}
	from := min((page-1)*perPage, len(h.releases))
	to := min(from+perPage, len(h.releases))
	next := 0
	if to < len(h.releases) {
		next = page + 1
	}
	if h.nextPage != nil {
		next = h.nextPage(page)
	}
	return h.releases[from:to], next, nil
}

func (h *hub) Tags(ctx context.Context, repo string) ([]string, error) {
	if err := h.note(ctx, "tags %s", repo); err != nil {
		return nil, err
	}
	list := append([]string(nil), h.tags...)
	for _, r := range h.releases {
		if !r.Draft {
			list = append(list, r.Tag)
		}
	}
	return list, nil
}

func (h *hub) ReleaseByTag(ctx context.Context, repo, tag string) (github.Release, error) {
	if err := h.note(ctx, "release %s %s", repo, tag); err != nil {
		return github.Release{}, err
	}
	for _, r := range h.releases {
		if r.Tag == tag && !r.Draft {
			return r, nil
		}
	}
	return github.Release{}, fmt.Errorf("get release %s: %w", tag, github.ErrNotFound)
}

func (h *hub) ReleasesByTags(ctx context.Context, repo string, tags []string) (map[string]github.Release, error) {
	if !h.token {
		return nil, errors.ErrUnsupported
	}
	if err := h.note(ctx, "by tags %s %d", repo, len(tags)); err != nil {
		return nil, err
	}
	if len(tags) > 100 {
		return nil, fmt.Errorf("%d tags are too many", len(tags))
	}
	found := map[string]github.Release{}
	for _, r := range h.releases {
		if slices.Contains(tags, r.Tag) && !r.Draft {
			partial := r
			partial.Partial, partial.ID, partial.Assets = true, 0, nil
			for _, a := range r.Assets {
				partial.Assets = append(partial.Assets, github.Asset{Name: a.Name})
			}
			found[r.Tag] = partial
		}
	}
	return found, nil
}

func (h *hub) Assets(ctx context.Context, repo string, id int64) ([]github.Asset, error) {
	if err := h.note(ctx, "assets %s %d", repo, id); err != nil {
		return nil, err
	}
	return h.cut[id], nil
}

func (h *hub) Content(ctx context.Context, repo, url string, _ dial.Network, max int64) ([]byte, error) {
	if err := h.note(ctx, "content %s %s", repo, url); err != nil {
		return nil, err
	}
	text, known := h.contents[url]
	if !known {
		return nil, github.ErrNotFound
	}
	if int64(len(text)) > max {
		return nil, fmt.Errorf("it has more than %d bytes", max)
	}
	return text, nil
}

func (h *hub) Header(url string) http.Header {
	return http.Header{"Accept": {"application/octet-stream"}, "X-For": {url}}
}

// depot is a bosh.io in memory.
type depot struct {
	journal
	releases  map[string][]boshio.Tarball
	stemcells map[string][]boshio.Stemcell
	published map[string]time.Time // by URL
	from      []dial.Network       // of the lists whose URLs were asked for their dates
}

func (d *depot) Releases(ctx context.Context, repository string) ([]boshio.Tarball, error) {
	if err := d.note(ctx, "releases %s", repository); err != nil {
		return nil, err
	}
	if list, known := d.releases[repository]; known {
		return list, nil
	}
	return nil, fmt.Errorf("list releases of %s: %w", repository, boshio.ErrNotFound) // bosh.io says null
}

func (d *depot) Stemcells(ctx context.Context, name string) ([]boshio.Stemcell, error) {
	if err := d.note(ctx, "stemcells %s", name); err != nil {
		return nil, err
	}
	if list, known := d.stemcells[name]; known {
		return list, nil
	}
	return nil, fmt.Errorf("list stemcells %s: %w", name, boshio.ErrNotFound) // bosh.io says []
}

func (d *depot) LastModified(ctx context.Context, url string, from dial.Network) (time.Time, error) {
	d.mu.Lock()
	d.from = append(d.from, from)
	d.mu.Unlock()
	if err := d.note(ctx, "date %s", url); err != nil {
		return time.Time{}, err
	}
	return d.published[url], nil
}

const (
	bpm  = "github.com/cloudfoundry/bpm-release"
	jam  = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	repo = "acme/program"
)

// tarballs are those of a release, in the given order, with digests of their own.
func tarballs(versions ...string) []boshio.Tarball {
	var list []boshio.Tarball
	for _, v := range versions {
		list = append(list, boshio.Tarball{Version: v, URL: "https://bosh.io/d/bpm?v=" + v, SHA1: "sha1 of " + v})
	}
	return list
}

// published are releases of repo, newest creation first, a day apart.
func published(tags ...string) []github.Release {
	var list []github.Release
	for i, tag := range tags {
		list = append(list, github.Release{
			ID: int64(i + 1), Tag: tag, URL: "https://github.com/" + repo + "/releases/tag/" + tag,
			CreatedAt: ago(i + 1), PublishedAt: ago(i + 1),
		})
	}
	return list
}

// asset is a file of a release, reachable by both its URLs.
func asset(name string) github.Asset {
	return github.Asset{
		Name: name, SHA256: github.Digest("sha256 of " + name), Size: int64(len(name)),
		BrowserURL: "https://github.com/dl/" + name, URL: "https://api.github.com/assets/" + name,
	}
}

// watching is a source with one component, c.
func watching(w resource.Watch) resource.Source {
	return resource.Source{Watch: map[string]resource.Watch{"c": w}}
}

// given is a version of that component, none for "".
func given(version string) resource.Version {
	if version == "" {
		return nil
	}
	return resource.Version{"c": version}
}

// newSet is a set over upstreams that either may be nil.
func newSet(h *hub, d *depot, log io.Writer) upstream.Set {
	if h == nil {
		h = &hub{}
	}
	if d == nil {
		d = &depot{}
	}
	return upstream.Set{
		Upstreams: upstream.Upstreams{GitHub: h, BoshIO: d},
		Now:       func() time.Time { return now }, Log: log, Deadline: time.Minute,
	}
}

// checkOne checks one component and gives the versions in one text, "8.1.0 8.2.0".
func checkOne(t *testing.T, h *hub, d *depot, w resource.Watch, at string) (versions, log string, err error) {
	t.Helper()
	var out bytes.Buffer
	list, err := newSet(h, d, &out).Check(t.Context(), watching(w), given(at))
	var texts []string
	for _, v := range list {
		if len(v) != 1 {
			t.Errorf("version %v is not of the one component watched", v)
		}
		texts = append(texts, v["c"])
	}
	return strings.Join(texts, " "), out.String(), err
}

// days is a min_age.
func days(n int) resource.Duration {
	return resource.Duration{Duration: time.Duration(n) * 24 * time.Hour}
}
