// Package github asks the REST API of github.com or of a GitHub Enterprise
// server for releases, their assets and tags. Only what Perpetual needs is
// decoded: go-github v60 knows no asset digests, and its types are large.
package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	api "github.com/google/go-github/v60/github"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	defaultURL = "https://api.github.com"
	// maxBody bounds one page. A page of 100 releases is 1.5 MB as a rule; with
	// hundreds of assets in each release 37 MB were seen.
	maxBody = 64 << 20
)

// Config says which GitHub to ask, and as whom.
type Config struct {
	URL    string       // of the API; empty is github.com; GitHub Enterprise: https://ghe.example.com/api/v3
	Token  secret.Value // empty asks anonymously: 60 requests an hour, public repositories only
	CACert string       // PEM certificates to trust instead of the system's
	Policy retry.Policy // zero: retry.Default
	Notify func(string) // gets every wait before another try, one line each
	Debug  *slog.Logger // gets every exchange; nil: none is logged
}

// Client asks one GitHub.
type Client struct {
	config Config
	api    *api.Client
}

// New makes a client; it sends nothing. It fails with retry.ErrCACert, or when
// the URL cannot be that of the API.
func New(config Config) (*Client, error) {
	// Files and secret stores add a line break.
	config.Token = secret.New(strings.TrimSpace(config.Token.Reveal()))
	if strings.ContainsFunc(config.Token.Reveal(), unicode.IsControl) {
		return nil, errors.New("check github token: it holds a line break or another character that cannot be sent")
	}
	base, err := baseURL(config)
	if err != nil {
		return nil, err
	}
	c := &Client{config: config}
	options := retry.Options{
		CACert: config.CACert, Policy: config.Policy, MaxBody: maxBody, Debug: config.Debug,
		Wrap: func(wire *http.Transport) (http.RoundTripper, error) {
			return &limitTripper{wire: wire, token: !config.Token.Empty()}, nil
		},
	}
	if config.Notify != nil {
		options.Notify = func(err error, wait time.Duration) {
			config.Notify(fmt.Sprintf("%s; asking again in %s", retry.FirstLine(err.Error()), wait.Round(10*time.Millisecond)))
		}
	}
	client, err := retry.NewClient(options)
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = c.redirect
	c.api = api.NewClient(client)
	c.api.BaseURL, c.api.UserAgent = base, retry.UserAgent
	return c, nil
}

// baseURL checks the API's URL and gives it the trailing slash that go-github wants.
func baseURL(config Config) (*url.URL, error) {
	text := config.URL
	if text == "" {
		text = defaultURL
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("parse github url: it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("parse github url %q: it needs a scheme and a host, as in https://ghe.example.com/api/v3", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("parse github url: it must not hold a user or password, use the token")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("parse github url %q: it must not hold a query or fragment", text)
	case u.Scheme == "http" && !config.Token.Empty() && !dial.Local(u.Hostname()):
		return nil, fmt.Errorf("parse github url %q: a token is sent over https only", text)
	}
	if host := u.Hostname(); host == "github.com" || host == "www.github.com" {
		u.Host, u.Path = "api.github.com", ""
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u, nil
}

// redirect follows renamed repositories, on the API's own host with the token,
// to another host without it.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if err := retry.Redirect(req, via); err != nil {
		return err
	}
	if !c.own(req.URL) {
		req.Header.Del("Authorization")
	}
	return nil
}

// own says whether u is on the API's host, so that it may see the token.
func (c *Client) own(u *url.URL) bool {
	return u.Scheme == c.api.BaseURL.Scheme && u.Host == c.api.BaseURL.Host
}

// Header is what a download of an asset is sent with: the media type that asks
// for the file instead of its description, and the token if, and only if, the
// asset is on the API's host.
func (c *Client) Header(assetURL string) http.Header {
	h := http.Header{}
	h.Set("Accept", "application/octet-stream")
	if u, err := url.Parse(assetURL); err == nil && c.own(u) {
		c.authorize(h)
	}
	return h
}

// authorize adds the token, if there is one.
func (c *Client) authorize(h http.Header) {
	if !c.config.Token.Empty() {
		h.Set("Authorization", "Bearer "+c.config.Token.Reveal())
	}
}

var repository = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
})

// get sends one GET for path under the repository and hands the body to decode.
// It returns the number of the next page, 0 if this was the last.
func (c *Client) get(ctx context.Context, repo, path string, decode func(*api.Response) error) (int, error) {
	if !repository().MatchString(repo) || strings.Contains("/"+repo+"/", "/./") || strings.Contains("/"+repo+"/", "/../") {
		return 0, fmt.Errorf("repository %q is not of the form owner/name", repo)
	}
	req, err := c.api.NewRequest(http.MethodGet, "repos/"+repo+"/"+path, nil)
	if err != nil {
		return 0, fmt.Errorf("make the request: %w", err)
	}
	c.authorize(req.Header)
	res, err := c.api.BareDo(ctx, req)
	if err != nil {
		return 0, c.explain(err, repo)
	}
	defer func() { _ = res.Body.Close() }()
	if err := decode(res); err != nil {
		return 0, c.explainBody(res.Response, err)
	}
	return res.NextPage, nil
}
