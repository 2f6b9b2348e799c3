package check

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// soon is how long before its end a certificate is warned of.
const soon = 30 * 24 * time.Hour

// certificate looks at the certificate of the web, and at those of authorities.
func (v *validator) certificate() {
	t := v.c.TLS
	if t.Mode != config.TLSOwn {
		if t.Certificate != "" {
			v.wrong("tls.certificate", "is for mode own, and tls.mode is %s", t.Mode)
		}
		if !t.PrivateKey.Empty() && t.Certificate == "" {
			v.wrong("tls.private_key", "has no certificate: set tls.certificate as well")
		}
	} else {
		v.own()
	}
	if t.ACMEURL != "" && t.Mode != config.TLSLetsEncrypt {
		v.wrong("tls.acme_url", "is for mode lets_encrypt, and tls.mode is %s", t.Mode)
	}
	if t.Mode == config.TLSLetsEncrypt {
		switch {
		case v.c.Access.Domain == "":
			v.wrong("tls.mode", "lets_encrypt needs access.domain")
		case v.c.Access.Port != 0 && v.c.Access.Port != 443:
			v.wrong("access.port", "Let's Encrypt asks at port 443 only; use it, or an own certificate")
		case len(v.c.Access.Web) > 0 && !slices.Contains(v.c.Access.Web, config.Everywhere) && t.ACMEURL == "":
			v.wrong("tls.mode", "Let's Encrypt reaches the web node from anywhere, and access.web lacks %s; use an own certificate", config.Everywhere)
		}
	}
	authorities := map[string]string{"director.ca_cert": v.c.Director.CACert, "github.ca_cert": v.c.GitHub.CACert, "bosh_io.ca_cert": v.c.BoshIO.CACert}
	if g := v.c.Auth.GitHub; g != nil {
		authorities["auth.github.ca_cert"] = g.CACert
	}
	if o := v.c.Auth.OIDC; o != nil {
		authorities["auth.oidc.ca_cert"] = o.CACert
	}
	for key, text := range authorities {
		v.authority(key, text)
	}
}

// own looks at a certificate of the user's own: that it is one, that the key is its
// key, that it is for the domain, and that it is valid now.
func (v *validator) own() {
	t := v.c.TLS
	switch {
	case t.Certificate == "":
		v.wrong("tls.certificate", "is required with mode own")
		return
	case t.PrivateKey.Empty():
		v.wrong("tls.private_key", "is required with a certificate")
		return
	}
	leaf, err := parseCertificate(t.Certificate)
	if err != nil {
		v.wrong("tls.certificate", "%v", err)
		return
	}
	if _, err := parseKey(t.PrivateKey.Reveal()); err != nil {
		v.wrong("tls.private_key", "%v", err)
	} else if _, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.PrivateKey.Reveal())); err != nil {
		v.wrong("tls.private_key", "is not the key of tls.certificate, whose subject is %s", leaf.Subject)
	}
	if domain := v.c.Access.Domain; domain == "" {
		v.warn("tls.certificate", "has no effect without access.domain: the web node's address is not in it")
	} else if leaf.VerifyHostname(domain) != nil {
		v.wrong("tls.certificate", "is for %v, not for %s", append(leaf.DNSNames, addresses(leaf)...), domain)
	}
	v.validity("tls.certificate", leaf)
}

// validity looks at a certificate's time.
func (v *validator) validity(key string, c *x509.Certificate) {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case v.now.After(c.NotAfter):
		v.wrong(key, "ended on %s; want one that is valid", day(c.NotAfter))
	case v.now.Before(c.NotBefore):
		v.wrong(key, "begins on %s only; want one that is valid now", day(c.NotBefore))
	case v.now.Add(soon).After(c.NotAfter):
		v.warn(key, "ends on %s; have the next one ready", day(c.NotAfter))
	}
}

// authority looks at the certificate of an authority.
func (v *validator) authority(key, text string) {
	if text == "" {
		return
	}
	c, err := parseCertificate(text)
	if err != nil {
		v.wrong(key, "%v", err)
		return
	}
	v.validity(key, c)
}

// parseCertificate reads the first certificate in PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("is not PEM text; is it cut short, or indented otherwise than its first line?")
	case block.Type != "CERTIFICATE":
		return nil, errors.New("holds a " + block.Type + ", not a CERTIFICATE")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("holds no certificate that can be read")
	}
	return c, nil
}

// parseKey reads the private key in PEM text. The library's errors, which can quote
// what they read, are not shown.
func parseKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is not PEM text; is it cut short, or indented otherwise than its first line?")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("is encrypted; want it without a pass phrase")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("holds no private key that can be read")
}

// addresses are the addresses that a certificate is for.
func addresses(c *x509.Certificate) []string {
	var out []string
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}
