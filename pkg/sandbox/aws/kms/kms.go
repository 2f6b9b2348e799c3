// Package kms simulates KMS: keys that sign and keys that encrypt, with their aliases and states.
package kms

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Key is a key of KMS. The zero value is one that signs with ECDSA on P-256.
type Key struct {
	Spec    string   // "ECC_NIST_P384", "SYMMETRIC_DEFAULT"; default "ECC_NIST_P256"
	Usage   string   // "KEY_AGREEMENT", "ENCRYPT_DECRYPT"; default "SIGN_VERIFY", and the latter of a symmetric one
	State   string   // "Disabled", "PendingDeletion"; default "Enabled"
	Region  string   // default: that of Options
	Account string   // whose it is; default: that of Options. Nobody else may use it.
	Aliases []string // "alias/operator"
}

// storedKey is one with what it signs with.
type storedKey struct {
	Key
	arn     string
	private *ecdsa.PrivateKey // nil for a symmetric one
	secret  []byte            // of a symmetric one
}

// Vault is KMS: the keys of all regions, and of other accounts.
type Vault struct {
	region, account string

	mu   sync.Mutex
	keys []*storedKey
}

// New makes KMS without keys, of an account.
func New(region, account string) *Vault { return &Vault{region: region, account: account} }

// The ids of the first keys that AddKMSKey makes.
const (
	FirstKey  = "00000001-0000-4000-8000-000000000000"
	SecondKey = "00000002-0000-4000-8000-000000000000"
)

// AddKMSKey makes a key, and gives its ARN.
func (c *Vault) AddKMSKey(k Key) (string, error) {
	k.Spec, k.State = cmp.Or(k.Spec, "ECC_NIST_P256"), cmp.Or(k.State, "Enabled")
	if k.Spec == symmetric {
		k.Usage = cmp.Or(k.Usage, "ENCRYPT_DECRYPT")
	}
	k.Usage = cmp.Or(k.Usage, "SIGN_VERIFY")
	k.Region, k.Account = cmp.Or(k.Region, c.region), cmp.Or(k.Account, c.account)
	made := &storedKey{Key: k}
	if curve := map[string]elliptic.Curve{"ECC_NIST_P256": elliptic.P256(), "ECC_NIST_P384": elliptic.P384()}[k.Spec]; curve != nil {
		var err error
		if made.private, err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			return "", fmt.Errorf("make a key: %w", err)
		}
	}
	if k.Spec == symmetric {
		made.secret = make([]byte, 32)
		_, _ = rand.Read(made.secret) // it never fails
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	made.arn = fmt.Sprintf("arn:aws:kms:%s:%s:key/%08x-0000-4000-8000-000000000000", k.Region, k.Account, len(c.keys)+1)
	c.keys = append(c.keys, made)
	return made.arn, nil
}

// ChangeKMSKey changes a key, as when it is disabled, or its alias given to another.
func (c *Vault) ChangeKMSKey(arn string, change func(*Key)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.keys {
		if k.arn == arn {
			change(&k.Key)
		}
	}
}

// kmsRequest holds what the requests that are served may hold.
type kmsRequest struct {
	KeyId, MessageType, SigningAlgorithm string
	Message                              []byte

	Plaintext, CiphertextBlob []byte
	EncryptionContext         map[string]string
}

// findKey is the key that a request names in a region, by its ARN, id or alias.
func (c *Vault) findKey(name, region string) *storedKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.keys {
		local := strings.TrimSuffix(k.arn, k.arn[strings.LastIndex(k.arn, ":")+1:])
		named := k.arn == name || k.Account == c.account && k.arn == local+"key/"+name ||
			slices.ContainsFunc(k.Aliases, func(alias string) bool {
				return local+alias == name || alias == name && k.Account == c.account
			})
		if k.Region == region && named {
			return k
		}
	}
	return nil
}

// KeyOf is the ARN of the key of a call, which is what IAM judges; "" for an alias of no
// key, and for a key of another region.
func (c *Vault) KeyOf(in *wire.Call) string {
	var q kmsRequest
	_ = json.Unmarshal(in.Body, &q) // else the service refuses it
	if k := c.findKey(q.KeyId, in.Region); k != nil {
		return k.arn
	}
	if parts := strings.Split(q.KeyId, ":"); len(parts) == 6 && parts[3] == in.Region && strings.HasPrefix(parts[5], "key/") {
		return q.KeyId
	}
	return ""
}

// ContextOf is the encryption context of a call.
func ContextOf(in *wire.Call) map[string]string {
	var q kmsRequest
	_ = json.Unmarshal(in.Body, &q) // else the service refuses it
	return q.EncryptionContext
}

// ServeKMS follows the AWS Key Management Service API reference, for keys that sign and
// keys that encrypt.
func (c *Vault) ServeKMS(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.JSON11}
	var q kmsRequest
	if err := json.Unmarshal(in.Body, &q); err != nil {
		s.Refuse(w, r, wire.NewRefusal(400, "SerializationException", "the request is not a JSON object"))
		return
	}
	k := c.findKey(q.KeyId, in.Region)
	refused := c.keyRefusal(k, q, in)
	if refused == nil && in.Action == "Sign" {
		refused = k.signRefusal(q)
	}
	if refused != nil {
		s.Refuse(w, r, refused)
		return
	}
	switch in.Action {
	case "GetPublicKey":
		der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
		if err != nil {
			s.Refuse(w, r, wire.NewRefusal(500, "KMSInternalException", err.Error()))
			return
		}
		wire.WriteJSON(w, map[string]any{"KeyId": k.arn, "PublicKey": der, "KeySpec": k.Spec, "CustomerMasterKeySpec": k.Spec, "KeyUsage": k.Usage, "SigningAlgorithms": k.algorithms()})
	case "Sign":
		digest := q.Message
		if q.MessageType != "DIGEST" {
			sum := sha256.Sum256(q.Message)
			digest = sum[:]
		}
		signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest)
		if err != nil {
			s.Refuse(w, r, wire.NewRefusal(500, "KMSInternalException", err.Error()))
			return
		}
		wire.WriteJSON(w, map[string]any{"KeyId": k.arn, "Signature": signature, "SigningAlgorithm": q.SigningAlgorithm})
	default:
		c.serveSymmetric(w, r, in, k, q)
	}
}

// keyRefusal says why a key cannot be used at all, in the words of KMS.
func (c *Vault) keyRefusal(k *storedKey, q kmsRequest, in *wire.Call) *wire.Refusal {
	parts := strings.Split(q.KeyId, ":")
	switch {
	case k == nil && len(parts) == 6 && parts[3] != in.Region:
		return wire.NewRefusal(400, "NotFoundException", "Invalid arn "+parts[3])
	case k == nil && strings.HasPrefix(q.KeyId, "alias/"):
		return wire.NewRefusal(400, "NotFoundException", fmt.Sprintf("Alias arn:aws:kms:%s:%s:%s is not found.", in.Region, in.Account, q.KeyId))
	case k == nil && len(parts) == 6 && strings.HasPrefix(parts[5], "alias/"):
		return wire.NewRefusal(400, "NotFoundException", fmt.Sprintf("Alias %s is not found.", q.KeyId))
	case k == nil:
		return wire.NewRefusal(400, "NotFoundException", fmt.Sprintf("Key '%s' does not exist", q.KeyId))
	case k.Account != in.Account:
		return wire.NewRefusal(400, "AccessDeniedException", fmt.Sprintf("User: %s is not authorized to perform: kms:%s on resource: %s because no resource-based policy allows the kms:%s action", in.ARN, in.Action, k.arn, in.Action))
	case in.Action == "DescribeKey": // which says so
		return nil
	case k.State == "Disabled":
		return wire.NewRefusal(400, "DisabledException", k.arn+" is disabled.")
	case k.State != "Enabled":
		return wire.NewRefusal(400, "KMSInvalidStateException", k.arn+" is pending deletion.")
	case k.private == nil && in.Action == "GetPublicKey":
		return wire.NewRefusal(400, "UnsupportedOperationException", "")
	}
	return nil
}

// signRefusal says why a key does not sign that.
func (k *storedKey) signRefusal(q kmsRequest) *wire.Refusal {
	switch {
	case k.Usage != "SIGN_VERIFY" || k.private == nil:
		return wire.NewRefusal(400, "InvalidKeyUsageException", fmt.Sprintf("%s key usage is %s which is not valid for Sign.", k.arn, k.Usage))
	case !slices.Contains(k.algorithms(), q.SigningAlgorithm):
		return wire.NewRefusal(400, "InvalidKeyUsageException", fmt.Sprintf("Algorithm %s is incompatible with key spec %s.", q.SigningAlgorithm, k.Spec))
	case q.MessageType == "DIGEST" && len(q.Message) != k.private.Curve.Params().BitSize/8:
		return wire.NewRefusal(400, "ValidationException", "Digest is invalid length for algorithm "+q.SigningAlgorithm+".")
	case len(q.Message) == 0 || len(q.Message) > 4096:
		return wire.NewRefusal(400, "ValidationException", "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096")
	}
	return nil
}

// algorithms are those with which a key signs.
func (k *storedKey) algorithms() []string {
	if k.Usage != "SIGN_VERIFY" {
		return nil
	}
	return []string{map[string]string{"ECC_NIST_P256": "ECDSA_SHA_256", "ECC_NIST_P384": "ECDSA_SHA_384"}[k.Spec]}
}
