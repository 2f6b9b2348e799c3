package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Error says that a server named an address that it may not name. Nothing was sent there.
type Error struct {
	Host    string     // as the URL has it, "files.example.com"; "" where only the address is known
	Address netip.Addr // 169.254.169.254
}

// Error implements error.
func (e *Error) Error() string {
	host, at := e.Host, fmt.Sprintf("it is at %s,", e.Address)
	if a, err := netip.ParseAddr(host); host == "" || err == nil && plain(a) == e.Address {
		host, at = e.Address.String(), "it is"
	}
	network, what := locate(e.Address)
	article := "a"
	if strings.ContainsRune("aeiou", rune(what[0])) {
		article = "an"
	}
	what = article + " " + what + " address"
	if network == Reserved {
		return fmt.Sprintf("refuse to fetch from %s: %s %s, which no server may name", host, at, what)
	}
	return fmt.Sprintf("refuse to fetch from %s: %s %s, and the server that named it is not at one; only a mirror at %s may name it", host, at, what, what)
}

// URLError says that a server named a URL of a form that is never followed. It does
// not show the URL, which may hold a password.
type URLError struct{ reason string }

// Error implements error.
func (e *URLError) Error() string { return "refuse the url: " + e.reason }

// Refused says whether err is a refusal of this package: another try would not change it.
func Refused(err error) bool {
	var address *Error
	var form *URLError
	return errors.As(err, &address) || errors.As(err, &form)
}

// CheckURL refuses, without asking anybody, a URL that a server in the network from
// named: one with a user or password, or whose host is an address that the server may
// not name. It fails with *Error or *URLError.
func CheckURL(u *url.URL, from Network) error {
	host := u.Hostname()
	switch {
	case u.User != nil:
		return &URLError{"it holds a user or password"}
	case strings.Trim(host, ".") == "":
		return &URLError{"it has no host"}
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }):
		// Programs differ in what they make of it: to some, fullwidth digits are an address.
		return &URLError{"its host has characters that are not ASCII"}
	}
	a, ok := Literal(host)
	switch {
	case !ok && numeric(host):
		// To inet_aton 127.1, 0x7f000001 and 017700000001 are this machine, to Go they are names.
		return &URLError{"its host is an address in an unusual form"}
	case ok && !from.Admits(Of(a)):
		return &Error{Host: host, Address: a}
	}
	return nil
}

// Lookup gives the addresses of a host.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// System looks a host up as this machine does.
func System(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// lookupTime bounds a lookup whose answer is of use, but not needed.
const lookupTime = 5 * time.Second

// Check is CheckURL for a URL that somebody else will fetch, such as the director: it
// also looks the host up, and refuses the URL if any of the host's addresses is one that
// the server may not name. What cannot be looked up from here passes, and so does a name
// that leads elsewhere when it is fetched.
func Check(ctx context.Context, text string, from Network, lookup Lookup) error {
	u, err := url.Parse(text)
	if err != nil {
		return &URLError{"it is not a URL"}
	}
	if err := CheckURL(u, from); err != nil {
		return err
	}
	if _, ok := Literal(u.Hostname()); ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addresses, err := lookup(ctx, u.Hostname())
	if err != nil {
		return nil // the director may know a host that this machine does not
	}
	for _, a := range addresses {
		if !from.Admits(Of(a)) {
			return &Error{Host: u.Hostname(), Address: plain(a)}
		}
	}
	return nil
}

// Control is a net.Dialer's ControlContext that lets connections be made only to what a
// server in the network may name. It sees the address that is connected to, so it does
// not matter what a name meant before.
func (n Network) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address of a connection: %w", err)
	}
	if !n.Admits(Of(to.Addr())) {
		return &Error{Address: plain(to.Addr())}
	}
	return nil
}

// OfHost is the network of a host as far as its name tells.
func OfHost(host string) Network {
	if a, ok := Literal(host); ok {
		return Of(a)
	}
	return Internet
}

// Literal gives the address that the host of a URL is. localhost is one, too (RFC 6761, 6.3).
func Literal(host string) (netip.Addr, bool) {
	host = strings.ToLower(strings.TrimRight(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	a, err := netip.ParseAddr(host)
	return plain(a), err == nil
}

// numeric says whether the last label of a host is a number, which no domain's is: then
// it is an address, of whatever form (WHATWG URL, "ends in a number").
func numeric(host string) bool {
	host = strings.ToLower(strings.TrimRight(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
