package seal

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// The kinds of public keys, which begin their texts.
const (
	kindEd25519 = "ed25519:"
	kindP256    = "ecdsa-p256:" // what AWS KMS calls ECC_NIST_P256
)

// PublicKey verifies what an operator has signed. The zero value verifies nothing.
type PublicKey struct {
	kind string
	raw  []byte // ed25519: the key; P-256: its SubjectPublicKeyInfo
}

// NewP256 is the key of a SubjectPublicKeyInfo in DER, as KMS's GetPublicKey gives it.
func NewP256(der []byte) (PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, errors.New("read the public key: it is not one in DER")
	}
	if key, ok := parsed.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return PublicKey{}, errors.New("read the public key: want one of ECC_NIST_P256")
	}
	return PublicKey{kindP256, der}, nil
}

// ParsePublicKey reads what String has written.
func ParsePublicKey(text string) (PublicKey, error) {
	text = strings.TrimSpace(text)
	for _, kind := range []string{kindEd25519, kindP256} {
		coded, is := strings.CutPrefix(text, kind)
		if !is {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(coded)
		switch {
		case err != nil:
		case kind == kindP256:
			return NewP256(raw)
		case len(raw) == ed25519.PublicKeySize:
			return PublicKey{kind, raw}, nil
		}
	}
	return PublicKey{}, errors.New("read the public key: want ed25519:… or ecdsa-p256:… with base64")
}

// String is the key as text, in one word.
func (k PublicKey) String() string { return k.kind + base64.StdEncoding.EncodeToString(k.raw) }

// Empty reports whether k is the zero value, which verifies nothing.
func (k PublicKey) Empty() bool { return k.kind == "" }

// ID names the key: the first 16 hex digits of the SHA-256 of its text.
func (k PublicKey) ID() string {
	if k.kind == "" {
		return "none"
	}
	sum := sha256.Sum256([]byte(k.String()))
	return hex.EncodeToString(sum[:8])
}

// verifies says whether a signature of a message is by this key.
func (k PublicKey) verifies(message, signature []byte) bool {
	switch k.kind {
	case kindEd25519:
		return ed25519.Verify(k.raw, message, signature)
	case kindP256:
		parsed, err := x509.ParsePKIXPublicKey(k.raw)
		key, ok := parsed.(*ecdsa.PublicKey)
		sum := sha256.Sum256(message)
		return err == nil && ok && ecdsa.VerifyASN1(key, sum[:], signature)
	}
	return false
}

// GoString keeps %#v as short as %v.
func (k PublicKey) GoString() string { return fmt.Sprintf("seal.PublicKey(%s)", k) }
