package dial_test

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

func TestOf_knowsEveryForm(t *testing.T) {
	for network, list := range map[dial.Network]string{
		dial.Internet: "8.8.8.8 198.51.100.7 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 169.253.255.255 2600:1f18::1 " +
			"::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 2001:0:4136:e378:8000:63bf:f7f7:f7f7 ::ffff:0:808:808",
		dial.Private: "10.0.0.6 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 198.18.0.1 fd12::1 fc00::1 fec0::1 " +
			"::ffff:10.0.0.6 64:ff9b::a00:6 64:ff9b:1::808:808 64:ff9b:1::a00:6 2002:a00:6::1 ::10.0.0.6 2001::f5ff:fff9",
		dial.Loopback: "127.0.0.1 127.64.0.9 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 64:ff9b:1::127.0.0.1 2002:7f00:1:: " +
			"::127.0.0.1 ::ffff:0:7f00:1 2001::80ff:fffe",
		dial.Reserved: "169.254.169.254 169.254.0.1 169.254.170.2 100.100.100.200 192.0.0.192 168.63.129.16 0.0.0.0 0.1.2.3 224.0.0.1 255.255.255.255 240.0.0.1 " +
			":: fe80::1 fe80::1%eth0 febf::1 ff02::1 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42 ::ffff:169.254.169.254 " +
			"::ffff:0.0.0.0 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe 2002:a9fe:a9fe:: ::a9fe:a9fe 2001::5601:5601",
	} {
		for _, text := range strings.Fields(list) {
			if got := dial.Of(netip.MustParseAddr(text)); got != network {
				t.Errorf("%s is in %q, want %q", text, got, network)
			}
		}
	}
	if got := dial.Of(netip.Addr{}); got != dial.Reserved {
		t.Errorf("no address is in %q", got)
	}
}

func TestNetwork_admitsTheInternetAndItsOwn(t *testing.T) {
	all := []dial.Network{dial.Internet, dial.Private, dial.Loopback, dial.Reserved, "odd"}
	for _, from := range all {
		for _, to := range all {
			want := to == dial.Internet || from == to && (to == dial.Private || to == dial.Loopback)
			if to != "odd" && from.Admits(to) != want {
				t.Errorf("%q admits %q: %v", from, to, !want)
			}
		}
	}
}

func TestCheckURL_refusesWhatItCanSee(t *testing.T) {
	const address, unusual, user = "refuse to fetch from", "an address in an unusual form", "user or password"
	for text, want := range map[string]string{
		"https://bosh.io/d/x?v=1":                    "",
		"https://198.51.100.7/x":                     "",
		"https://[2600:1f18::1]:8443/x":              "",
		"https://0x7f.example.com/":                  "",
		"https://127.0.0.1.example.com/":             "",
		"https://u:canary@bosh.io/x":                 user,
		"https://canary@bosh.io/x":                   user,
		"https://:@bosh.io/x":                        user,
		"http://169.254.169.254/latest":              address,
		"http://169.254.169.254./latest":             address,
		"http://[::ffff:169.254.169.254]/latest":     address,
		"http://[fd00:ec2::254]/":                    address,
		"http://[fe80::1%25eth0]/":                   address,
		"http://127.0.0.1:8080/":                     address,
		"http://LOCALHOST/":                          address,
		"http://a.localhost./":                       address,
		"http://10.0.0.6:25555/":                     address,
		"http://0.0.0.0/":                            address,
		"http://2130706433/":                         unusual,
		"http://0x7f000001/":                         unusual,
		"http://0X7F.1/":                             unusual,
		"http://017700000001/":                       unusual,
		"http://127.1/":                              unusual,
		"http://127.0.0.08/":                         unusual,
		"http://0127.0.0.1/":                         unusual,
		"http://1.2.3.4.5/":                          unusual,
		"http://１２７.０.０.１/":                          "not ASCII",
		"http://bücher.example/":                     "not ASCII",
		"http:///x":                                  "no host",
		"http://./x":                                 "no host",
		"file:///etc/passwd":                         "no host",
		"https://xn--bcher-kva.example/":             "",
		"https://storage.googleapis.com/a%00b?x#127": "",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		err = dial.CheckURL(u, dial.Internet)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && (!dial.Refused(err) || strings.Contains(err.Error(), "canary") || strings.ContainsAny(err.Error(), "\n\r")) {
			t.Errorf("%s: not a refusal in one line, or with a password: %q", text, err)
		}
	}
}

func TestCheckURL_letsAServerNameItsOwnNetwork(t *testing.T) {
	for text, from := range map[string]dial.Network{
		"http://10.0.0.6/": dial.Private, "http://[fd12::1]/": dial.Private,
		"http://127.0.0.1/": dial.Loopback, "http://localhost/": dial.Loopback, "http://[::1]/": dial.Loopback,
	} {
		u, _ := url.Parse(text)
		for _, n := range []dial.Network{dial.Internet, dial.Private, dial.Loopback, dial.Reserved} {
			if err := dial.CheckURL(u, n); (err == nil) != (n == from) {
				t.Errorf("%s named from %q: %v", text, n, err)
			}
		}
	}
}

func TestCheck_looksTheHostUp(t *testing.T) {
	names := map[string]string{
		"files.example.com": "198.51.100.7", "inside.example.com": "10.0.0.6", "both.example.com": "198.51.100.7 ::ffff:169.254.169.254", "here.example.com": "::1",
	}
	lookup := func(_ context.Context, host string) (list []netip.Addr, err error) {
		if names[host] == "" {
			return nil, errors.New("no such host")
		}
		for _, a := range strings.Fields(names[host]) {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
	for _, c := range []struct {
		url  string
		from dial.Network
		want string
	}{
		{"https://files.example.com/x", dial.Internet, ""},
		{"https://unknown.example.com/x", dial.Internet, ""},
		{"https://198.51.100.7/x", dial.Internet, ""},
		{"https://inside.example.com/x", dial.Private, ""},
		{"https://inside.example.com/x", dial.Internet, "refuse to fetch from inside.example.com: it is at 10.0.0.6, a private address, and the server that named it is not at one; only a mirror at a private address may name it"},
		{"https://inside.example.com/x", dial.Loopback, "refuse to fetch from inside.example.com: it is at 10.0.0.6, a private address"},
		{"https://here.example.com/x", dial.Private, "refuse to fetch from here.example.com: it is at ::1, a loopback address"},
		{"https://both.example.com/x", dial.Private, "refuse to fetch from both.example.com: it is at 169.254.169.254, a link-local address, which no server may name"},
		{"https://100.100.100.200/x", dial.Private, "refuse to fetch from 100.100.100.200: it is a metadata address, which no server may name"},
		{"https://0.0.0.0/x", dial.Private, "refuse to fetch from 0.0.0.0: it is an unspecified address, which no server may name"},
		{"https://a b/%zz", dial.Private, "refuse the url: it is not a URL"},
	} {
		err := dial.Check(t.Context(), c.url, c.from, lookup)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s from %q: %v, want %q", c.url, c.from, err, c.want)
		}
	}
}

func TestControl_looksAtTheAddressAlone(t *testing.T) {
	for address, want := range map[string]bool{
		"198.51.100.7:443": true, "[2600:1f18::1]:443": true,
		"127.0.0.1:80": false, "[::ffff:127.0.0.1]:80": false, "[fe80::1%eth0]:80": false, "10.0.0.6:80": false, "files.example.com:80": false,
	} {
		if err := dial.Internet.Control(t.Context(), "tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := dial.Loopback.Control(t.Context(), "tcp6", "[::1]:80", nil); err != nil {
		t.Error(err)
	}
}

// FuzzCheckURL wants that what is taken from the internet is no address that may not be
// named, in whatever form.
func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{"http://127.0.0.1/", "https://u:p@h/", "http://[::1%25lo]/", "http://0x7f.1/", "http://a.b./"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		err = dial.CheckURL(u, dial.Internet)
		if err != nil && (!dial.Refused(err) || strings.ContainsAny(err.Error(), "\n\r")) {
			t.Errorf("%q: not a refusal in one line: %q", text, err)
		}
		if a, literal := dial.Literal(u.Hostname()); err == nil && (u.User != nil || literal && dial.Of(a) != dial.Internet) {
			t.Errorf("%q is taken", text)
		}
	})
}
