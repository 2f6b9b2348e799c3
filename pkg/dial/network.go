// Package dial says where a URL may lead that no operator wrote, but a server
// named: in a list of files, or by a redirect. Whoever answers for that server must not
// be able to send this machine, or the director, to addresses that only they reach.
package dial

import (
	"net/netip"
	"sync"
)

// Network is where an address is, as far as it matters who may name it. The zero
// value is the internet, from where the least may be named.
type Network string

const (
	// Internet is every address that is not of another kind.
	Internet Network = ""
	// Private is every address of a network that the internet does not reach:
	// 10.0.0.0/8, fc00::/7 and the like. All of them count as one network.
	Private Network = "private"
	// Loopback is this machine.
	Loopback Network = "loopback"
	// Reserved is what no server may name, wherever it is: metadata services,
	// link-local, unspecified and multicast addresses.
	Reserved Network = "reserved"
)

// Admits says whether a server in the network may name an address in another one. A
// server inside may name what is inside; everybody may name what is on the internet.
func (n Network) Admits(to Network) bool {
	return to == Internet || to == n && to != Reserved
}

// block is a range of addresses of one network.
type block struct {
	prefix  netip.Prefix
	network Network
	what    string // for people: "link-local"
}

// blocks are looked through in this order. Without another source they are from the
// IANA registries of special-purpose addresses (RFC 6890).
var blocks = sync.OnceValue(func() (list []block) {
	for _, b := range []struct {
		prefix  string
		network Network
		what    string
	}{
		{"100.100.100.200/32", Reserved, "metadata"}, // Alibaba Cloud
		{"192.0.0.192/32", Reserved, "metadata"},     // Oracle Cloud
		{"168.63.129.16/32", Reserved, "metadata"},   // Azure's wire server
		{"fd00:ec2::/32", Reserved, "metadata"},      // EC2: metadata, DNS, time, pod identities
		{"fd20:ce::254/128", Reserved, "metadata"},   // Google Compute Engine
		{"fd00:42::42/128", Reserved, "metadata"},    // Scaleway
		{"0.0.0.0/8", Reserved, "unspecified"},       // Linux takes 0.0.0.0 for itself
		{"169.254.0.0/16", Reserved, "link-local"},   // with the metadata services of most clouds
		{"224.0.0.0/4", Reserved, "multicast"},
		{"240.0.0.0/4", Reserved, "reserved"},
		{"::/128", Reserved, "unspecified"},
		{"fe80::/10", Reserved, "link-local"},
		{"ff00::/8", Reserved, "multicast"},
		{"127.0.0.0/8", Loopback, "loopback"},
		{"::1/128", Loopback, "loopback"},
		{"10.0.0.0/8", Private, "private"},
		{"172.16.0.0/12", Private, "private"},
		{"192.168.0.0/16", Private, "private"},
		{"100.64.0.0/10", Private, "private"}, // carriers' NAT (RFC 6598), and overlays
		{"192.0.0.0/24", Private, "private"},
		{"198.18.0.0/15", Private, "private"}, // benchmarks (RFC 2544), and DNS proxies of a machine
		{"fc00::/7", Private, "private"},
		{"fec0::/10", Private, "private"}, // site-local, of old (RFC 3879)
	} {
		list = append(list, block{netip.MustParsePrefix(b.prefix), b.network, b.what})
	}
	return list
})

// embedding is a range of IPv6 addresses that hold an IPv4 address, which is where they lead.
type embedding struct {
	prefix netip.Prefix
	at     int  // the first of its four bytes
	flip   byte // each byte is XORed with it
	local  bool // the range itself is a private network's
}

// embeddings are the ways from IPv6 to IPv4. ::ffff:0:0/96 is not among them: that netip
// takes off by itself.
var embeddings = sync.OnceValue(func() []embedding {
	return []embedding{
		{prefix: netip.MustParsePrefix("::/96"), at: 12},                       // IPv4-compatible (RFC 4291, 2.5.5.1)
		{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: 12},             // translated (RFC 2765)
		{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: 12},                // NAT64 (RFC 6052)
		{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: 12, local: true}, // NAT64 of a network's own (RFC 8215)
		{prefix: netip.MustParsePrefix("2002::/16"), at: 2},                    // 6to4 (RFC 3056)
		{prefix: netip.MustParsePrefix("2001::/32"), at: 12, flip: 0xff},       // Teredo (RFC 4380, 4)
	}
})

// Of says in which network an address is.
func Of(a netip.Addr) Network {
	n, _ := locate(a)
	return n
}

// locate is Of, with a word for people.
func locate(a netip.Addr) (Network, string) {
	a = plain(a)
	if !a.IsValid() {
		return Reserved, "unspecified"
	}
	for _, b := range blocks() {
		if b.prefix.Contains(a) {
			return b.network, b.what
		}
	}
	for _, e := range embeddings() {
		if !e.prefix.Contains(a) {
			continue
		}
		if n, what := locate(e.inner(a)); n != Internet || !e.local {
			return n, what
		}
		return Private, "private"
	}
	return Internet, "public"
}

// inner is the IPv4 address that an address holds.
func (e embedding) inner(a netip.Addr) netip.Addr {
	bytes := a.As16()
	inner := [4]byte(bytes[e.at : e.at+4])
	for i := range inner {
		inner[i] ^= e.flip
	}
	return netip.AddrFrom4(inner)
}

// plain is an address without its zone, and without IPv6 around IPv4.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }
