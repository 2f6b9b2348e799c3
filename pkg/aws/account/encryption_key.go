package account

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// EncryptionKey is a key of KMS that encrypts. It never leaves KMS.
type EncryptionKey struct {
	ARN string // of the key itself, also where an alias names it

	account *Account
}

// EncryptionKey finds a key by its ARN or alias. It fails with aws.ErrNotFound,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) EncryptionKey(ctx context.Context, name string) (*EncryptionKey, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
	if err != nil {
		return nil, a.Wrap(ctx, "use KMS key "+name, err)
	}
	k := out.KeyMetadata
	switch {
	case k == nil || sdk.ToString(k.Arn) == "":
		return nil, fmt.Errorf("use KMS key %s: %w", name, errors.New("the answer is not from KMS"))
	case k.KeySpec != types.KeySpecSymmetricDefault || k.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return nil, fmt.Errorf("use KMS key %s: its spec is %.40q, its usage %.40q: want a symmetric one, SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT", name, k.KeySpec, k.KeyUsage)
	case k.KeyState != types.KeyStateEnabled:
		return nil, fmt.Errorf("use KMS key %s: its state is %.40q: run aws kms enable-key, after cancel-key-deletion if it is to be deleted, or name another key", name, k.KeyState)
	}
	return &EncryptionKey{ARN: *k.Arn, account: a}, nil
}

// Encrypt encrypts up to 4,096 bytes. What is in about must be given again to decrypt
// them; it is in CloudTrail, and policies can ask for it. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (k *EncryptionKey) Encrypt(ctx context.Context, plain []byte, about map[string]string) ([]byte, error) {
	a := k.account
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.ARN, Plaintext: plain, EncryptionContext: about})
	if err != nil {
		return nil, a.Wrap(ctx, "encrypt with KMS key "+k.ARN, err)
	}
	return out.CiphertextBlob, nil
}

// Decrypt gives back what Encrypt was given. It fails as Encrypt does.
func (k *EncryptionKey) Decrypt(ctx context.Context, hidden []byte, about map[string]string) ([]byte, error) {
	a := k.account
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.ARN, CiphertextBlob: hidden, EncryptionContext: about})
	if err != nil {
		return nil, a.Wrap(ctx, "decrypt with KMS key "+k.ARN, err)
	}
	return out.Plaintext, nil
}
