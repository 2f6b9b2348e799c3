// Package tlsca makes certificate authorities and server certificates for
// simulators and tests, in memory: good ones, and ones that a careful client
// must refuse.
package tlsca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// CA is a certificate authority that lives as long as the process.
type CA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Options say what is wrong with a certificate. The zero value is a good one
// for 127.0.0.1, ::1 and localhost.
type Options struct {
	Hosts      []string // names and addresses instead of this machine's
	Expired    bool     // since yesterday
	SelfSigned bool     // signed by itself, not by the CA
}

// New makes a CA with a key of its own.
func New() (*CA, error) {
	template, err := newTemplate("Perpetual sandbox CA", time.Now().Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &CA{certificate: certificate, key: key}, nil
}

// PEM is the CA's certificate, as a ca_cert takes it.
func (c *CA) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.certificate.Raw}))
}

// Certificate makes a server's certificate with its key.
func (c *CA) Certificate(o Options) (tls.Certificate, error) {
	until := time.Now().Add(12 * time.Hour)
	if o.Expired {
		until = time.Now().Add(-24 * time.Hour)
	}
	template, err := newTemplate("Perpetual sandbox", until)
	if err != nil {
		return tls.Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"127.0.0.1", "::1", "localhost"}
	}
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a server's key: %w", err)
	}
	parent, signer := c.certificate, c.key
	if o.SelfSigned {
		parent, signer = template, key
	}
	certificate, err := sign(template, parent, key, signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key, Leaf: certificate}, nil
}

// Config is a server's TLS configuration with such a certificate.
func (c *CA) Config(o Options) (*tls.Config, error) {
	certificate, err := c.Certificate(o)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// newTemplate is what all certificates share.
func newTemplate(name string, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     until,
	}, nil
}

// sign makes the certificate of key.
func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}
