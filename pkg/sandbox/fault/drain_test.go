package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// What clients had sent before they ended is in the record, and has been struck, when
// Drain returns.
func TestScript_drainsWhatEndedClientsHaveSent(t *testing.T) {
	script := &fault.Script{}
	server := httptest.NewUnstartedServer(script.Wrap(http.NotFoundHandler()))
	server.Config.ConnState = script.Watch
	server.Start()
	defer server.Close()
	address := server.Listener.Addr().String()
	const clients = 100
	for n := range clients {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_, err = fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", n)
		}
		if err = errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := script.Drain(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	if seen := script.Seen(); len(seen) != clients {
		t.Errorf("it has seen %d of %d requests", len(seen), clients)
	}
	script.Forget()
	if err := script.Drain(t.Context(), address); err != nil || len(script.Seen()) > 0 {
		t.Errorf("with nobody there: %v, %v", err, script.Seen())
	}

	// A client that stays is waited for, and a wait ends with its context.
	stays, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stays.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- script.Drain(ctx, address) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("with one that stays it ends with %v", err)
	}
}
