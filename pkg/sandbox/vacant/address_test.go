package vacant_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
)

func TestAddress_refusesConnections(t *testing.T) {
	address := vacant.Address(t)
	for range 3 {
		conn, err := net.Dial("tcp", address)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connect to %s: %v, %v", address, conn, err)
		}
	}
}

func TestAddress_canBeTakenByNobodyElse(t *testing.T) {
	address := vacant.Address(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{address, "0.0.0.0:" + port, ":" + port} {
		listener, err := net.Listen("tcp", other)
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listen on %s: %v, %v", other, listener, err)
		}
	}
}

func TestAddress_isOfOneTest(t *testing.T) {
	if a, b := vacant.Address(t), vacant.Address(t); a == b {
		t.Errorf("twice %s", a)
	}
}
