package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// symmetric is the spec of keys that encrypt.
const symmetric = "SYMMETRIC_DEFAULT"

// maxPlaintext is what KMS encrypts at most (reference of Encrypt).
const maxPlaintext = 4096

// serveSymmetric serves what is asked of keys that encrypt, and DescribeKey of all.
func (c *Vault) serveSymmetric(w http.ResponseWriter, r *http.Request, in *wire.Call, k *storedKey, q kmsRequest) {
	s := wire.Service{Protocol: wire.JSON11}
	switch in.Action {
	case "DescribeKey":
		wire.WriteJSON(w, map[string]any{"KeyMetadata": map[string]any{
			"AWSAccountId": k.Account, "KeyId": k.arn[strings.LastIndex(k.arn, "/")+1:], "Arn": k.arn, "Enabled": k.State == "Enabled",
			"KeyState": k.State, "KeySpec": k.Spec, "CustomerMasterKeySpec": k.Spec, "KeyUsage": k.Usage, "KeyManager": "CUSTOMER", "Origin": "AWS_KMS",
		}})
	case "Encrypt", "Decrypt":
		if k.secret == nil || k.Usage != "ENCRYPT_DECRYPT" {
			s.Refuse(w, r, wire.NewRefusal(400, "InvalidKeyUsageException", fmt.Sprintf("%s key usage is %s which is not valid for %s.", k.arn, k.Usage, in.Action)))
			return
		}
		answer := k.encrypt
		if in.Action == "Decrypt" {
			answer = k.decrypt
		}
		out, refused := answer(q)
		if refused != nil {
			s.Refuse(w, r, refused)
			return
		}
		wire.WriteJSON(w, out)
	default:
		s.Refuse(w, r, wire.NewRefusal(400, "UnknownOperationException", in.Action))
	}
}

// about is what a ciphertext is bound to: the encryption context, in no order.
func about(q kmsRequest) []byte {
	text, _ := json.Marshal(q.EncryptionContext) // of texts, with its keys sorted
	return text
}

// gcm is the cipher of a key.
func (k *storedKey) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// encrypt answers Encrypt. The ciphertext begins with the key's ARN, as KMS's names its
// key, in a form of its own.
func (k *storedKey) encrypt(q kmsRequest) (map[string]any, *wire.Refusal) {
	if len(q.Plaintext) == 0 || len(q.Plaintext) > maxPlaintext {
		return nil, wire.NewRefusal(400, "ValidationException", fmt.Sprintf("1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to %d", maxPlaintext))
	}
	seal, err := k.gcm()
	if err != nil {
		return nil, wire.NewRefusal(500, "KMSInternalException", err.Error())
	}
	nonce := make([]byte, seal.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	blob := append([]byte(k.arn+"\x00"), nonce...)
	return map[string]any{"KeyId": k.arn, "EncryptionAlgorithm": symmetric, "CiphertextBlob": seal.Seal(blob, nonce, q.Plaintext, about(q))}, nil
}

// decrypt answers Decrypt. KMS says no more than that a ciphertext is invalid.
func (k *storedKey) decrypt(q kmsRequest) (map[string]any, *wire.Refusal) {
	arn, rest, named := strings.Cut(string(q.CiphertextBlob), "\x00")
	if named && arn != k.arn && strings.HasPrefix(arn, "arn:") {
		return nil, wire.NewRefusal(400, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	open, err := k.gcm()
	if err != nil {
		return nil, wire.NewRefusal(500, "KMSInternalException", err.Error())
	}
	if !named || len(rest) < open.NonceSize() {
		return nil, wire.NewRefusal(400, "InvalidCiphertextException", "")
	}
	plain, err := open.Open(nil, []byte(rest[:open.NonceSize()]), []byte(rest[open.NonceSize():]), about(q))
	if err != nil {
		return nil, wire.NewRefusal(400, "InvalidCiphertextException", "")
	}
	return map[string]any{"KeyId": k.arn, "EncryptionAlgorithm": symmetric, "Plaintext": plain}, nil
}
