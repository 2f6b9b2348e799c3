package proxy

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// A jumpbox that says nothing is given up as any other proxy: after 20 s, once.
func TestJumpbox_thatSaysNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		j := &jumpbox{
			address: "10.0.0.5:22", turn: make(chan struct{}, 1), closed: make(chan struct{}),
			config: ssh.ClientConfig{User: "jumpbox"}, hostKey: anyHostKey,
			dial: func(context.Context, string, string) (net.Conn, error) {
				dialled++
				here, there := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, there) }()
				return here, nil
			},
		}
		client, err := retry.NewClient(retry.Options{Proxy: retry.Direct, Dial: j.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = client.Get("https://director")
		const want = `Get "https://director": connect to jumpbox 10.0.0.5:22 (director.proxy): it says nothing for 20s`
		if took := time.Since(began); err == nil || err.Error() != want || took != handshakeTimeout || dialled != 1 {
			t.Errorf("error %v after %s and %d connections", err, took, dialled)
		}
		_ = j.close()
	})
}

// The SSH library never ends a dial that is asked for in the moment in which it finds the
// connection lost.
func TestProxy_dialEndsWithTheConnection(t *testing.T) {
	lost, dialling := make(chan struct{}), make(chan struct{})
	go func() {
		<-dialling
		close(lost)
	}()
	_, err := dialWhile(t.Context(), lost, func(ctx context.Context) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err == nil || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("error %v", err)
	}
}
