package credential

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
)

// pair is a certificate and its key, in PEM.
type pair struct{ certificate, privateKey string }

// asPair reads a value that is a certificate.
func asPair(value any) (pair, bool) {
	fields, ok := value.(map[string]any)
	if !ok {
		return pair{}, false
	}
	certificate, hasCertificate := fields["certificate"].(string)
	key, hasKey := fields["private_key"].(string)
	return pair{certificate, key}, hasCertificate && hasKey
}

// parse gives the first certificate. Its error says nothing of the content.
func (p pair) parse() (*x509.Certificate, error) { return parseCertificate(p.certificate) }

// key gives the private key that belongs to the certificate.
func (p pair) key() (crypto.PrivateKey, error) {
	both, err := tls.X509KeyPair([]byte(p.certificate), []byte(p.privateKey))
	if err != nil {
		return nil, errors.New("certificate and key do not belong together")
	}
	return both.PrivateKey, nil
}

// parseCertificate reads the first certificate of a PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it is not a certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not a certificate that can be read")
	}
	return certificate, nil
}

// keeps says whether what is there under a variable's name may stay. It fails for
// a value that is of another type: whoever put it there meant something by it.
func (g *generator) keeps(v Variable) (bool, error) {
	value, there := g.all[v.Name]
	if !there {
		return false, nil
	}
	mismatch := fmt.Errorf("credential %s is kept, but is no %s as is wanted now; give it another name, or remove it from the credentials to have it made", v.Name, v.Type)
	switch v.Type {
	case TypePassword:
		if text, ok := value.(string); !ok || text == "" {
			return false, mismatch
		}
		return true, nil
	case TypeRSA, TypeSSH:
		fields, ok := value.(map[string]any)
		if private, _ := fields["private_key"].(string); !ok || private == "" {
			return false, mismatch
		}
		if public, _ := fields["public_key"].(string); public == "" {
			return false, mismatch
		}
		return true, nil
	}
	both, ok := asPair(value)
	if !ok {
		return false, mismatch
	}
	return g.fits(v, both)
}

// fits says whether a certificate is still the wanted one.
func (g *generator) fits(v Variable, p pair) (bool, error) {
	certificate, err := p.parse()
	if err != nil {
		return false, fmt.Errorf("credential %s is damaged: %w", v.Name, err)
	}
	if v.isCA() {
		if !certificate.IsCA {
			return false, fmt.Errorf("credential %s is kept, but is not the certificate of a CA as is wanted now", v.Name)
		}
		return true, nil
	}
	if _, err := p.key(); err != nil {
		return false, fmt.Errorf("credential %s is damaged: %w", v.Name, err)
	}
	if certificate.NotAfter.Sub(g.options.Now) <= g.options.RenewBefore {
		return false, nil
	}
	ca, err := g.authority(v.text("ca"))
	if err != nil {
		return false, fmt.Errorf("credential %s: %w", v.Name, err)
	}
	return certificate.CheckSignatureFrom(ca) == nil && namesFit(v, certificate), nil
}

// authority gives the certificate of a CA, which may be there without its key.
func (g *generator) authority(name string) (*x509.Certificate, error) {
	p, ok := asPair(g.all[name])
	if !ok {
		return nil, fmt.Errorf("%s is not a certificate with its key", name)
	}
	certificate, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !certificate.IsCA {
		return nil, fmt.Errorf("%s is not a certificate of a CA", name)
	}
	return certificate, nil
}

// stays says whether a certificate that would be generated again cannot be, since the key of
// its CA is withheld. That is said.
func (g *generator) stays(v Variable) bool {
	signer, ok := asPair(g.all[v.text("ca")])
	if v.Type != TypeCertificate || !ok || signer.privateKey != "" || g.options.Withheld == nil {
		return false
	}
	have, there := asPair(g.all[v.Name])
	if !there {
		return false // nothing can stand in for one that is not there
	}
	certificate, err := have.parse()
	if err != nil {
		return false
	}
	g.options.Withheld(v.Name, daysLeft(certificate, g.options.Now))
	return true
}

// namesFit says whether a certificate has exactly the wanted names and uses.
func namesFit(v Variable, certificate *x509.Certificate) bool {
	var names []string
	for _, name := range v.list("alternative_names") {
		if ip := net.ParseIP(name); ip != nil {
			name = ip.String()
		}
		names = append(names, name)
	}
	has := slices.Clone(certificate.DNSNames)
	for _, ip := range certificate.IPAddresses {
		has = append(has, ip.String())
	}
	slices.Sort(names)
	slices.Sort(has)
	return certificate.Subject.CommonName == v.text("common_name") &&
		slices.Equal(slices.Compact(names), slices.Compact(has)) && usesFit(v, certificate)
}

// usesFit says whether a certificate may be used for what is wanted.
func usesFit(v Variable, certificate *x509.Certificate) bool {
	wanted := v.list("extended_key_usage")
	if len(wanted) == 0 {
		wanted = []string{"server_auth"}
	}
	for _, use := range wanted {
		want := x509.ExtKeyUsageServerAuth
		if use == "client_auth" {
			want = x509.ExtKeyUsageClientAuth
		}
		if !slices.Contains(certificate.ExtKeyUsage, want) {
			return false
		}
	}
	return len(certificate.ExtKeyUsage) == len(wanted)
}
