package manifest

import (
	"fmt"
	"net/netip"
)

// amazonDNS is Amazon's resolver where the VPC's own range is not known. It is
// reached from every VPC.
const amazonDNS = "169.254.169.253"

// subnet is what BOSH is told of one.
type subnet struct {
	gateway  netip.Addr
	reserved []block // addresses that are not BOSH's
}

// block is the addresses from one to another.
type block struct{ from, to netip.Addr }

// String writes a block as BOSH does.
func (b block) String() string {
	if b.from == b.to {
		return b.from.String()
	}
	return b.from.String() + " - " + b.to.String()
}

// reserve keeps one more address from BOSH. One that cannot be parsed is none.
func (s *subnet) reserve(address string) {
	one, err := netip.ParseAddr(address)
	if err != nil {
		return
	}
	for _, b := range s.reserved {
		if b.from.Compare(one) <= 0 && one.Compare(b.to) <= 0 {
			return
		}
	}
	s.reserved = append(s.reserved, block{one, one})
}

// public describes the zone's public subnet.
func (z Zone) public() (subnet, error) {
	return newSubnet("the public subnet of "+z.Name, z.PublicCIDR, z.PublicRange)
}

// private describes the zone's private subnet.
func (z Zone) private() (subnet, error) {
	return newSubnet("the private subnet of "+z.Name, z.PrivateCIDR, z.PrivateRange)
}

// newSubnet works out which addresses BOSH leaves alone. The first is the gateway,
// the next two and the last are Amazon's. All but those of the range, if there is
// one, may be given to others at any time.
func newSubnet(what, cidr, own string) (subnet, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() > 28 {
		return subnet{}, fmt.Errorf("render the networks: %s has the range %q; want one such as 10.0.1.0/24, /28 at the smallest", what, cidr)
	}
	base := prefix.Masked().Addr()
	s := subnet{gateway: base.Next()}
	if own == "" {
		s.reserved = []block{{after(base, 2), after(base, 9)}}
		return s, nil
	}
	part, err := netip.ParsePrefix(own)
	if err != nil || !prefix.Contains(part.Addr()) || part.Bits() < prefix.Bits() {
		return subnet{}, fmt.Errorf("render the networks: %s has the range %s, in which %q does not lie", what, cidr, own)
	}
	first, last := part.Masked().Addr(), lastOf(part)
	if first.Compare(after(base, 4)) < 0 {
		first = after(base, 4)
	}
	if last.Compare(first) <= 0 {
		return subnet{}, fmt.Errorf("render the networks: %s leaves BOSH no addresses in %s", what, own)
	}
	s.reserved = []block{{after(base, 2), first.Prev()}}
	if end := lastOf(prefix); last.Compare(end) < 0 {
		s.reserved = append(s.reserved, block{last.Next(), end.Prev()})
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

// resolver is the VPC's: the second address of its range.
func (in Input) resolver() string {
	prefix, err := netip.ParsePrefix(in.Infrastructure.CIDR)
	if err != nil {
		return amazonDNS
	}
	return after(prefix.Masked().Addr(), 2).String()
}
