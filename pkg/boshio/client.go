// Package boshio asks bosh.io, or a mirror of its API, which releases and
// stemcells there are.
package boshio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

const (
	defaultURL = "https://bosh.io"
	// maxBody bounds a list. All 328 versions of the longest-lived stemcell are 93 kB.
	maxBody = 16 << 20
)

// Config says where the API is.
type Config struct {
	URL    string       // empty: https://bosh.io; a mirror: https://mirror.example.com
	CACert string       // PEM certificates to trust instead of the system's
	Policy retry.Policy // zero: retry.Default
	Notify func(string) // is told of waits before another try, and of list entries that were passed over
	Debug  *slog.Logger // gets every exchange; nil: none is logged
}

// Client asks one bosh.io.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
}

// New makes a client; it sends nothing. It fails with retry.ErrCACert, or when
// the URL cannot be that of an API.
func New(config Config) (*Client, error) {
	if config.URL == "" {
		config.URL = defaultURL
	}
	if config.Notify == nil {
		config.Notify = func(string) {}
	}
	base, err := url.Parse(config.URL)
	switch {
	case err != nil:
		return nil, errors.New("parse bosh_io url: it is not a URL")
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("parse bosh_io url %q: it needs a scheme and a host, as in %s", base.Redacted(), defaultURL)
	case base.User != nil:
		return nil, errors.New("parse bosh_io url: it must not hold a user or password")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("parse bosh_io url: it must not hold a query or fragment")
	}
	base.Path = strings.TrimRight(base.Path, "/") + "/"
	client, err := retry.NewClient(retry.Options{
		CACert: config.CACert, Policy: config.Policy, MaxBody: maxBody, Debug: config.Debug,
		Notify: func(err error, wait time.Duration) {
			config.Notify(fmt.Sprintf("%s; asking again in %s", retry.FirstLine(err.Error()), wait.Round(10*time.Millisecond)))
		},
	})
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = retry.Redirect
	return &Client{config: config, base: base, http: client}, nil
}

// list asks for a list and hands each of its elements to add, with the network that the
// list is from. An element that add refuses is passed over, with a notice; when none is
// good, the list is bad.
func (c *Client) list(ctx context.Context, reference string, add func(json.RawMessage, dial.Network) error) error {
	target, err := c.base.Parse(reference)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	res, err := c.send(ctx, http.MethodGet, target)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return retry.Explain(err, target.Host, c.config.CACert != "")
	}
	elements, err := decodeList(body)
	if err != nil {
		return explainBody(res, body, err)
	}
	if len(elements) == 0 { // "null" for an unknown release, "[]" for an unknown stemcell
		return fmt.Errorf("%s knows no such name: %w", target.Host, ErrNotFound)
	}
	bad, from := 0, retry.Network(res)
	for _, element := range elements {
		if err = add(element, from); err != nil {
			bad++
			c.config.Notify(fmt.Sprintf("%s: an entry of %s is passed over: %s", target.Host, target.Path, retry.FirstLine(err.Error())))
		}
	}
	if bad == len(elements) {
		return fmt.Errorf("decode the answer of %s: none of its %d entries is usable: %w", target.Host, bad, err)
	}
	return nil
}

// send asks once and gives only a response with status 200.
func (c *Client) send(ctx context.Context, method string, target *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, retry.Explain(err, target.Host, c.config.CACert != "")
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

// decodeList splits a JSON list, or null, into its elements.
func decodeList(body []byte) ([]json.RawMessage, error) {
	var elements []json.RawMessage
	err := json.Unmarshal(body, &elements)
	return elements, err
}

// LastModified says when the file at a URL was put there: bosh.io's lists carry
// no dates. from is the network of the list that the URL is from. Redirects are followed.
// It fails with ErrNoDate when the server does not say, and with a *StatusError.
func (c *Client) LastModified(ctx context.Context, fileURL string, from dial.Network) (time.Time, error) {
	target, err := url.Parse(fileURL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return time.Time{}, errors.New("ask for the date of a file: its url has no scheme and host")
	}
	named := target.Host + target.Path
	res, err := c.send(retry.Named(ctx, from), http.MethodHead, target)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the date of %s: %w", named, err)
	}
	_ = res.Body.Close()
	text := res.Header.Get("Last-Modified")
	date, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the date of %s: Last-Modified is %q: %w", named, retry.FirstLine(text), ErrNoDate)
	}
	return date, nil
}

var name = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`) })

// validPath says whether each segment of a repository or name is plain, so that
// none can lead to another part of the server.
func validPath(text string, segments int) bool {
	parts := strings.Split(text, "/")
	if len(parts) != segments {
		return false
	}
	for _, part := range parts {
		if !name().MatchString(part) {
			return false
		}
	}
	return true
}
