package bootstrap_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/credential"
)

// shortened are generated credentials with keys of 1,024 bits in their certificates, which
// stay the same otherwise. Each run decrypts, verifies and decodes them several times, and
// the race detector watches every byte of that.
func shortened(body []byte) ([]byte, error) {
	all, err := credential.Decode(credentialsName, body)
	if err != nil {
		return nil, err
	}
	authorities := map[string]tls.Certificate{} // by their certificate as it was
	for _, ca := range []bool{true, false} {
		for name, value := range all {
			fields, _ := value.(map[string]any)
			text, _ := fields["certificate"].(string)
			by, _ := fields["ca"].(string)
			if text == "" || (text == by) != ca {
				continue
			}
			signer, signed := authorities[by]
			made, err := reissued(text, signer)
			if err != nil {
				return nil, err
			}
			if ca {
				authorities[text], signer = made, made
			} else if !signed {
				continue // by none of ours
			}
			key := x509.MarshalPKCS1PrivateKey(made.PrivateKey.(*rsa.PrivateKey))
			all[name] = map[string]any{
				"certificate": encoded("CERTIFICATE", made.Leaf.Raw), "private_key": encoded("RSA PRIVATE KEY", key), "ca": encoded("CERTIFICATE", signer.Leaf.Raw),
			}
		}
	}
	return credential.Encode(all)
}

// reissued is a certificate for a short key, which a CA has signed, or without one itself.
func reissued(text string, ca tls.Certificate) (tls.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return tls.Certificate{}, errors.New("a certificate is not PEM")
	}
	template, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return tls.Certificate{}, err
	}
	if ca.Leaf == nil {
		self := *template
		self.PublicKey = &key.PublicKey
		ca.Leaf, ca.PrivateKey = &self, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{PrivateKey: key, Leaf: leaf}, err
}

// encoded is one block of PEM.
func encoded(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}
