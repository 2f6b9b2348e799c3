package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// trusted are the public keys that sign Perpetual's own releases, as ParseKey takes them:
// the one in use, and the next one. A release that is signed by the next key is taken by
// every version that has both, so that the first can be retired without a break.
var trusted = []string{
	"MCowBQYDK2VwAyEABX+xoXbIEpC93BuHFwg+Jb/rIaBAu7s2oykmlZ35zNw=",
	"MCowBQYDK2VwAyEAiL8aPrBUp4GLZk5v7wmUysubTSDrMZA7IEJjtVW5H0k=",
}

// Keys are the public keys whose signature counts.
type Keys []ed25519.PublicKey

// Trusted are the given keys, or without any those of Perpetual's own releases.
func Trusted(given []string) (Keys, error) {
	if len(given) == 0 {
		given = trusted
	}
	var keys Keys
	for _, text := range given {
		key, err := ParseKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ParseKey reads a public key: PEM as `openssl pkey -pubout` writes it, or its one line
// between BEGIN and END, "MCowBQYDK2VwAyEA…".
func ParseKey(text string) (ed25519.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if block, _ := pem.Decode([]byte(text)); block != nil && block.Type == "PUBLIC KEY" {
		der, err = block.Bytes, nil
	}
	if err == nil {
		if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
			if key, is := parsed.(ed25519.PublicKey); is {
				return key, nil
			}
		}
	}
	return nil, errors.New("want an Ed25519 public key as `openssl pkey -pubout` writes it, or its line MCowBQYDK2VwAyEA…")
}

// ParsePrivateKey reads the private half, as `openssl genpkey -algorithm ed25519` writes
// it. No error holds any of it.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, is := parsed.(ed25519.PrivateKey); is {
				return key, nil
			}
		}
	}
	return nil, errors.New("want an Ed25519 private key as `openssl genpkey -algorithm ed25519` writes it")
}

// ID names a key: "3f9a1c0de27b4568", the beginning of its SHA-256.
func ID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// Line is a key as ParseKey takes it, on one line.
func Line(key ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// String names the keys: "3f9a1c0de27b4568 or 77b0c2d41e9f8a36".
func (k Keys) String() string {
	ids := make([]string, len(k))
	for i, key := range k {
		ids[i] = ID(key)
	}
	return strings.Join(ids, " or ")
}
