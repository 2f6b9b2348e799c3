package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// linesOf are the problems with a configuration, whatever the schema says of it.
func linesOf(c *config.Config, at time.Time) (lines []string) {
	for _, p := range check.Config(config.Defaults(c), at) {
		lines = append(lines, p.Error())
	}
	return lines
}

// Of each authority that can be given the certificate is looked at.
func TestConfig_looksAtEachAuthority(t *testing.T) {
	good, _ := pair(t, "ca.example.com", now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0))
	ended, _ := pair(t, "ca.example.com", now.AddDate(-1, 0, 0), now.AddDate(0, 0, -1))
	ending, key := pair(t, "ca.example.com", now.AddDate(-1, 0, 0), now.AddDate(0, 0, 3))
	for at, set := range map[string]func(c *config.Config, text string){
		"director.ca_cert": func(c *config.Config, text string) { c.Director.CACert = text },
		"github.ca_cert":   func(c *config.Config, text string) { c.GitHub.CACert = text },
		"bosh_io.ca_cert":  func(c *config.Config, text string) { c.BoshIO.CACert = text },
		"auth.github.ca_cert": func(c *config.Config, text string) {
			c.Auth.GitHub = &config.GitHubLogin{ClientID: "i", ClientSecret: secret.New("s"), CACert: text}
		},
		"auth.oidc.ca_cert": func(c *config.Config, text string) {
			c.Auth.OIDC = &config.OIDC{ClientID: "i", ClientSecret: secret.New("s"), Issuer: "https://l", CACert: text}
		},
	} {
		for text, want := range map[string]string{
			"":             "",
			good:           "",
			good + ended:   "", // the first one counts
			ended:          at + ": ended on 2026-07-31; want one that is valid",
			ending:         "warning: " + at + ": ends on 2026-08-04; have the next one ready",
			key:            at + ": holds a PRIVATE KEY, not a CERTIFICATE",
			"-----BEGIN X": at + ": is not PEM text; is it cut short, or indented otherwise than its first line?",
		} {
			c := parse(t, byo)
			set(c, text)
			var wanted []string
			if want != "" {
				wanted = []string{want}
			}
			if lines := linesOf(c, now); !slices.Equal(lines, wanted) {
				t.Errorf("%s, %.40q: got  %q\nwant %q", at, text, lines, wanted)
			}
		}
	}
}

// A certificate is valid in the seconds that it names, and thirty days before the last
// one it is time for the next.
func TestConfig_looksAtTheSecondsOfACertificate(t *testing.T) {
	from, to := now.AddDate(-1, 0, 0), now.AddDate(0, 0, 90)
	certificate, _ := pair(t, "ca.example.com", from, to)
	soon := to.Add(-30 * 24 * time.Hour)
	for name, of := range map[string]struct {
		at   time.Time
		want string
	}{
		"a second before it":  {from.Add(-time.Second), "github.ca_cert: begins on 2025-08-01 only; want one that is valid now"},
		"its first second":    {from, ""},
		"thirty days before":  {soon, ""},
		"a second later":      {soon.Add(time.Second), "warning: github.ca_cert: ends on 2026-10-30; have the next one ready"},
		"its last second":     {to, "warning: github.ca_cert: ends on 2026-10-30; have the next one ready"},
		"a second behind it":  {to.Add(time.Second), "github.ca_cert: ended on 2026-10-30; want one that is valid"},
		"in another zone now": {to.Add(time.Second).In(time.FixedZone("east", 14*60*60)), "github.ca_cert: ended on 2026-10-30; want one that is valid"},
	} {
		c := parse(t, onAWS)
		c.GitHub.CACert = certificate
		var wanted []string
		if of.want != "" {
			wanted = []string{of.want}
		}
		if lines := linesOf(c, of.at); !slices.Equal(lines, wanted) {
			t.Errorf("%s: got  %q\nwant %q", name, lines, wanted)
		}
	}
}

// keyForms are PEM texts of one RSA key and one of an elliptic curve, and certificates of
// both.
func keyForms(t *testing.T) (rsaCertificate, ecCertificate string, forms map[string]string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, headers map[string]string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der}))
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ci"}, DNSNames: []string{"ci.example.com"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	ofRSA, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	rsaCertificate = encode("CERTIFICATE", nil, ofRSA, err)
	ofEC, err := x509.CreateCertificate(rand.Reader, template, template, &curve.PublicKey, curve)
	ecCertificate = encode("CERTIFICATE", nil, ofEC, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	forms = map[string]string{"PKCS8": encode("PRIVATE KEY", nil, pkcs8, err)}
	forms["PKCS1"] = encode("RSA PRIVATE KEY", nil, x509.MarshalPKCS1PrivateKey(private), nil)
	forms["with a pass phrase"] = encode("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, []byte("hunter2canary"), nil)
	sec1, err := x509.MarshalECPrivateKey(curve)
	forms["SEC1"] = encode("EC PRIVATE KEY", nil, sec1, err)
	return rsaCertificate, ecCertificate, forms
}

func TestConfig_takesPrivateKeysInEveryForm(t *testing.T) {
	ofRSA, ofEC, forms := keyForms(t)
	const anothers = "tls.private_key: is not the key of tls.certificate, whose subject is CN=ci"
	for name, of := range map[string]struct{ certificate, key, want string }{
		"PKCS8":                {ofRSA, forms["PKCS8"], ""},
		"PKCS1":                {ofRSA, forms["PKCS1"], ""},
		"SEC1":                 {ofEC, forms["SEC1"], ""},
		"text before it":       {ofEC, "Bag Attributes\n" + forms["SEC1"], ""},
		"of another kind":      {ofEC, forms["PKCS1"], anothers},
		"of another kind back": {ofRSA, forms["SEC1"], anothers},
		"a pass phrase":        {ofRSA, forms["with a pass phrase"], "tls.private_key: is encrypted; want it without a pass phrase"},
		"the certificate":      {ofRSA, ofRSA, "tls.private_key: holds no private key that can be read"},
		"cut in its lines":     {ofRSA, strings.Replace(forms["PKCS8"], "\n", "\nMIIE hunter2canary\n", 1), "tls.private_key: is not PEM text; is it cut short, or indented otherwise than its first line?"},
	} {
		c := parse(t, onAWS)
		c.Access.Domain = "ci.example.com"
		c.TLS = config.TLS{Certificate: of.certificate, PrivateKey: secret.New(of.key)}
		var wanted []string
		if of.want != "" {
			wanted = []string{of.want}
		}
		if lines := linesOf(c, now); !slices.Equal(lines, wanted) || strings.Contains(strings.Join(lines, ""), "hunter2") {
			t.Errorf("%s: got  %q\nwant %q", name, lines, wanted)
		}
	}
}

// Whatever the texts are, a problem is one line and has nothing of the key in it.
func FuzzConfig_certificates(f *testing.F) {
	const secretLine = "AAAAhunter2canaryAAAA"
	for _, seed := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\n" + secretLine + "\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
		"-----BEGIN X-----\nDEK-Info: a\n\n" + secretLine + "\n-----END X-----\n", "-----BEGIN A\x01B-----\nAAAA\n-----END A\x01B-----"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, certificate, key string) {
		c := &config.Config{Name: "ci", AWS: &config.AWS{Region: "eu-central-1"}}
		c.TLS = config.TLS{Certificate: certificate, PrivateKey: secret.New(key)}
		c.GitHub.CACert = certificate
		for _, p := range check.Config(config.Defaults(c), now) {
			if strings.ContainsAny(p.Error(), "\r\n") || strings.Contains(p.Error(), secretLine) {
				t.Errorf("got %q", p.Error())
			}
		}
	})
}
