package transport_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// What the tests log in with; none of it may turn up in an error.
const (
	password     = "canary-Pa55word&x"
	clientSecret = "canary-cl1ent/secret"
)

func TestNew_namesTheSettingThatIsWrong(t *testing.T) {
	cases := []struct {
		name   string
		change func(*transport.Config)
		want   string // in the error; "" is not an error
	}{
		{"all in order", func(*transport.Config) {}, ""},
		{"no port", func(c *transport.Config) { c.URL = "https://10.0.0.6" }, ""},
		{"slash at the end", func(c *transport.Config) { c.URL = "https://10.0.0.6:25555/" }, ""},
		{"a client", func(c *transport.Config) {
			*c = transport.Config{URL: c.URL, Client: "ci", ClientSecret: secret.New(clientSecret)}
		}, ""},
		{"no url", func(c *transport.Config) { c.URL = "" }, "url: it is empty"},
		{"no scheme", func(c *transport.Config) { c.URL = "10.0.0.6:25555" }, "scheme and host"},
		{"no scheme, a name", func(c *transport.Config) { c.URL = "director.internal" }, "scheme and host"},
		{"plain http", func(c *transport.Config) { c.URL = "http://10.0.0.6:25555" }, "speaks https, not http"},
		{"no host", func(c *transport.Config) { c.URL = "https://:25555" }, "no host"},
		{"a path", func(c *transport.Config) { c.URL = "https://10.0.0.6/info" }, "scheme, host and port alone"},
		{"credentials in the url", func(c *transport.Config) { c.URL = "https://a:" + password + "@h" }, "contains credentials"},
		{"ca is not pem", func(c *transport.Config) { c.CACert = "MIIC" }, "ca_cert"},
		{"no login", func(c *transport.Config) { c.Username, c.Password = "", secret.Value{} }, "give username and password, or"},
		{"two logins", func(c *transport.Config) { c.Client, c.ClientSecret = "ci", secret.New(clientSecret) }, "not both"},
		{"no password", func(c *transport.Config) { c.Password = secret.Value{} }, "username without password"},
		{"no username", func(c *transport.Config) { c.Username = "" }, "password without username"},
		{"no client secret", func(c *transport.Config) {
			*c = transport.Config{URL: c.URL, Client: "ci"}
		}, "client without client_secret"},
		{"no client", func(c *transport.Config) {
			*c = transport.Config{URL: c.URL, ClientSecret: secret.New(clientSecret)}
		}, "client_secret without client"},
		{"proxy of another kind", func(c *transport.Config) { c.Proxy = "http://u:" + password + "@p:3128" }, "scheme http is neither"},
		{"proxy without host", func(c *transport.Config) { c.Proxy = "socks5:" + password }, "give it as socks5://"},
		{"jumpbox without key", func(c *transport.Config) { c.Proxy = "ssh+socks5://jumpbox@p:22?host-key=any" }, "proxy_private_key, or ?private-key=PATH"},
		{"jumpbox with a bad host key", func(c *transport.Config) {
			c.Proxy, c.ProxyHostKey = "ssh+socks5://j@p", "AAAAB3NzaC1yc2E"
		}, "not a fingerprint as ssh-keygen -l prints it"},
		{"jumpbox without host key", func(c *transport.Config) {
			c.Proxy, c.ProxyKey = "ssh+socks5://j@p", secret.New(password)
		}, "check director.proxy: proxy_host_key is missing, without which anybody on the way can pose as the SSH server: give a fingerprint that `ssh-keyscan p | ssh-keygen -lf -` prints, as SHA256:…, or any to take every key"},
		{"jumpbox at another port without host key", func(c *transport.Config) {
			c.Proxy, c.ProxyKey = "ssh+socks5://j@p:2022", secret.New(password)
		}, "`ssh-keyscan -p 2022 p | ssh-keygen -lf -`"},
		{"jumpbox with a lost key", func(c *transport.Config) { c.Proxy = "ssh+socks5://j@p?private-key=/no/such&host-key=any" }, "/no/such"},
		{"jumpbox with a bad key", func(c *transport.Config) {
			c.Proxy, c.ProxyKey, c.ProxyHostKey = "ssh+socks5://j@p", secret.New("-----BEGIN "+password), "any"
		}, "not a private key in PEM form"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := transport.Config{URL: "https://10.0.0.6:25555", Username: "admin", Password: secret.New(password)}
			c.change(&config)
			_, err := transport.New(config)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
