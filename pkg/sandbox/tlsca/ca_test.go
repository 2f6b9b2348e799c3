package tlsca_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// get asks a server with such a certificate, trusting only the CA in trusted.
func get(t *testing.T, ca *tlsca.CA, o tlsca.Options, trusted string) error {
	t.Helper()
	config, err := ca.Config(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS, server.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(trusted)) {
		t.Fatal("the CA gives no PEM")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := client.Get(server.URL)
	if err == nil {
		_ = res.Body.Close()
	}
	return err
}

func TestCertificate_isGoodOnlyWhereItShouldBe(t *testing.T) {
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	cases := []struct {
		name    string
		options tlsca.Options
		trusted string
		want    any // the error's type; nil is none
	}{
		{"good", tlsca.Options{}, ca.PEM(), nil},
		{"another CA", tlsca.Options{}, other.PEM(), &unknown},
		{"expired", tlsca.Options{Expired: true}, ca.PEM(), &invalid},
		{"another host", tlsca.Options{Hosts: []string{"ci.example.com"}}, ca.PEM(), &host},
		{"self-signed", tlsca.Options{SelfSigned: true}, ca.PEM(), &unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := get(t, ca, c.options, c.trusted)
			if c.want == nil && err != nil {
				t.Errorf("error = %v", err)
			}
			if c.want != nil && !errors.As(err, c.want) {
				t.Errorf("error = %v, want %T", err, c.want)
			}
		})
	}
}
