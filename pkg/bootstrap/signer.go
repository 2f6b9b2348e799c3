package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// SigningKey is the key of perpetual.yml that names the key of KMS.
const SigningKey = "state.signing_key"

// SeenSigner is the key of KMS that has signed what was seen.
type SeenSigner struct {
	Key    string `json:"key"`    // "arn:aws:kms:eu-central-1:123456789012:key/…"
	Public string `json:"public"` // "ecdsa-p256:…"
}

// signingKey names the key of KMS that signs; "" where that is the operator's key in a
// file. The section state is not stored: what is not given now is what this operator has
// noted.
func signingKey(given *config.Config, seen Seen) string {
	switch {
	case given != nil && given.State != nil && given.State.SigningKey != "":
		return given.State.SigningKey
	case given != nil && slices.ContainsFunc(given.Reset, func(key string) bool { return key == SigningKey || key == "state" }):
		return ""
	case seen.Signer != nil:
		return seen.Signer.Key
	}
	return ""
}

// signerInKMS finds the key of KMS that signs; nil where that is the key in a file.
func (r *run) signerInKMS(ctx context.Context, seen Seen) (seal.Signer, error) {
	name := signingKey(r.Given, seen)
	if name == "" {
		return nil, nil
	}
	signer, err := r.Operator.Signer(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; nothing was changed", SigningKey, err)
	}
	return signer, nil
}

// trial is signed to see whether a key signs. No document begins with it.
const trial = "perpetual trial signature"

// trySigner finds out before anything is made whether the keys of KMS are there, and, if
// that is wanted, whether they sign and encrypt.
func (r *run) trySigner(ctx context.Context, signs bool) error {
	if r.options.Self || r.Operator == nil {
		return nil
	}
	seen, err := r.lastSeen()
	if err != nil {
		return err
	}
	if err := r.tryWrapper(ctx, signs); err != nil {
		return err
	}
	signer, err := r.signerInKMS(ctx, seen)
	if err != nil || signer == nil || !signs {
		return err
	}
	if _, err := signer.Sign(ctx, []byte(trial)); err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", SigningKey, err)
	}
	return nil
}

// earlier is the key with which the operator has signed before, if that is another than
// the one that signs now. Who has noted nothing may have signed with the key in a file.
func (s Seen) earlier(now, file seal.PublicKey) (*seal.PublicKey, error) {
	last := file
	if s.Signer == nil && file.Empty() {
		return nil, nil
	}
	if s.Signer != nil {
		var err error
		if last, err = seal.ParsePublicKey(s.Signer.Public); err != nil {
			return nil, fmt.Errorf("read the note of what was seen last: %w", err)
		}
	}
	if last.ID() == now.ID() {
		return nil, nil
	}
	return &last, nil
}

// signedIn is what is noted of the key that signs.
func (r *run) signedIn() *SeenSigner {
	if key := r.signer.Origin().Kept(); key != "" {
		return &SeenSigner{Key: key, Public: r.public.String()}
	}
	return nil
}

// noteSigner notes the key that signs, once it has signed everything.
func (r *run) noteSigner() error {
	now, noted := r.signedIn(), r.seen.Signer
	if r.resigns() || now == nil && noted == nil || now != nil && noted != nil && *now == *noted {
		return nil
	}
	seen := r.seen
	seen.Signer = now
	if err := r.Operator.Saw(seen); err != nil {
		return fmt.Errorf("note the key that signs: %w", err)
	}
	r.seen = seen
	return nil
}

// resigns says whether one of the operator's documents is signed by the key before.
func (r *run) resigns() bool {
	return r.statement != nil && slices.ContainsFunc(r.sealedDocuments(), func(d sealedDocument) bool { return d.exists && d.former })
}

// signerLine says which key has signed, and which will.
func (r *run) signerLine() string {
	before := r.earlier.ID()
	for _, e := range []*seal.Envelope{r.envelopeOf(r.credentialDocument), r.envelopeOf(r.viewDocument), &r.statement.envelope} {
		if e != nil && e.KeyID == r.earlier.ID() {
			before = fmt.Sprintf("%s, %s", e.KeyID, e.KeyOrigin)
		}
	}
	return fmt.Sprintf("signed by: key %s → key %s, %s", before, r.public.ID(), r.signer.Origin())
}

// envelopeOf is that of a document, if it was read.
func (r *run) envelopeOf(d *sealed[secret.Values]) *seal.Envelope {
	if d == nil {
		return nil
	}
	return &d.envelope
}

// acceptSigner asks whether the documents may be signed by another key than before.
// Whoever has the key before could have written them: they are taken only if somebody
// says so.
func (r *run) acceptSigner() error {
	exists := slices.ContainsFunc(r.sealedDocuments(), func(d sealedDocument) bool { return d.exists })
	if r.earlier == nil || !exists || r.acceptedSigner == r.content() {
		return nil
	}
	if !r.resigns() {
		return r.acceptNewSigner()
	}
	line := r.signerLine()
	switch {
	case r.options.AcceptStored:
		r.warn(line)
	default:
		yes, err := r.Operator.Accept(fmt.Sprintf("%s is signed by another key than the one that signs now. What it says would be taken, and signed again:", storeName(r)), []string{line})
		if err != nil {
			return err
		}
		if !yes {
			r.warn(line)
			return fmt.Errorf("%s is signed by another key than the one that signs now; nothing was changed: to take what it says and have it signed again, run again with --accept-stored; to keep the key, take %s back to what it was", storeName(r), SigningKey)
		}
	}
	r.acceptedSigner = r.content()
	return nil
}

// acceptNewSigner asks whether a key is the operator's that has signed everything, and is
// not the one that this operator has known: somebody may have made an alias lead to it.
func (r *run) acceptNewSigner() error {
	line := fmt.Sprintf("signed by: key %s, %s; this operator has known key %s", r.public.ID(), r.signer.Origin(), r.earlier.ID())
	if !r.options.AcceptStored {
		yes, err := r.Operator.Accept(fmt.Sprintf("%s is signed by a key that is new to this operator. What it says would be taken:", storeName(r)), []string{line})
		if err != nil {
			return err
		}
		if !yes {
			r.warn(line)
			return fmt.Errorf("%s is signed by a key that is new to this operator; nothing was changed: if it is yours, run again with --accept-stored; if not, find out where %s leads", storeName(r), SigningKey)
		}
	} else {
		r.warn(line)
	}
	r.acceptedSigner = r.content()
	return nil
}

// resign signs and encrypts the operator's documents with the keys that do so now. Until
// the last one is, both keys that sign are known.
func (r *run) resign(ctx context.Context) (step.Outcome, error) {
	resigns, rewraps, line := r.resigns(), r.rewraps(), ""
	if rewraps {
		line = r.wrapperLine()
	}
	if r.credentialDocument != nil && r.credentialDocument.exists {
		if _, err := keep(ctx, r, r.credentialDocument, r.credentials); err != nil {
			return step.Outcome{}, err
		}
	}
	if r.viewDocument.exists {
		if err := r.saveView(ctx); err != nil {
			return step.Outcome{}, err
		}
	}
	if err := r.saveStatement(ctx); err != nil {
		return step.Outcome{}, err
	}
	switch {
	case !rewraps:
		return step.Changed.Report("it is signed by key %s, %s, now", r.public.ID(), r.signer.Origin())
	case !resigns:
		return step.Changed.Report("%s", line)
	}
	return step.Changed.Report("it is signed by key %s, %s, now; %s", r.public.ID(), r.signer.Origin(), line)
}

// howToReplace says what to do about a document that is not the operator's.
func (r *run) howToReplace(err error, text []byte) string {
	e, _ := seal.Peek(text)
	switch {
	case r.options.Self:
		return fmt.Sprintf("run perpetual deploy %s by hand, where the operator's key is", r.Name)
	case errors.Is(err, seal.ErrNewer):
		return "use that release or a later one"
	case e.KeyID != "" && e.KeyID == r.reader.Public().ID() && e.KeyID != r.public.ID():
		return "it says that it is signed by the key in " + r.Operator.Where() + ", and this operator's are signed in KMS; to go back to that key, write " + SigningKey + ": null"
	case e.KeyID != r.public.ID() && e.KeyOrigin.Kept() != "":
		return fmt.Sprintf("it says that its key is %.200q; if that is the operator's, give it as %s; if not, find out who may write %s, and restore the last version that is signed by this key", e.KeyOrigin.Kept(), SigningKey, storeName(r))
	}
	return "somebody without this key has written it; find out who may write " + storeName(r) + ", and restore the last version that is signed by this key"
}
