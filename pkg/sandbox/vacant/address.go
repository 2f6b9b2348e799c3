// Package vacant gives tests addresses at which nobody listens.
package vacant

import (
	"net/netip"
	"syscall"
	"testing"
)

// Address is an address of this machine, "127.0.0.1:41234", that refuses every
// connection until the test ends. The port belongs to a socket that is bound and does
// not listen: the port of a listener that was closed would soon be another server's,
// of this test or of another process.
func Address(t testing.TB) string {
	t.Helper()
	socket, err := open()
	if err != nil {
		t.Fatalf("open a socket: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	loopback := [4]byte{127, 0, 0, 1}
	// Without SO_REUSEADDR, so that nobody else can bind to the port, who has it or not.
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatalf("bind to a port of %v: %v", loopback, err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatalf("read the port that was bound to: %v", err)
	}
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("the socket has a name of type %T", name)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port)).String() // ports have 16 bits
}

// open makes a TCP socket that no process started by the test inherits.
func open() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	return socket, err
}
