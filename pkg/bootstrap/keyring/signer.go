package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// SigningKey is the key of perpetual.yml that names the key of KMS.
const SigningKey = "state.signing_key"

// signingKey names the key of KMS that signs; "" where that is the operator's key in a
// file. The section state is not stored: what is not given now is what this operator has
// noted.
func signingKey(given *config.Config, seen Seen) string {
	switch {
	case given != nil && given.State != nil && given.State.SigningKey != "":
		return given.State.SigningKey
	case takenBack(given, SigningKey):
		return ""
	case seen.Signer != nil:
		return seen.Signer.Key
	}
	return ""
}

// takenBack says whether a key of the section state was given as null.
func takenBack(given *config.Config, name string) bool {
	return given != nil && slices.ContainsFunc(given.Reset, func(key string) bool { return key == name || key == "state" })
}

// signerInKMS finds the key of KMS that signs; nil where that is the key in a file.
func (k *Keyring) signerInKMS(ctx context.Context, seen Seen) (seal.Signer, error) {
	name := signingKey(k.Given, seen)
	if name == "" {
		return nil, nil
	}
	signer, err := k.Operator.Signer(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was changed", SigningKey, err)
	}
	return signer, nil
}

// fileless says whether what a document says of its keys does without the operator's key
// in a file. Nothing of that is believed before it is verified.
func fileless(text []byte) bool {
	e, err := seal.Peek(text)
	return err == nil && e.KeyOrigin.Kept() != "" && seal.WrappedBy(e.Body) != ""
}

// filelessInstall says whether a first install does without it.
func (k *Keyring) filelessInstall() bool {
	name, _ := encryptionSaid(k.Given)
	return name != "" && signingKey(k.Given, k.seen) != ""
}

// checkFileless wants both of what the key in a file is for to be done in KMS.
func (k *Keyring) checkFileless(signer seal.Signer, text []byte) error {
	e, _ := seal.Peek(text)
	name, said := encryptionSaid(k.Given)
	switch {
	case signer == nil && !takenBack(k.Given, SigningKey):
		return fmt.Errorf("%s says that it is signed by the KMS key %.200q; nothing was changed: if that is the operator's, give it as %s", k.Where(), e.KeyOrigin.Kept(), SigningKey)
	case signer == nil, said && name == "":
		return errors.New("the operator's key is needed to sign or encrypt, and there is no " + k.Operator.Where() + "; nothing was changed: make one with age-keygen -o FILE, and keep a copy in another place than the state")
	}
	return nil
}

// howToReplace says what to do about a document that is not the operator's.
func (k *Keyring) howToReplace(err error, text []byte) string {
	e, _ := seal.Peek(text)
	switch {
	case k.Self:
		return fmt.Sprintf("run perpetual deploy %s by hand, where the operator's key is", k.Installation)
	case errors.Is(err, seal.ErrNewer):
		return "use that release or a later one"
	case e.KeyID != "" && e.KeyID == k.reader.Public().ID() && e.KeyID != k.public.ID():
		return "it says that it is signed by the key in " + k.Operator.Where() + ", and this operator's are signed in KMS; to go back to that key, write " + SigningKey + ": null"
	case e.KeyID != k.public.ID() && e.KeyOrigin.Kept() != "":
		return fmt.Sprintf("it says that its key is %.200q; if that is the operator's, give it as %s; if not, find out who may write %s, and restore the last version that is signed by this key", e.KeyOrigin.Kept(), SigningKey, k.Where())
	}
	return "somebody without this key has written it; find out who may write " + k.Where() + ", and restore the last version that is signed by this key"
}
