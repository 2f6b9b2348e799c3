// Package registry asks registries of container images, by the OCI Distribution
// Specification, which tags a repository has and which manifests they name. It pulls no
// image. go-containerregistry, which could, speaks http to registries at private addresses
// and follows redirects there; here everything is https.
package registry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// hubHost is where Docker Hub's API is.
	hubHost = "registry-1.docker.io"
	// maxBody bounds one answer. The specification lets registries refuse manifests of
	// more than 4 MiB; a page of a thousand tags of the greatest length is 130 kB.
	maxBody = 8 << 20
)

// Host says how one registry is reached.
type Host struct {
	Username string       // empty asks anonymously
	Password secret.Value // or a token, where the registry takes one for it
	CACert   string       // PEM certificates to trust instead of the system's
}

// Config says how registries are reached.
type Config struct {
	Hosts  map[string]Host // by the name in an image: "ghcr.io", "docker.io"
	Policy retry.Policy    // zero: retry.Default
	Notify func(string)    // gets every wait before another try, one line each
	Debug  *slog.Logger    // gets every exchange; nil: none is logged
}

// Client asks registries. It may be used by several goroutines.
type Client struct {
	config Config
	mu     sync.Mutex
	hosts  map[string]*host
}

// host is one registry, as it is reached.
type host struct {
	Host
	base  *url.URL
	http  *http.Client
	mu    sync.Mutex
	grant map[string]grant // by repository
}

// New makes a client; it sends nothing. It fails with retry.ErrCACert.
func New(config Config) (*Client, error) {
	if config.Notify == nil {
		config.Notify = func(string) {}
	}
	c := &Client{config: config, hosts: map[string]*host{}}
	for name := range config.Hosts {
		if _, err := c.host(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}

// host is the registry of a name.
func (c *Client) host(name string) (*host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, known := c.hosts[name]; known {
		return h, nil
	}
	h := &host{Host: c.config.Hosts[name], base: base(name), grant: map[string]grant{}}
	var err error
	h.http, err = retry.NewClient(retry.Options{
		CACert: h.CACert, Policy: c.config.Policy, MaxBody: maxBody, Debug: c.config.Debug,
		Notify: func(err error, wait time.Duration) {
			c.config.Notify(fmt.Sprintf("%s; asking again in %s", retry.FirstLine(err.Error()), wait.Round(10*time.Millisecond)))
		},
	})
	if err != nil {
		return nil, err
	}
	h.http.CheckRedirect = redirect
	c.hosts[name] = h
	return h, nil
}

// redirect shows what a registry was sent to no other server.
func redirect(req *http.Request, via []*http.Request) error {
	if err := retry.Redirect(req, via); err != nil {
		return err
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
	}
	return nil
}

// send asks for something of a repository, and logs in to the registry where that wants
// it. It gives only a response with status 200.
func (h *host) send(ctx context.Context, method, repository string, target *url.URL, accept string) (*http.Response, error) {
	known := h.granted(repository)
	res, err := h.once(ctx, method, target, accept, known)
	if err != nil {
		return nil, err
	}
	// What a server asks for to which the registry has sent us on is not answered: it would
	// be given the registry's password.
	if res.StatusCode == http.StatusUnauthorized && res.Request.URL.Host == target.Host {
		_ = res.Body.Close()
		login, err := h.login(ctx, repository, res)
		if err != nil {
			return nil, err
		}
		if res, err = h.once(ctx, method, target, accept, login); err != nil {
			return nil, err
		}
	}
	if res.StatusCode != http.StatusOK {
		return nil, h.refusal(res, repository)
	}
	return res, nil
}

// once sends one request.
func (h *host) once(ctx context.Context, method string, target *url.URL, accept string, g grant) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", accept)
	g.authorize(req)
	res, err := h.http.Do(req)
	if err != nil {
		return nil, retry.Explain(err, target.Host, h.CACert != "")
	}
	return res, nil
}
