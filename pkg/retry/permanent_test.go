package retry_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Two sides that have no version of TLS in common will not have one at the next try.
func TestClient_asksAServerWithoutTLS12Once(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} // that is the point
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	client, err := retry.NewClient(retry.Options{Policy: fast})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("it speaks TLS 1.1")
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections were made, want 1: %v", n, err)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " \n ": "", "a": "a", "  a\r\n\tb  c\n": "a b c", "a\xffb": "a?b",
		"12345678": "12345678", "123456789": "12345678…", "1234567é": "1234567…",
	} {
		if got := retry.OneLine(text, 8); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
