package retry_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// fixed is a proxy as a setting names it.
func fixed(t *testing.T, text string) func(*http.Request) (retry.Proxy, error) {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return func(*http.Request) (retry.Proxy, error) { return retry.Proxy{URL: u, Setting: "the.setting"}, nil }
}

// A proxy that takes a connection and says nothing is given up after 20 s, once.
func TestClient_givesUpOnAMuteProxy(t *testing.T) {
	for _, c := range []struct{ proxy, target string }{
		{"socks5://user:hunter2@10.0.0.5:1080", "https://director"}, {"socks5h://10.0.0.5:1080", "http://director"},
		{"http://user:hunter2@10.0.0.5:1080", "https://director"}, {"https://10.0.0.5:1080", "https://director"},
	} {
		t.Run(c.proxy+" "+c.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialled := 0
				client, err := retry.NewClient(retry.Options{Proxy: fixed(t, c.proxy), Policy: fast, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
					if dialled++; address != "10.0.0.5:1080" {
						t.Errorf("dialled %s", address)
					}
					here, there := net.Pipe()
					go func() { _, _ = io.Copy(io.Discard, there) }()
					return here, nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // net/http's SOCKS takes it for its own limit
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.target, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = client.Do(req)
				var proxy *retry.ProxyError
				if !errors.As(err, &proxy) || proxy.Setting != "the.setting" || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("error %v, want one that names the setting", err)
				}
				if c.proxy[:5] == "https" { // net/http bounds TLS
					return
				}
				if took := time.Since(began); took != retry.ProxyTimeout || dialled != 1 {
					t.Errorf("%s and %d connections, want %s and 1", took, dialled, retry.ProxyTimeout)
				}
				if text := retry.Explain(err, "director", false).Error(); text != "reach director: go through proxy 10.0.0.5:1080 (the.setting): it says nothing for 20s" {
					t.Error(text)
				}
			})
		})
	}
}

// The limit of a proxy is not that of what comes through it.
func TestClient_takesLongAnswersThroughAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var proxies sync.WaitGroup
		defer proxies.Wait()
		client, err := retry.NewClient(retry.Options{Proxy: fixed(t, "socks5://10.0.0.5:1080"), Policy: fast, Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			proxies.Go(func() { slowly(there) })
			return here, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Get("http://director")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "whole" {
			t.Errorf("body %q, error %v", body, err)
		}
	})
}

// slowly is a SOCKS proxy before a server that takes its time for an answer.
func slowly(conn net.Conn) {
	defer conn.Close()
	request := bufio.NewReader(conn)
	for _, step := range []struct {
		asked int
		reply string
	}{{3, "\x05\x00"}, {5 + len("director") + 2, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}} {
		if _, err := io.CopyN(io.Discard, request, int64(step.asked)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, step.reply)
	}
	if _, err := http.ReadRequest(request); err != nil {
		return
	}
	time.Sleep(retry.ProxyTimeout)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwh")
	time.Sleep(retry.ProxyTimeout)
	_, _ = io.WriteString(conn, "ole")
}

// tunnel is an HTTP proxy that answers CONNECT, and any other request, with a status.
func tunnel(t *testing.T, status int, count *atomic.Int32) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestClient_namesTheProxyThatRefuses(t *testing.T) {
	cases := []struct {
		status int
		user   string
		target string
		want   string
		tries  int32
	}{
		{407, "", "https://director:25555", "it wants a login (407): give it a user and password, as in http://USER:PASSWORD@", 1},
		{407, "u:hunter2@", "https://director:25555", "it wants a login (407): it refuses the user and password that it is given", 1},
		{407, "", "http://director", "it wants a login (407): give it", 1},
		{403, "", "https://director", "it answered 403 Forbidden when asked for director", 1},
		{503, "", "https://director:25555", "it answered 503 Service Unavailable when asked for director:25555", 4},
	}
	for _, c := range cases {
		var count atomic.Int32
		address := tunnel(t, c.status, &count)
		client, err := retry.NewClient(retry.Options{Proxy: fixed(t, "http://"+c.user+address), Policy: fast})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(c.target)
		want := "go through proxy " + address + " (the.setting): " + c.want
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || count.Load() != c.tries {
			t.Errorf("%d of %s: %d tries, error %v, want %d and %s", c.status, c.target, count.Load(), err, c.tries, want)
		}
		if last := retry.Permanent(t.Context(), err); last != (c.tries == 1) {
			t.Errorf("%d of %s: another try is of no use: %v", c.status, c.target, last)
		}
		res, err := client.Post(c.target, "", strings.NewReader("x"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d of a POST: %v, error %v", c.status, res, err)
		}
	}
}

// Through a proxy that does its work, faults of the server behind it are the server's.
func TestClient_doesNotBlameAProxyThatWorks(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") }))
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upstream, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(upstream, conn); _ = upstream.Close() }()
		_, _ = io.Copy(conn, upstream)
		_ = conn.Close()
	}))
	t.Cleanup(proxy.Close)
	for _, ca := range []string{"", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))} {
		client, err := retry.NewClient(retry.Options{Proxy: fixed(t, proxy.URL), Policy: fast, MaxBody: 100, CACert: ca})
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Get(server.URL)
		var blamed *retry.ProxyError
		if errors.As(err, &blamed) || (err == nil) != (ca != "") {
			t.Errorf("response %v, error %v", res, err)
		}
	}
	client, err := retry.NewClient(retry.Options{Proxy: fixed(t, "socks5://127.0.0.1:1"), Policy: fast})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Get("https://director"); err == nil || !strings.Contains(err.Error(), "go through proxy 127.0.0.1:1 (the.setting): ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody at the proxy's address: %v", err)
	}
}

// The environment is read once in a process, so that each case is a process of its own.
func TestClient_readsTheEnvironment(t *testing.T) {
	if target := os.Getenv("PROXY_TEST_TARGET"); target != "" {
		client, err := retry.NewClient(retry.Options{Policy: fast})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(target)
		t.Log(err)
		return
	}
	var count atomic.Int32
	proxy := tunnel(t, 407, &count)
	const wanted = ": want http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
	cases := []struct {
		env    []string
		target string
		want   string
	}{
		{[]string{"HTTPS_PROXY=" + proxy}, "https://h.invalid", "go through proxy " + proxy + " (HTTPS_PROXY): it wants a login (407)"},
		{[]string{"https_proxy=http://" + proxy}, "https://h.invalid", "go through proxy " + proxy + " (https_proxy): "},
		{[]string{"HTTP_PROXY=http://" + proxy, "HTTPS_PROXY=%"}, "http://h.invalid", "go through proxy " + proxy + " (HTTP_PROXY): "},
		{[]string{"HTTPS_PROXY=http://u:hunter2@pro xy:3128"}, "https://h.invalid", "read the proxy from HTTPS_PROXY" + wanted},
		{[]string{"https_proxy=http://u:hunter2@proxy:port"}, "https://h.invalid", "read the proxy from https_proxy" + wanted},
		{[]string{"HTTPS_PROXY=http://"}, "https://h.invalid", "read the proxy from HTTPS_PROXY" + wanted},
		{[]string{"HTTPS_PROXY=http://proxy\n"}, "https://h.invalid", "read the proxy from HTTPS_PROXY" + wanted},
		{[]string{"HTTPS_PROXY=socks4://proxy:1080"}, "https://h.invalid", "read the proxy from HTTPS_PROXY" + wanted},
		{[]string{"HTTPS_PROXY=%", "NO_PROXY=*"}, "https://h.invalid", "no such host"},
		{[]string{"HTTPS_PROXY=%"}, "https://127.0.0.1:1", "connection refused"},
		{[]string{"HTTPS_PROXY=%"}, "https://localhost:1", "connection refused"},
		{[]string{"HTTPS_PROXY=http://" + proxy, "NO_PROXY=h.invalid"}, "https://h.invalid", "no such host"},
		{nil, "https://127.0.0.1:1", "connection refused"},
	}
	for _, c := range cases {
		cmd := exec.Command(os.Args[0], "-test.run=^TestClient_readsTheEnvironment$", "-test.v")
		cmd.Env = append(c.env, "PROXY_TEST_TARGET="+c.target)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "hunter2") {
			t.Fatalf("%v: %v\n%s", c.env, err, out)
		}
		if !strings.Contains(string(out), c.want) && !(c.want == "no such host" && strings.Contains(string(out), "lookup h.invalid")) {
			t.Errorf("%q: %s\nwant %s", c.env, out, c.want)
		}
	}
}
