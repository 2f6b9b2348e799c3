package bosh

import (
	"context"
	"io"
	"net"
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
