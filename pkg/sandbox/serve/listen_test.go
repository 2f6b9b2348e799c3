package serve_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/serve"
)

// ready is where the variables go; it ends the servers once they are there.
type ready struct {
	use func(text []byte)
	end context.CancelFunc
}

func (r ready) Write(text []byte) (int, error) {
	defer r.end()
	r.use(text)
	return len(text), nil
}

// notes are what is said while it serves.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func TestRun_servesAtTheAddressWithACertificateForIt(t *testing.T) {
	for listen, want := range map[string]string{"": "127.0.0.1", "127.0.0.1": "127.0.0.1", "127.0.80.1": "127.0.80.1"} {
		t.Run(listen, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var said notes
			looked := false
			err := serve.Run(ctx, serve.Options{Listen: listen, Err: &said, Out: ready{func(text []byte) {
				looked = true
				var vars map[string]any
				if err := yaml.Unmarshal(text, &vars); err != nil {
					t.Error(err)
				}
				pool := x509.NewCertPool()
				pool.AppendCertsFromPEM([]byte(vars["director_ca_cert"].(string)))
				client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
				defer client.CloseIdleConnections()
				for _, name := range []string{"director_url", "atc_url", "github_url", "bosh_io_url"} {
					url := vars[name].(string)
					if !strings.Contains(url, "://"+want+":") {
						t.Errorf("%s is %s", name, url)
					}
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
					if err != nil {
						t.Fatal(err)
					}
					res, err := client.Do(req)
					if err != nil {
						t.Errorf("%s: %v", name, err)
						continue
					}
					_ = res.Body.Close()
				}
			}, cancel}})
			if err != nil || !looked {
				t.Errorf("looked: %v, error %v", looked, err)
			}
			if strings.Contains(said.String(), "can use these servers") {
				t.Errorf("it warns of a loopback address: %s", said.String())
			}
		})
	}
}

func TestRun_refusesWhatIsNoAddressOfThisMachine(t *testing.T) {
	cases := []struct {
		name, listen string
		install      bool
		want         string
	}{
		{"a name", "localhost", false, `listen on "localhost": that is not an IP address`},
		{"a port", "127.0.0.1:8080", false, "without a port"},
		{"half an address", "10.80.0", false, "not an IP address"},
		{"all addresses", "0.0.0.0", false, "a single one of this machine's"},
		{"all addresses of IPv6", "::", false, "a single one"},
		{"many machines", "224.0.0.1", false, "not an address by which clients reach this machine"},
		{"a zone", "fe80::1%eth0", false, "not an address by which clients reach this machine"},
		{"another machine's", "203.0.113.1", false, "listen on 203.0.113.1: that is not an address of this machine"},
		{"with an account", "127.0.0.2", true, "with --install"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out, said notes
			err := serve.Run(t.Context(), serve.Options{Listen: c.listen, Install: c.install, Out: &out, Err: &said})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if out.String()+said.String() != "" {
				t.Errorf("it said %s%s", out.String(), said.String())
			}
		})
	}
}

func TestRun_endsWhenNobodyReadsTheVariables(t *testing.T) {
	err := serve.Run(t.Context(), serve.Options{Out: broken{}, Err: &notes{}})
	if err == nil || !strings.Contains(err.Error(), "write the variables: broken pipe") {
		t.Errorf("error %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRun_warnsOfWhoReachesIt(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		ip := address.(*net.IPNet).IP
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		var said notes
		err := serve.Run(ctx, serve.Options{Listen: ip.String(), Err: &said, Out: ready{func([]byte) {}, cancel}})
		if want := "sandbox: everybody who reaches " + ip.String() + " can use these servers: their passwords are published"; err != nil || !strings.Contains(said.String(), want) {
			t.Errorf("%v, it said %q", err, said.String())
		}
		return
	}
	t.Skip("this machine has only loopback addresses")
}
