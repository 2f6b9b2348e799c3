package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

// SigningKey is a key of KMS that signs with ECDSA on P-256. Its private half never
// leaves KMS.
type SigningKey struct {
	ARN    string // of the key itself, also where an alias names it
	Public []byte // a SubjectPublicKeyInfo in DER

	account *Account
}

// SigningKey finds a key by its ARN or alias. It fails with aws.ErrNotFound,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) SigningKey(ctx context.Context, name string) (*SigningKey, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.kms.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &name})
	switch {
	case aws.Refused(err, "UnsupportedOperationException"): // what KMS says of a symmetric key
		return nil, fmt.Errorf("use KMS key %s: it has no public key: %s", name, wantKey)
	case err != nil:
		return nil, a.Wrap(ctx, "use KMS key "+name, err)
	case out.KeySpec != types.KeySpecEccNistP256 || out.KeyUsage != types.KeyUsageTypeSignVerify:
		return nil, fmt.Errorf("use KMS key %s: its spec is %.40q, its usage %.40q: %s", name, out.KeySpec, out.KeyUsage, wantKey)
	case sdk.ToString(out.KeyId) == "" || len(out.PublicKey) == 0:
		return nil, fmt.Errorf("use KMS key %s: %w", name, errors.New("the answer is not from KMS"))
	}
	return &SigningKey{ARN: *out.KeyId, Public: out.PublicKey, account: a}, nil
}

// wantKey is what a key must be.
const wantKey = "want an asymmetric one, ECC_NIST_P256 for SIGN_VERIFY"

// Sign signs a message: it gives the signature of its SHA-256, in ASN.1. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (k *SigningKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	a := k.account
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	digest := sha256.Sum256(message) // KMS takes no more than 4,096 bytes of a message
	out, err := a.kms.Sign(ctx, &kms.SignInput{
		KeyId: &k.ARN, Message: digest[:], MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, a.Wrap(ctx, "sign with KMS key "+k.ARN, err)
	}
	return out.Signature, nil
}
