package installation

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// Signer implements keyring.Operator.
func (k *operator) Signer(ctx context.Context, name string) (seal.Signer, error) {
	if found := k.signers[name]; found != nil {
		return found, nil
	}
	in, err := k.accountOf(ctx, name)
	if err != nil {
		return nil, err
	}
	key, err := in.SigningKey(ctx, name)
	if err != nil {
		return nil, err
	}
	public, err := seal.NewP256(key.Public)
	if err != nil {
		return nil, err
	}
	if k.signers == nil {
		k.signers = map[string]seal.Signer{}
	}
	k.signers[name] = kmsSigner{key, public}
	return k.signers[name], nil
}

// kmsSigner is seal.Signer with a key of KMS.
type kmsSigner struct {
	key    *account.SigningKey
	public seal.PublicKey
}

// Public implements seal.Signer.
func (k kmsSigner) Public() seal.PublicKey { return k.public }

// Origin implements seal.Signer.
func (k kmsSigner) Origin() seal.Origin { return seal.Origin{Host: k.key.ARN} }

// Sign implements seal.Signer.
func (k kmsSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return k.key.Sign(ctx, message)
}

// Wrapper implements keyring.Operator.
func (k *operator) Wrapper(ctx context.Context, name string) (seal.Wrapper, error) {
	if found := k.wrappers[name]; found != nil {
		return found, nil
	}
	in, err := k.accountOf(ctx, name)
	if err != nil {
		return nil, err
	}
	key, err := in.EncryptionKey(ctx, name)
	if err != nil {
		return nil, err
	}
	if k.wrappers == nil {
		k.wrappers = map[string]seal.Wrapper{}
	}
	made := kmsWrapper{key}
	k.wrappers[name], k.wrappers[key.ARN] = made, made
	return made, nil
}

// kmsWrapper is seal.Wrapper with a key of KMS.
type kmsWrapper struct{ key *account.EncryptionKey }

// Name implements seal.Wrapper.
func (k kmsWrapper) Name() string { return k.key.ARN }

// contextOf is what KMS binds the key of a document to. The installer's policy asks for
// the first of them.
func contextOf(at seal.Place) map[string]string {
	return map[string]string{ownerTag: at.Installation, "perpetual:document": at.Document}
}

// Wrap implements seal.Wrapper.
func (k kmsWrapper) Wrap(ctx context.Context, at seal.Place, key []byte) ([]byte, error) {
	return k.key.Encrypt(ctx, key, contextOf(at))
}

// Unwrap implements seal.Wrapper.
func (k kmsWrapper) Unwrap(ctx context.Context, at seal.Place, wrapped []byte) ([]byte, error) {
	return k.key.Decrypt(ctx, wrapped, contextOf(at))
}
