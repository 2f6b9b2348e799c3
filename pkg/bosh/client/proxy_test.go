package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// pipe carries bytes both ways until one side ends.
func pipe(a, b io.ReadWriteCloser) {
	done := make(chan struct{}, 2)
	for _, pair := range [][2]io.ReadWriteCloser{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
	_ = a.Close()
	_ = b.Close()
}

// listen serves connections on loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

// socksServer speaks as much of RFC 1928 as a client without a login needs.
func socksServer(t *testing.T, used *atomic.Int32) string {
	return listen(t, func(conn net.Conn) {
		head := make([]byte, 2)
		_, _ = io.ReadFull(conn, head)
		_, _ = io.CopyN(io.Discard, conn, int64(head[1]))
		_, _ = conn.Write([]byte{5, 0})
		request := make([]byte, 10) // an IPv4 address
		if _, err := io.ReadFull(conn, request); err != nil {
			_ = conn.Close()
			return
		}
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte(request[4:8])), binary.BigEndian.Uint16(request[8:])).String()
		upstream, err := net.Dial("tcp", address)
		if err != nil {
			_ = conn.Close()
			return
		}
		used.Add(1)
		_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		pipe(conn, upstream)
	})
}

// sshServer is a jumpbox: it lets the user with the key dial from it. It keeps
// its connections, so that a test can break them.
type sshServer struct {
	address     string
	fingerprint string   // of its first key
	others      []string // of its other keys
	logins      atomic.Int32
	conns       chan net.Conn
}

// newSSHServer has a host key of Ed25519, and those that are given besides.
func newSSHServer(t *testing.T, user string, key ssh.PublicKey, more ...crypto.Signer) *sshServer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{conns: make(chan net.Conn, 10)}
	config := &ssh.ServerConfig{PublicKeyCallback: func(meta ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if meta.User() != user || string(offered.Marshal()) != string(key.Marshal()) {
			return nil, errors.New("refused")
		}
		return nil, nil
	}}
	for n, private := range append([]crypto.Signer{private}, more...) {
		signer, err := ssh.NewSignerFromSigner(private)
		if err != nil {
			t.Fatal(err)
		}
		config.AddHostKey(signer)
		if fingerprint := ssh.FingerprintSHA256(signer.PublicKey()); n == 0 {
			s.fingerprint = fingerprint
		} else {
			s.others = append(s.others, fingerprint)
		}
	}
	s.address = listen(t, func(conn net.Conn) { s.serve(conn, config) })
	return s
}

func (s *sshServer) serve(conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		_ = conn.Close()
		return
	}
	s.logins.Add(1)
	s.conns <- conn
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		var to struct {
			Host     string
			Port     uint32
			From     string
			FromPort uint32
		}
		_ = ssh.Unmarshal(wanted.ExtraData(), &to)
		upstream, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
		if err != nil {
			_ = wanted.Reject(ssh.ConnectionFailed, "no")
			continue
		}
		channel, requests, err := wanted.Accept()
		if err != nil {
			continue
		}
		go ssh.DiscardRequests(requests)
		go pipe(channel, upstream)
	}
}

// keyPair is a user's key, the private half in PEM form.
func keyPair(t *testing.T) (ssh.PublicKey, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(block))
}

func TestProxy_socksLeadsToTheDirector(t *testing.T) {
	var used atomic.Int32
	director := newDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	config := login(director)
	config.Proxy = "socks5://" + socksServer(t, &used)
	if _, err := newClient(t, config).Locks(t.Context()); err != nil || used.Load() == 0 {
		t.Errorf("%d connections through the proxy, error %v", used.Load(), err)
	}
}

// A fault of the proxy is not blamed on the director, and names the setting.
func TestProxy_thatFailsIsNamed(t *testing.T) {
	refused := listen(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 3))
		_, _ = conn.Write([]byte{5, 0xff}) // no way to log in is good enough
		_ = conn.Close()
	})
	for _, c := range []struct{ address, want string }{
		{"127.0.0.1:1", "connection refused"}, {refused, "no acceptable authentication methods"},
	} {
		client := newClient(t, client.Config{Config: transport.Config{URL: "https://director.invalid", Client: "ci", ClientSecret: secret.New(clientSecret), Proxy: "socks5://u:hunter2@" + c.address, Retry: retry.Never}})
		_, err := client.Info(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "ask the director how to log in: reach director director.invalid:25555: go through proxy "+c.address+" (director.proxy): ") ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "check the url") {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestProxy_jumpboxLeadsToTheDirector(t *testing.T) {
	key, private := keyPair(t)
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(private), 0o600); err != nil {
		t.Fatal(err)
	}
	server := newSSHServer(t, "jumpbox", key)
	director := newDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	for name, change := range map[string]func(*client.Config){
		"key in a file": func(c *client.Config) {
			c.Proxy = "ssh+socks5://jumpbox@" + server.address + "?private-key=" + url.QueryEscape(path) + "&host-key=any"
		},
		"key given": func(c *client.Config) {
			c.Proxy, c.ProxyKey, c.ProxyHostKey = "ssh+socks5://"+server.address, secret.New(private), "any"
		},
		"host key pinned": func(c *client.Config) {
			c.Proxy, c.ProxyKey = "ssh+socks5://"+server.address+"?host-key="+server.fingerprint, secret.New(private)
		},
		"host key given": func(c *client.Config) {
			c.Proxy, c.ProxyKey, c.ProxyHostKey = "ssh+socks5://"+server.address+"?host-key=SHA256:abc", secret.New(private), server.fingerprint
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := login(director)
			change(&config)
			before := server.logins.Load()
			client := newClient(t, config)
			for range 2 {
				if _, err := client.Locks(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := server.logins.Load() - before; n != 1 {
				t.Errorf("%d logins at the jumpbox", n)
			}
		})
	}
}

func TestProxy_jumpboxIsConnectedAgainAfterItWasLost(t *testing.T) {
	key, private := keyPair(t)
	server := newSSHServer(t, "jumpbox", key)
	director := newDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	config := login(director)
	config.Proxy, config.ProxyKey, config.ProxyHostKey = "ssh+socks5://jumpbox@"+server.address, secret.New(private), server.fingerprint
	config.Retry.Attempts = 50
	client := newClient(t, config)
	if _, err := client.Locks(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = (<-server.conns).Close()
	if _, err := client.Locks(t.Context()); err != nil || server.logins.Load() != 2 {
		t.Errorf("%d logins at the jumpbox, error %v", server.logins.Load(), err)
	}
}

func TestProxy_jumpboxThatRefusesIsNamed(t *testing.T) {
	key, private := keyPair(t)
	_, strange := keyPair(t)
	server := newSSHServer(t, "jumpbox", key)
	director := newDirector(t, nil)
	cases := map[string]struct{ proxy, key, want string }{
		"another key":      {"ssh+socks5://" + server.address + "?host-key=any", strange, "unable to authenticate"},
		"another user":     {"ssh+socks5://root@" + server.address + "?host-key=any", private, "unable to authenticate"},
		"another host key": {"ssh+socks5://" + server.address + "?host-key=SHA256:abc", private, "connect to jumpbox " + server.address + " (director.proxy): it has host key " + server.fingerprint + ", not the given SHA256:abc; its keys were replaced, or somebody poses as it"},
		"nothing there":    {"ssh+socks5://127.0.0.1:1?host-key=any", private, "connection refused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := login(director)
			config.Proxy, config.ProxyKey = c.proxy, secret.New(c.key)
			_, err := newClient(t, config).Deploy(t.Context(), manifest, bosh.DeployOptions{})
			var uncertain *bosh.UncertainError
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "jumpbox") || errors.As(err, &uncertain) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if len(director.seen()) != 0 {
				t.Error("the director was asked")
			}
		})
	}
}

// ssh-keyscan prints a fingerprint for each key of a server, and each of them will do.
func TestProxy_jumpboxIsKnownByAnyOfItsKeys(t *testing.T) {
	key, private := keyPair(t)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	prime, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server := newSSHServer(t, "jumpbox", key, elliptic, prime)
	director := newDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	config := login(director)
	config.Proxy, config.ProxyKey = "ssh+socks5://"+server.address, secret.New(private)
	for _, config.ProxyHostKey = range append(server.others, server.fingerprint) {
		before := server.logins.Load()
		if _, err := newClient(t, config).Locks(t.Context()); err != nil || server.logins.Load() != before+1 {
			t.Errorf("%s: %d logins, error %v", config.ProxyHostKey, server.logins.Load()-before, err)
		}
	}
	logins, requests := server.logins.Load(), len(director.seen())
	config.ProxyHostKey = "SHA256:abc"
	_, err = newClient(t, config).Locks(t.Context())
	for _, fingerprint := range append(server.others, server.fingerprint) {
		if err == nil || !strings.Contains(err.Error(), fingerprint) {
			t.Errorf("error %v, want one that names %s", err, fingerprint)
		}
	}
	if server.logins.Load() != logins || len(director.seen()) != requests {
		t.Error("a login was made, or the director was asked")
	}
}

func TestProxy_jumpboxThatHangsEndsWithTheContext(t *testing.T) {
	_, private := keyPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	silent := listen(t, func(conn net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	config := login(newDirector(t, nil))
	config.Proxy, config.ProxyKey, config.ProxyHostKey = "ssh+socks5://"+silent, secret.New(private), "any"
	if _, err := newClient(t, config).Locks(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
