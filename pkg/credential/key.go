package credential

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"golang.org/x/crypto/ssh"
)

// keyBits is the length of the RSA keys that are made. The library has it for
// certificates, but makes plain keys and those of SSH of 2048 bits. RSA it is, because
// who writes a variable of type rsa or ssh gets RSA from BOSH, too.
const keyBits = 3072

// makeKey makes a value of type rsa or ssh, with the fields that BOSH gives it.
func makeKey(kind string) (map[string]any, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	value := map[string]any{"private_key": encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))}
	if kind == TypeRSA {
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		value["public_key"] = encodePEM("PUBLIC KEY", public)
		return value, nil
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	value["public_key"] = string(ssh.MarshalAuthorizedKey(public))
	value["public_key_fingerprint"] = ssh.FingerprintLegacyMD5(public)
	return value, nil
}

// encodePEM writes one block.
func encodePEM(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}
