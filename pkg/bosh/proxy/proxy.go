// Package proxy is the way to a director that cannot be reached directly: through a SOCKS5
// server, or from a jumpbox, an SSH server beside it.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// handshakeTimeout bounds the way to a jumpbox, as that to a SOCKS server.
const handshakeTimeout = retry.ProxyTimeout

// proxySetting is what users call it.
const proxySetting = "director.proxy"

// Route is the way to the director: direct, through a SOCKS5 server, or through
// an SSH server, in the notation of BOSH_ALL_PROXY. bosh-cli's own code for it
// reads the environment and knows no context.
type Route struct {
	socks   *url.URL
	jumpbox *jumpbox
}

// New reads a proxy's URL; an empty one is the direct way. key and hostKey
// go before those that the URL names. Errors do not show the URL, because it may
// hold a password.
func New(text string, key secret.Value, hostKey string) (*Route, error) {
	if text == "" {
		return &Route{}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("check director.proxy: give it as socks5://HOST:PORT or ssh+socks5://USER@HOST:22?private-key=PATH")
	}
	switch u.Scheme {
	case "socks5", "socks5h":
		return &Route{socks: u}, nil
	case "ssh+socks5":
		jumpbox, err := newJumpbox(u, key, hostKey)
		if err != nil {
			return nil, fmt.Errorf("check director.proxy: %w", err)
		}
		return &Route{jumpbox: jumpbox}, nil
	}
	return nil, fmt.Errorf("check director.proxy: scheme %s is neither socks5 nor ssh+socks5", u.Scheme)
}

// Lookup is the proxy of a request. Without a setting, the environment's is taken.
func (r *Route) Lookup() func(*http.Request) (retry.Proxy, error) {
	switch {
	case r.socks != nil:
		return func(*http.Request) (retry.Proxy, error) { return retry.Proxy{URL: r.socks, Setting: proxySetting}, nil }
	case r.jumpbox != nil:
		return retry.Direct
	}
	return nil
}

// Dial makes connections from where the director is reached; nil is from here.
func (r *Route) Dial() func(context.Context, string, string) (net.Conn, error) {
	if r.jumpbox != nil {
		return r.jumpbox.DialContext
	}
	return nil
}

// Close ends the connection to a jumpbox.
func (r *Route) Close() error {
	if r.jumpbox == nil {
		return nil
	}
	return r.jumpbox.close()
}

// jumpbox dials through an SSH server. The first dial connects to it, and so
// does one after the connection has died.
type jumpbox struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	config  ssh.ClientConfig // but for the host key
	hostKey string           // its fingerprint, "SHA256:…", or anyHostKey
	turn    chan struct{}    // held while client is looked at or made
	client  *connection
	once    sync.Once
	closed  chan struct{}
}

// connection is one to a jumpbox.
type connection struct {
	*ssh.Client
	lost chan struct{} // closed when it has ended
}

// newJumpbox reads user, key and host key from the proxy's URL.
func newJumpbox(u *url.URL, key secret.Value, fingerprint string) (*jumpbox, error) {
	query := u.Query()
	if fingerprint == "" { // in base64 it may contain "+", which is a blank in a query
		fingerprint = strings.ReplaceAll(query.Get("host-key"), " ", "+")
	}
	port := cmp.Or(u.Port(), "22")
	if err := checkHostKey(fingerprint, u.Hostname(), port); err != nil {
		return nil, err
	}
	pem := []byte(key.Reveal())
	if path := query.Get("private-key"); key.Empty() {
		if path == "" {
			return nil, errors.New("ssh+socks5 needs a private key: proxy_private_key, or ?private-key=PATH")
		}
		var err error
		if pem, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read private-key: %w", err)
		}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, errors.New("read private-key: it is not a private key in PEM form without a passphrase")
	}
	user := "jumpbox"
	if u.User != nil && u.User.Username() != "" {
		user = u.User.Username()
	}
	return &jumpbox{
		address: net.JoinHostPort(u.Hostname(), port), dial: (&net.Dialer{}).DialContext,
		turn: make(chan struct{}, 1), closed: make(chan struct{}),
		config: ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}}, hostKey: fingerprint,
	}, nil
}

// DialContext dials address from the jumpbox.
func (j *jumpbox) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	client, err := j.connect(ctx)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, retry.Final(fmt.Errorf("connect to jumpbox %s (%s): it says nothing for %s", j.address, proxySetting, handshakeTimeout))
	}
	var foreign *HostKeyError
	if errors.As(err, &foreign) {
		return nil, retry.Final(fmt.Errorf("connect to jumpbox %s (%s): %w", j.address, proxySetting, err))
	}
	if err != nil {
		return nil, fmt.Errorf("connect to jumpbox %s: %w", j.address, err)
	}
	conn, err := dialWhile(ctx, client.lost, func(ctx context.Context) (net.Conn, error) {
		return client.DialContext(ctx, network, address)
	})
	if err != nil {
		return nil, fmt.Errorf("dial from jumpbox %s: %w", j.address, err)
	}
	return conn, nil
}

// errLost is why a dial has ended with the connection that it was made through.
var errLost = errors.New("the connection to it was lost")

// dialWhile dials until the connection is lost that dial goes through. The SSH library
// waits for ever for the answer to a dial that is asked for in the moment of the loss:
// https://github.com/golang/crypto/blob/v0.57.0/ssh/mux.go, between dropAll and Close.
func dialWhile(ctx context.Context, lost <-chan struct{}, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-ctx.Done():
		}
	}()
	conn, err := dial(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errLost) {
		return nil, errLost
	}
	return conn, err
}

// connect returns the connection to the jumpbox and makes it where there is none.
func (j *jumpbox) connect(ctx context.Context) (*connection, error) {
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if j.client != nil {
		return j.client, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	go func() { // net/http lets a dial outlive its request, but not the client
		select {
		case <-j.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	client, err := j.login(ctx)
	if err != nil {
		return nil, err
	}
	made := &connection{client, make(chan struct{})}
	j.client = made
	go func() {
		_ = client.Wait()
		j.forget(made)
		close(made.lost)
	}()
	return made, nil
}

// login connects to the jumpbox that has the given key. A server has keys of several
// algorithms and shows one of them, and a fingerprint does not say which it is of: as
// long as another key is shown, the algorithms that are left are tried.
func (j *jumpbox) login(ctx context.Context) (*ssh.Client, error) {
	var others []ssh.PublicKey
	for algorithms := hostKeyAlgorithms(); ; {
		client, other, err := j.handshake(ctx, algorithms)
		switch {
		case err == nil || ctx.Err() != nil:
			return client, err
		case other != nil:
			others = append(others, other)
			algorithms = withoutKey(algorithms, other)
		}
		if len(others) > 0 && (other == nil || len(algorithms) == 0) {
			return nil, &HostKeyError{others, j.hostKey}
		}
		if other == nil {
			return nil, err
		}
	}
}

// handshake connects with some algorithms for the host key. With its error comes the
// key that is not the given one, if that is what is wrong.
func (j *jumpbox) handshake(ctx context.Context, algorithms []string) (_ *ssh.Client, other ssh.PublicKey, err error) {
	config := j.config
	config.HostKeyAlgorithms = algorithms
	config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if j.hostKey != anyHostKey && ssh.FingerprintSHA256(key) != j.hostKey {
			other = key
			return errors.New("it has another host key")
		}
		return nil
	}
	conn, err := j.dial(ctx, "tcp", j.address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, j.address, &config)
	if !stop() {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, other, err
	}
	return ssh.NewClient(sshConn, channels, requests), nil, nil
}

// forget drops a dead connection.
func (j *jumpbox) forget(client *connection) {
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	if j.client == client {
		j.client = nil
	}
}

// close ends the connection, or the attempt at one.
func (j *jumpbox) close() error {
	j.once.Do(func() { close(j.closed) })
	j.turn <- struct{}{}
	client := j.client
	j.client = nil
	<-j.turn
	if client == nil {
		return nil
	}
	return client.Close()
}
