package credential_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/credential"
)

func encoded(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}

// private is the RSA key of a generated pair.
func private(t *testing.T, all object, name string) *rsa.PrivateKey {
	t.Helper()
	fields, _ := all[name].(object)
	text, _ := fields["private_key"].(string)
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "RSA PRIVATE KEY" || len(rest) > 0 {
		t.Fatalf("the private key of %s is not one block of RSA", name)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return key
}

func TestGenerate_makesKeysOf3072Bits(t *testing.T) {
	all := made(t)
	for _, name := range []string{"ca", "server_tls", "client_tls", "signing_key", "host_key"} {
		if bits := private(t, all, name).N.BitLen(); bits != 3072 {
			t.Errorf("%s has %d bits", name, bits)
		}
	}
}

// The fields are those that BOSH's own generator gives, and the halves belong together.
func TestGenerate_givesBothHalvesOfAKey(t *testing.T) {
	all := made(t)
	public, err := x509.MarshalPKIXPublicKey(&private(t, all, "signing_key").PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	want := object{"private_key": all["signing_key"].(object)["private_key"], "public_key": encoded("PUBLIC KEY", public)}
	if diff := cmp.Diff(any(want), all["signing_key"]); diff != "" {
		t.Error("the RSA key's fields are not as wanted")
	}
	host := all["host_key"].(object)
	signer, err := ssh.ParsePrivateKey([]byte(host["private_key"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	want = object{
		"private_key": host["private_key"], "public_key": string(ssh.MarshalAuthorizedKey(signer.PublicKey())),
		"public_key_fingerprint": ssh.FingerprintLegacyMD5(signer.PublicKey()),
	}
	if diff := cmp.Diff(want, host); diff != "" {
		t.Error("the SSH key's fields are not as wanted")
	}
}

// Keys of an earlier release are shorter. Nobody who knows them would know new ones: a
// worker its web, a browser its CA.
func TestGenerate_keepsShorterKeys(t *testing.T) {
	short := func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	pair := func(template, signer *x509.Certificate, key, by *rsa.PrivateKey) (*x509.Certificate, object) {
		raw, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		return c, object{"certificate": encoded("CERTIFICATE", raw), "private_key": encoded("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), "ca": ""}
	}
	signing, host, caKey, tlsKey := short(), short(), short(), short()
	end := time.Now().AddDate(1, 0, 0)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: end, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca, caPair := pair(authority, authority, caKey, caKey)
	_, tlsPair := pair(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "web"}, NotAfter: end, DNSNames: []string{"web"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca, tlsKey, caKey)
	public, err := ssh.NewPublicKey(&host.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	have := object{
		"signing_key": object{"private_key": encoded("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(signing)), "public_key": "-----BEGIN PUBLIC KEY-----"},
		"host_key":    object{"private_key": encoded("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(host)), "public_key": string(ssh.MarshalAuthorizedKey(public))},
		"ca":          caPair, "tls": tlsPair,
	}
	const text = `
variables:
- {name: signing_key, type: rsa}
- {name: host_key, type: ssh}
- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}
- {name: tls, type: certificate, options: {ca: ca, common_name: web, alternative_names: [web]}}
`
	all, added := generate(t, text, have, credential.Options{})
	if len(added) > 0 || !cmp.Equal(have, all) {
		t.Errorf("made again: %v", added)
	}
	// What ends is generated again, by the CA that is there.
	all, added = generate(t, text, have, credential.Options{Now: end.AddDate(0, 0, -1), RenewBefore: 30 * 24 * time.Hour})
	if !cmp.Equal(added, []string{"tls"}) || private(t, all, "tls").N.BitLen() != 3072 {
		t.Errorf("made again: %v", added)
	}
	leaf, err := tls.X509KeyPair([]byte(all["tls"].(object)["certificate"].(string)), []byte(all["tls"].(object)["private_key"].(string)))
	if err != nil || leaf.Leaf.CheckSignatureFrom(ca) != nil {
		t.Errorf("the new certificate is not of the CA that was there: %v", err)
	}
}
