package dial

import "net/netip"

// Local says whether a URL's host, a name or an address without brackets, is this
// machine: what is sent there in clear, nobody else sees. It asks no name server.
func Local(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Zone() == "" && address.Unmap().IsLoopback()
}
