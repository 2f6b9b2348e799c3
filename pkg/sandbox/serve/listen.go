package serve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// loopback is where the servers listen if nothing else is said.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// listen is the address on which the servers are to listen. Each has a port of its
// own, and the address is in their certificates and in the variables: so it has to
// be one by which clients reach this machine.
func (o Options) listen() (netip.Addr, error) {
	if o.Listen == "" {
		return loopback, nil
	}
	address, err := netip.ParseAddr(o.Listen)
	switch {
	case err != nil:
		return address, fmt.Errorf("listen on %q: that is not an IP address; write one of this machine's without a port, such as 10.80.0.1", o.Listen)
	case address.IsUnspecified():
		return address, fmt.Errorf("listen on %s: the servers' certificates and variables hold the address, so it has to be a single one of this machine's", address)
	case address.IsMulticast(), address.Zone() != "":
		return address, fmt.Errorf("listen on %s: that is not an address by which clients reach this machine", address)
	case o.Install && address != loopback:
		return address, errors.New("listen on another address with --install: the machines of the account have addresses of their own, all of them loopback")
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(address, 0).String())
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return address, fmt.Errorf("listen on %s: that is not an address of this machine", address)
	}
	if err != nil {
		return address, fmt.Errorf("listen on %s: %w", address, err)
	}
	return address, listener.Close()
}
