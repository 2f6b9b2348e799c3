// Package subnet works out which addresses of a subnet in AWS are BOSH's.
package subnet

import (
	"fmt"
	"net/netip"
)

// amazonDNS is Amazon's resolver where the VPC's own range is not known. It is
// reached from every VPC.
const amazonDNS = "169.254.169.253"

// Subnet is what BOSH is told of one.
type Subnet struct {
	Gateway  netip.Addr // 10.0.0.1
	Reserved []Block    // addresses that are not BOSH's
}

// Block is the addresses from one to another, "10.0.0.2 - 10.0.0.9".
type Block struct{ from, to netip.Addr }

// String writes a block as BOSH does.
func (b Block) String() string {
	if b.from == b.to {
		return b.from.String()
	}
	return b.from.String() + " - " + b.to.String()
}

// Reserve keeps one more address from BOSH. One that cannot be parsed is none.
func (s *Subnet) Reserve(address string) {
	one, err := netip.ParseAddr(address)
	if err != nil {
		return
	}
	for _, b := range s.Reserved {
		if b.from.Compare(one) <= 0 && one.Compare(b.to) <= 0 {
			return
		}
	}
	s.Reserved = append(s.Reserved, Block{one, one})
}

// New works out which addresses BOSH leaves alone. The first is the gateway,
// the next two and the last are Amazon's. All but those of the range, if there is
// one, may be given to others at any time. what is how an error names the subnet, cidr its
// range, own the part of it that BOSH keeps to; "" for all.
func New(what, cidr, own string) (Subnet, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() > 28 {
		return Subnet{}, fmt.Errorf("%s has the range %q; want one such as 10.0.1.0/24, /28 at the smallest", what, cidr)
	}
	base := prefix.Masked().Addr()
	s := Subnet{Gateway: base.Next()}
	if own == "" {
		s.Reserved = []Block{{after(base, 2), after(base, 9)}}
		return s, nil
	}
	part, err := netip.ParsePrefix(own)
	if err != nil || !prefix.Contains(part.Addr()) || part.Bits() < prefix.Bits() {
		return Subnet{}, fmt.Errorf("%s has the range %s, in which %q does not lie", what, cidr, own)
	}
	first, last := part.Masked().Addr(), lastOf(part)
	if first.Compare(after(base, 4)) < 0 {
		first = after(base, 4)
	}
	if last.Compare(first) <= 0 {
		return Subnet{}, fmt.Errorf("%s leaves BOSH no addresses in %s", what, own)
	}
	s.Reserved = []Block{{after(base, 2), first.Prev()}}
	if end := lastOf(prefix); last.Compare(end) < 0 {
		s.Reserved = append(s.Reserved, Block{last.Next(), end.Prev()})
	}
	return s, nil
}

// after is the nth address after one.
func after(address netip.Addr, n int) netip.Addr {
	for range n {
		address = address.Next()
	}
	return address
}

// lastOf is a range's last address.
func lastOf(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(bytes)
}

// Resolver is that of a VPC with a range: its second address.
func Resolver(cidr string) string {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return amazonDNS
	}
	return after(prefix.Masked().Addr(), 2).String()
}
