package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	case given.State != nil && given.State.Encryption != "":
		return "", true
	case slices.ContainsFunc(given.Reset, func(key string) bool { return key == Encryption || key == "state" }):
		return "", true
	}
	return "", false
}

// wrapperInKMS finds the key of KMS that was said to encrypt; nil where that is the key in
// a file, or nothing was said.
func (r *run) wrapperInKMS(ctx context.Context) (seal.Wrapper, error) {
	name, _ := encryptionSaid(r.Given)
	if name == "" {
		return nil, nil
	}
	w, err := r.Operator.Wrapper(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was changed", EncryptionKey, err)
	}
	return w, nil
}

// tryWrapper finds out before anything is made whether the key of KMS encrypts, and gives
// back what it has encrypted.
func (r *run) tryWrapper(ctx context.Context, encrypts bool) error {
	w, err := r.wrapperInKMS(ctx)
	if err != nil || w == nil || !encrypts {
		return err
	}
	at := seal.Place{Installation: r.Name, Document: trial}
	hidden, err := seal.EncryptWith(ctx, w, at, []byte(trial))
	if err == nil {
		_, err = seal.DecryptWith(ctx, w, at, hidden)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", EncryptionKey, err)
	}
	return nil
}

// wrapperName names the key of KMS that encrypts; "" where that is the key in a file.
func (r *run) wrapperName() string {
	if r.wrapper == nil {
		return ""
	}
	return r.wrapper.Name()
}

// encrypt encrypts one of the operator's documents to the operator, and to recipients.
func (r *run) encrypt(ctx context.Context, at seal.Place, body []byte, recipients []string) (string, error) {
	switch {
	case r.wrapper != nil:
		return seal.EncryptWith(ctx, r.wrapper, at, body, recipients...)
	case r.reader.Empty():
		return "", fmt.Errorf("encrypt it: no key is set; set %s and %s, or copy the operator's key here", Encryption, EncryptionKey)
	}
	return seal.Encrypt(body, append([]string{r.reader.Recipient()}, recipients...)...)
}

// decrypt reads one of the operator's documents, whose signature was verified: so the key
// that it names is one that the operator has chosen. by names that of KMS.
func (r *run) decrypt(ctx context.Context, at seal.Place, text string) (body []byte, by string, err error) {
	by = seal.WrappedBy(text)
	if by == "" && r.reader.Empty() {
		return nil, "", fmt.Errorf("it is encrypted to the operator's key, and there is no %s: copy that file here, or name it with --operator-key FILE", r.Operator.Where())
	}
	if by == "" || r.inside {
		body, err = r.reader.Decrypt(text)
		return body, by, err
	}
	w := r.wrapper
	if r.wrapperName() != by {
		if w, err = r.Operator.Wrapper(ctx, by); err != nil {
			return nil, by, fmt.Errorf("it is encrypted by a KMS key: %w", err)
		}
	}
	if body, err = seal.DecryptWith(ctx, w, at, text); err != nil {
		return nil, by, err
	}
	first := at.Document == configurationName || r.statement != nil && !r.statement.exists // of a run that was killed
	if _, said := encryptionSaid(r.Given); !said && first {
		r.wrapper = w // as it is
	}
	return body, by, nil
}

// rewraps says whether one of the operator's documents is encrypted by another key than
// the one that encrypts now.
func (r *run) rewraps() bool {
	return r.statement != nil && slices.ContainsFunc(r.sealedDocuments(), func(d sealedDocument) bool { return d.exists && d.wrapped != r.wrapperName() })
}

// wrapperLine says which key has encrypted, and which will.
func (r *run) wrapperLine() string {
	before := r.wrapperName()
	for _, d := range r.sealedDocuments() {
		if d.exists && d.wrapped != r.wrapperName() {
			before = d.wrapped
		}
	}
	return fmt.Sprintf("encrypted by: %s → %s", r.wrapperText(before), r.wrapperText(r.wrapperName()))
}

// wrapperText is a key that encrypts, for people.
func (r *run) wrapperText(name string) string {
	if name == "" {
		return "the operator's key"
	}
	return "key " + name
}

// fileless says whether what a document says of its keys does without the operator's key
// in a file. Nothing of that is believed before it is verified.
func fileless(text []byte) bool {
	e, err := seal.Peek(text)
	return err == nil && e.KeyOrigin.Kept() != "" && seal.WrappedBy(e.Body) != ""
}

// filelessInstall says whether a first install does without it.
func (r *run) filelessInstall() bool {
	name, _ := encryptionSaid(r.Given)
	return name != "" && signingKey(r.Given, r.seen) != ""
}

// checkFileless wants both of what the key in a file is for to be done in KMS.
func (r *run) checkFileless(signer seal.Signer, text []byte) error {
	e, _ := seal.Peek(text)
	name, said := encryptionSaid(r.Given)
	switch takenBack := r.Given != nil && slices.ContainsFunc(r.Given.Reset, func(key string) bool { return key == SigningKey || key == "state" }); {
	case signer == nil && !takenBack:
		return fmt.Errorf("%s says that it is signed by the KMS key %.200q; nothing was changed: if that is the operator's, give it as %s", storeName(r), e.KeyOrigin.Kept(), SigningKey)
	case signer == nil, said && name == "":
		return errors.New("the operator's key is needed to sign or encrypt, and there is no " + r.Operator.Where() + "; nothing was changed: make one with age-keygen -o FILE, and keep a copy in another place than the state")
	}
	return nil
}
