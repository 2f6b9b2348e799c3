// Package keyring holds the keys of an installation's state: the one that signs the
// operator's documents, the ones that encrypt and read them, in a file or in KMS, what a
// self-upgrade has instead, and the note of what an operator has seen.
package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Options say whose keys they are.
type Options struct {
	Installation string // "ci"
	// Given is what the user has given now: it names the keys of KMS.
	Given *config.Config
	// Where names the state, for people: "the bucket perpetual-ci-123456789012-eu-central-1".
	Where    func() string
	Operator Operator // nil in a self-upgrade that has Pipeline
	Pipeline Pipeline
	Self     bool                  // a self-upgrade, which only reads
	Mask     func(...secret.Value) // hides values in all output from now on
	Warn     func(string)          // says what people should know
}

// Keyring is what the documents of one installation are signed, encrypted and read with.
// The keys are found when the first document is read or written.
type Keyring struct {
	Options
	reader   seal.Identity // the operator's key in a file, or the pipeline's; empty where KMS does both
	unlocked bool          // with reader, or with keys of KMS in its place
	inside   bool          // reader is the pipeline's
	signer   seal.Signer
	wrapper  seal.Wrapper // encrypts in the place of reader; nil: reader does
	public   seal.PublicKey
	earlier  *seal.PublicKey // with which the operator has signed before; nil: with the same
	seen     Seen
}

// New gives a keyring whose keys were not looked for yet.
func New(o Options) *Keyring { return &Keyring{Options: o} }

// Unlocked says whether the keys were found.
func (k *Keyring) Unlocked() bool { return k.unlocked }

// Inside says whether the keys are the pipeline's, which read and never write.
func (k *Keyring) Inside() bool { return k.inside }

// Public is the key by which the operator's signatures are known; the zero value until
// the keys were found.
func (k *Keyring) Public() seal.PublicKey { return k.public }

// Signer is where the key that signs is from; it is called where keys can sign.
func (k *Keyring) Signer() seal.Origin { return k.signer.Origin() }

// Earlier is the key with which the operator has signed before; nil where that is the
// one that signs now.
func (k *Keyring) Earlier() *seal.PublicKey { return k.earlier }

// unlockFor finds the keys that a document is verified and read with. text is the
// document, whose envelope says whose it is, for people.
func (k *Keyring) unlockFor(ctx context.Context, name string, text []byte) error {
	if k.unlocked {
		return nil
	}
	if k.Self && (k.Pipeline != Pipeline{} || k.Operator == nil) {
		return k.unlockInside()
	}
	if k.Operator == nil {
		return errors.New("read the state: there is nowhere an operator's key is kept")
	}
	key, err := k.Operator.Key()
	if errors.Is(err, ErrNoKey) && k.Self {
		return k.unlockInside()
	}
	if errors.Is(err, ErrNoKey) && fileless(text) {
		return k.unlock(ctx, seal.Identity{}, text)
	}
	if errors.Is(err, ErrNoKey) {
		e, _ := seal.Peek(text)
		if e.Installation != "" && e.Installation != k.Installation {
			return fmt.Errorf("%s says that it is of the installation %.40q, not %s; nothing was changed", k.Where(), e.Installation, k.Installation)
		}
		signed := "it is signed"
		if e.KeyID != "" {
			signed = fmt.Sprintf("it says that it is signed by key %.40q, %.120q", e.KeyID, e.KeyOrigin.String())
		}
		return fmt.Errorf("%s cannot be read without the operator's key: %s, and there is no %s; nothing was changed: copy that file here from where it was made, or name it with --operator-key FILE",
			name, signed, k.Operator.Where())
	}
	if err != nil {
		return err
	}
	return k.unlock(ctx, key, text)
}

// unlock takes a key, those that sign and encrypt in its place if there are any, and the
// note of what was seen with it. Where both are in KMS there need be no key. text is the
// document that is to be read, for people; nil where there is none.
func (k *Keyring) unlock(ctx context.Context, key seal.Identity, text []byte) error {
	seen, err := k.LastSeen()
	if err != nil {
		return err
	}
	signer, err := k.signerInKMS(ctx, seen)
	if err != nil {
		return err
	}
	if key.Empty() {
		if err := k.checkFileless(signer, text); err != nil {
			return err
		}
	}
	if k.wrapper, err = k.wrapperInKMS(ctx); err != nil {
		return err
	}
	if signer == nil {
		signer = key
	}
	k.seen, k.reader, k.signer, k.public, k.unlocked = seen, key, signer, signer.Public(), true
	if !key.Empty() {
		k.Mask(key.Reveal())
	}
	k.earlier, err = seen.earlier(k.public, key.Public())
	return err
}

// unlockInside takes what a self-upgrade has.
func (k *Keyring) unlockInside() (err error) {
	if k.Pipeline.Public == "" || k.Pipeline.Identity == "" {
		return fmt.Errorf("read the state: the pipeline has no key for it (PERPETUAL_OPERATOR_PUBLIC_KEY, PERPETUAL_STATE_KEY); nothing was changed: run perpetual deploy %s by hand, which gives it one", k.Installation)
	}
	if k.public, err = seal.ParsePublicKey(k.Pipeline.Public); err != nil {
		return fmt.Errorf("PERPETUAL_OPERATOR_PUBLIC_KEY: %w", err)
	}
	if k.reader, err = seal.ParseIdentity(k.Pipeline.Identity); err != nil {
		return fmt.Errorf("PERPETUAL_STATE_KEY: %w", err)
	}
	k.unlocked, k.inside = true, true
	k.Mask(k.reader.Reveal())
	return nil
}

// ensure finds the keys, and makes the operator's at a first install.
func (k *Keyring) ensure(ctx context.Context) error {
	if k.unlocked {
		return nil
	}
	if k.Operator == nil {
		return errors.New("keep the state: there is nowhere to keep an operator's key")
	}
	key, err := k.Operator.Key()
	if errors.Is(err, ErrNoKey) && k.filelessInstall() {
		return k.unlock(ctx, seal.Identity{}, nil)
	}
	if errors.Is(err, ErrNoKey) {
		if key, err = k.Operator.Make(); err != nil {
			return err
		}
		does := "signs and encrypts"
		if name, _ := encryptionSaid(k.Given); name != "" {
			does = "signs"
		} else if signingKey(k.Given, k.seen) != "" {
			does = "encrypts"
		}
		k.Warn(fmt.Sprintf("made the operator's key of %s: %s; it %s the state: keep a copy in another place than the state, because without it nobody can deploy, change or read this installation by hand", k.Installation, k.Operator.Where(), does))
	}
	if err != nil {
		return err
	}
	return k.unlock(ctx, key, nil)
}

// trial is signed and encrypted to see whether keys do that. No document begins with it.
const trial = "perpetual trial signature"

// Try finds out before anything is made whether the keys of KMS are there, and, if that
// is wanted, whether they sign and encrypt.
func (k *Keyring) Try(ctx context.Context, signs bool) error {
	if k.Self || k.Operator == nil {
		return nil
	}
	seen, err := k.LastSeen()
	if err != nil {
		return err
	}
	if err := k.tryWrapper(ctx, signs); err != nil {
		return err
	}
	signer, err := k.signerInKMS(ctx, seen)
	if err != nil || signer == nil || !signs {
		return err
	}
	if _, err := signer.Sign(ctx, []byte(trial)); err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", SigningKey, err)
	}
	return nil
}
