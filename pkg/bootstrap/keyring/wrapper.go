package keyring

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// The keys of perpetual.yml that say by what the operator's documents are encrypted.
const (
	Encryption    = "state.encryption"
	EncryptionKey = "state.encryption_key"
)

// inKMS is state.encryption where a key of KMS encrypts.
const inKMS = "kms"

// encryptionSaid is what was said now of the encryption: by a key of KMS, or, with name
// "", by the operator's key in a file. The section state is not stored: where nothing is
// said, it stays as the documents are.
func encryptionSaid(given *config.Config) (name string, said bool) {
	switch {
	case given == nil:
	case given.State != nil && given.State.Encryption == inKMS:
		return given.State.EncryptionKey, true
	case given.State != nil && given.State.Encryption != "", takenBack(given, Encryption):
		return "", true
	}
	return "", false
}

// wrapperInKMS finds the key of KMS that was said to encrypt; nil where that is the key in
// a file, or nothing was said.
func (k *Keyring) wrapperInKMS(ctx context.Context) (seal.Wrapper, error) {
	name, _ := encryptionSaid(k.Given)
	if name == "" {
		return nil, nil
	}
	w, err := k.Operator.Wrapper(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was changed", EncryptionKey, err)
	}
	return w, nil
}

// tryWrapper finds out before anything is made whether the key of KMS encrypts, and gives
// back what it has encrypted.
func (k *Keyring) tryWrapper(ctx context.Context, encrypts bool) error {
	w, err := k.wrapperInKMS(ctx)
	if err != nil || w == nil || !encrypts {
		return err
	}
	at := k.at(trial)
	hidden, err := seal.EncryptWith(ctx, w, at, []byte(trial))
	if err == nil {
		_, err = seal.DecryptWith(ctx, w, at, hidden)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", EncryptionKey, err)
	}
	return nil
}

// Wrapper names the key of KMS that encrypts; "" where that is the key in a file.
func (k *Keyring) Wrapper() string {
	if k.wrapper == nil {
		return ""
	}
	return k.wrapper.Name()
}

// encrypt encrypts one of the operator's documents to the operator, and to recipients.
func (k *Keyring) encrypt(ctx context.Context, at seal.Place, body []byte, recipients []string) (string, error) {
	switch {
	case k.wrapper != nil:
		return seal.EncryptWith(ctx, k.wrapper, at, body, recipients...)
	case k.reader.Empty():
		return "", fmt.Errorf("encrypt it: no key is set; set %s and %s, or copy the operator's key here", Encryption, EncryptionKey)
	}
	return seal.Encrypt(body, append([]string{k.reader.Recipient()}, recipients...)...)
}

// decrypt reads one of the operator's documents, whose signature was verified: so the key
// that it names is one that the operator has chosen. by names that of KMS; with stays it
// goes on to encrypt where nothing was said of that.
func (k *Keyring) decrypt(ctx context.Context, at seal.Place, text string, stays bool) (body []byte, by string, err error) {
	by = seal.WrappedBy(text)
	if by == "" && k.reader.Empty() {
		return nil, "", fmt.Errorf("it is encrypted to the operator's key, and there is no %s: copy that file here, or name it with --operator-key FILE", k.Operator.Where())
	}
	if by == "" || k.inside {
		body, err = k.reader.Decrypt(text)
		return body, by, err
	}
	w := k.wrapper
	if k.Wrapper() != by {
		if w, err = k.Operator.Wrapper(ctx, by); err != nil {
			return nil, by, fmt.Errorf("it is encrypted by a KMS key: %w", err)
		}
	}
	if body, err = seal.DecryptWith(ctx, w, at, text); err != nil {
		return nil, by, err
	}
	if _, said := encryptionSaid(k.Given); !said && stays {
		k.wrapper = w
	}
	return body, by, nil
}
