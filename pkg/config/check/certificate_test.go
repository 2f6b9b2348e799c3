package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// pair is a certificate and its key, as PEM text.
func pair(t *testing.T, domain string, from, to time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, NotBefore: from, NotAfter: to}
	if ip := net.ParseIP(domain); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{domain}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestConfig_looksIntoCertificates(t *testing.T) {
	day := 24 * time.Hour
	certificate, key := pair(t, "ci.example.com", now.Add(-day), now.Add(100*day))
	wildcard, wildcardKey := pair(t, "*.example.com", now.Add(-day), now.Add(100*day))
	address, addressKey := pair(t, "198.51.100.7", now.Add(-day), now.Add(100*day))
	ended, endedKey := pair(t, "ci.example.com", now.Add(-100*day), now.Add(-day))
	future, futureKey := pair(t, "ci.example.com", now.Add(day), now.Add(100*day))
	ending, endingKey := pair(t, "ci.example.com", now.Add(-day), now.Add(10*day))
	encrypted := strings.ReplaceAll(key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
	cut := "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	notOne := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

	for name, of := range map[string]struct {
		mode, certificate, key, domain string
		want                           []string
	}{
		"all well":          {"", certificate, key, "ci.example.com", nil},
		"with its chain":    {"own", certificate + wildcard, key, "ci.example.com", nil},
		"a wildcard":        {"", wildcard, wildcardKey, "ci.example.com", nil},
		"another domain":    {"", certificate, key, "cd.example.com", []string{"tls.certificate: is for [ci.example.com], not for cd.example.com"}},
		"too deep":          {"", wildcard, wildcardKey, "a.ci.example.com", []string{"tls.certificate: is for [*.example.com], not for a.ci.example.com"}},
		"for an address":    {"", address, addressKey, "ci.example.com", []string{"tls.certificate: is for [198.51.100.7], not for ci.example.com"}},
		"no domain":         {"", certificate, key, "", []string{"warning: tls.certificate: has no effect without access.domain: the web node's address is not in it"}},
		"another's key":     {"", certificate, wildcardKey, "ci.example.com", []string{"tls.private_key: is not the key of tls.certificate, whose subject is CN=ci.example.com"}},
		"no key":            {"", certificate, "", "ci.example.com", []string{"tls.private_key: is required with a certificate"}},
		"no certificate":    {"", "", key, "ci.example.com", []string{"tls.private_key: has no certificate: set tls.certificate as well"}},
		"mode own alone":    {"own", "", "", "ci.example.com", []string{"tls.certificate: is required with mode own"}},
		"another mode":      {"lets_encrypt", certificate, key, "ci.example.com", []string{"tls.certificate: is for mode own, and tls.mode is lets_encrypt"}},
		"ended":             {"", ended, endedKey, "ci.example.com", []string{"tls.certificate: ended on 2026-07-31; want one that is valid"}},
		"not begun":         {"", future, futureKey, "ci.example.com", []string{"tls.certificate: begins on 2026-08-02 only; want one that is valid now"}},
		"ends soon":         {"", ending, endingKey, "ci.example.com", []string{"warning: tls.certificate: ends on 2026-08-11; have the next one ready"}},
		"an encrypted key":  {"", certificate, encrypted, "ci.example.com", []string{"tls.private_key: is encrypted; want it without a pass phrase"}},
		"a key cut short":   {"", certificate, cut, "ci.example.com", []string{"tls.private_key: holds no private key that can be read"}},
		"a key without end": {"", certificate, "-----BEGIN PRIVATE KEY-----\nAAAA", "ci.example.com", []string{"tls.private_key: is not PEM text; is it cut short, or indented otherwise than its first line?"}},
		"no certificate in": {"", notOne, key, "ci.example.com", []string{"tls.certificate: holds no certificate that can be read"}},
		"the key in place":  {"", key, key, "ci.example.com", []string{"tls.certificate: holds a PRIVATE KEY, not a CERTIFICATE"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, onAWS)
			c.TLS = config.TLS{Mode: of.mode, Certificate: of.certificate, PrivateKey: secret.New(of.key)}
			c.Access.Domain = of.domain
			var lines []string
			for _, p := range check.Config(config.Defaults(c), now) {
				lines = append(lines, p.Error())
				if strings.Contains(p.Text, "MIG") || strings.Contains(p.Text, "AAAA") {
					t.Errorf("the key is in %q", p.Text)
				}
			}
			if !reflect.DeepEqual(lines, of.want) {
				t.Errorf("got  %q\nwant %q", lines, of.want)
			}
		})
	}
}
