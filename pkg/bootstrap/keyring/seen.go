package keyring

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// Seen is how the operator's documents were. Of each there are two while one is written:
// the one before, which is the zero value for a first one, and the next.
type Seen struct {
	Place     string               `json:"place,omitempty"`     // where the state is: "the bucket perpetual-ci-123456789012-eu-central-1"
	Documents map[string][]Version `json:"documents,omitempty"` // by name: "operator/configuration.json"
	Signer    *SeenSigner          `json:"signer,omitempty"`    // nil: the operator's key in a file
	// Things are what create-env's state names, does not say whose it is, and was accepted.
	Things []string `json:"things,omitempty"`
}

// Version is one version of a signed document.
type Version struct {
	Serial int64  `json:"serial"` // 3
	Digest string `json:"digest"` // hex of the SHA-256 of all of it
}

// SeenSigner is the key of KMS that has signed what was seen.
type SeenSigner struct {
	Key    string `json:"key"`    // "arn:aws:kms:eu-central-1:123456789012:key/…"
	Public string `json:"public"` // "ecdsa-p256:…"
}

// Has says whether a version of a document was seen.
func (s Seen) Has(name, digest string) bool {
	return slices.ContainsFunc(s.Documents[name], func(v Version) bool { return v.Digest == digest })
}

// Serial is the lowest that a document may have; 0 for one that was never seen.
func (s Seen) Serial(name string) int64 {
	if list := s.Documents[name]; len(list) > 0 {
		return list[0].Serial
	}
	return 0
}

// with is the note with other versions of a document.
func (s Seen) with(name string, versions ...Version) Seen {
	all := map[string][]Version{}
	maps.Copy(all, s.Documents)
	all[name] = versions
	s.Documents = all
	return s
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

// Seen is the note, with what this run has added.
func (k *Keyring) Seen() Seen { return k.seen }

// LastSeen gives the note of what was seen in this state; another one was never seen.
func (k *Keyring) LastSeen() (Seen, error) {
	place := k.Where()
	if k.Given != nil && k.Given.State != nil && k.Given.State.Dir != "" {
		absolute, err := filepath.Abs(k.Given.State.Dir)
		if err != nil {
			return Seen{}, fmt.Errorf("find the state: %w", err)
		}
		place = "the directory " + absolute
	}
	seen, err := k.Operator.Seen()
	if err != nil || seen.Place == place {
		return seen, err
	}
	return Seen{Place: place}, nil
}

// Saw notes versions of a document, and, where no document is left that the key before
// has signed, the one that signs now.
func (k *Keyring) Saw(name string, resigns bool, versions ...Version) error {
	seen := k.seen.with(name, versions...)
	if k.earlier == nil || !resigns {
		seen.Signer = k.signedIn()
	}
	if err := k.Operator.Saw(seen); err != nil {
		return fmt.Errorf("note the version of %s: %w", name, err)
	}
	k.seen = seen
	return nil
}

// Accepted adds things that were accepted to what was seen; NoteThings writes it.
func (k *Keyring) Accepted(things ...string) {
	k.seen.Things = append(slices.Clone(k.seen.Things), things...)
}

// NoteThings notes the things that were accepted by this run.
func (k *Keyring) NoteThings() error {
	before, err := k.LastSeen()
	if err != nil || slices.Equal(before.Things, k.seen.Things) {
		return err
	}
	if err := k.Operator.Saw(k.seen); err != nil {
		return fmt.Errorf("note what was accepted: %w", err)
	}
	return nil
}

// signedIn is what is noted of the key that signs.
func (k *Keyring) signedIn() *SeenSigner {
	if key := k.signer.Origin().Kept(); key != "" {
		return &SeenSigner{Key: key, Public: k.public.String()}
	}
	return nil
}

// NoteSigner notes the key that signs, once it has signed everything.
func (k *Keyring) NoteSigner() error {
	now, noted := k.signedIn(), k.seen.Signer
	if now == nil && noted == nil || now != nil && noted != nil && *now == *noted {
		return nil
	}
	seen := k.seen
	seen.Signer = now
	if err := k.Operator.Saw(seen); err != nil {
		return fmt.Errorf("note the key that signs: %w", err)
	}
	k.seen = seen
	return nil
}

// Forget forgets what was seen, before it is deleted.
func (k *Keyring) Forget() error {
	if k.Operator == nil {
		return nil
	}
	if err := k.Operator.Saw(Seen{}); err != nil {
		return fmt.Errorf("forget what was seen: %w", err)
	}
	return nil
}
