package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
)

func TestConfig_looksAtBothProxies(t *testing.T) {
	const (
		none     = "is not the URL of a proxy; want one such as http://proxy.example.com:3128"
		password = "has a user or a password in it, which every container would show; want a proxy that takes these hosts without"
		path     = "has a path behind the host; want one such as http://proxy.example.com:3128"
	)
	for url, want := range map[string]string{
		"http://proxy.example.com:3128": "", "https://proxy.example.com": "", "http://10.0.0.9:8080": "", "http://[fd00::1]:3128/": "", "HTTP://PROXY": "", "http://proxy//": "",
		"http://:3128":               none,
		"http://":                    none,
		"http:///x":                  none,
		"https://[fd00::1":           none,
		"http://proxy:port":          none,
		"http://%zz":                 none,
		"socks5://proxy":             none,
		"proxy.example.com:3128":     none,
		"proxy":                      none,
		"http://ada@proxy:3128":      password,
		"http://ada:hunter2@proxy":   password,
		"http://:hunter2@proxy":      password,
		"http://ada:hunter2@proxy/x": password,
		"http://proxy:3128/x":        path,
		"http://proxy:3128?x=1":      path,
		"http://proxy:3128/#x":       path,
	} {
		for _, key := range []string{"proxy.http", "proxy.https"} {
			c := parse(t, onAWS)
			if key == "proxy.http" {
				c.Proxy.HTTP = url
			} else {
				c.Proxy.HTTPS = url
			}
			var lines, wanted []string
			for _, p := range check.Config(config.Defaults(c), now) {
				lines = append(lines, p.Error())
			}
			if want != "" {
				wanted = []string{key + ": " + want}
			}
			if !slices.Equal(lines, wanted) || strings.Contains(strings.Join(lines, ""), "hunter2") {
				t.Errorf("%s %s: got  %q\nwant %q", key, url, lines, wanted)
			}
		}
	}
}

func TestConfig_wantsAProxyForItsExceptions(t *testing.T) {
	const alone = "warning: proxy.no: has no effect without proxy.http or proxy.https"
	says(t, "none", onAWS+"proxy: {no: [a]}", alone)
	says(t, "for http", onAWS+"proxy: {http: 'http://p:1', no: [a]}")
	says(t, "for https", onAWS+"proxy: {https: 'http://p:1', no: [a]}")
	says(t, "no exceptions", onAWS+"proxy: {no: []}")
	says(t, "on an own director", byo+"proxy: {no: [a]}", alone)
}

// Lists of releases have no signature of ours: what brings them must be known.
func TestConfig_wantsUpstreamsOverHTTPS(t *testing.T) {
	for _, key := range []string{"github", "bosh_io"} {
		for url, bad := range map[string]bool{
			"https://mirror.example.com": false, "https://10.0.0.9": false, "http://localhost:8080": false, "http://127.0.0.1": false, "http://127.9.9.9:80/x": false, "http://[::1]:8080": false,
			"http://mirror.example.com": true, "http://10.0.0.9": true, "http://localhost.example.com": true, "http://128.0.0.1": true, "http://[::2]": true, "http://0.0.0.0": true, "http://127.0.0.1.example.com": true,
		} {
			var want []string
			if bad {
				want = []string{key + ".url: " + url + " is http://, where anybody between can change lists and digests; want https:// ("}
			}
			says(t, url, onAWS+key+": {url: '"+url+"'}", want...)
		}
	}
}
