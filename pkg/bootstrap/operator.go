package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Operator is what an operator keeps: the key that signs and reads the documents below
// operator/, and a note of how they were when this operator saw them last.
type Operator interface {
	// Key gives the key; it fails with ErrNotFound where there is none.
	Key() (seal.Identity, error)
	// Make makes one, keeps it, and says where.
	Make() (seal.Identity, error)
	// Where names the key's file: "ci.operator-key".
	Where() string
	// Signer finds the key of KMS that signs in the place of that key, by ARN or alias.
	Signer(ctx context.Context, name string) (seal.Signer, error)
	// Wrapper finds the key of KMS that encrypts in the place of that key, by ARN or alias.
	Wrapper(ctx context.Context, name string) (seal.Wrapper, error)
	// Seen gives the note; the zero value where there is none.
	Seen() (Seen, error)
	// Saw writes it.
	Saw(Seen) error
	// Accept asks whether what lines say may be taken. Without anybody to ask it is false.
	Accept(question string, lines []string) (bool, error)
}

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

// has says whether a version of a document was seen.
func (s Seen) has(name, digest string) bool {
	for _, v := range s.Documents[name] {
		if v.Digest == digest {
			return true
		}
	}
	return false
}

// serial is the lowest that a document may have.
func (s Seen) serial(name string) int64 {
	if list := s.Documents[name]; len(list) > 0 {
		return list[0].Serial
	}
	return 0
}

// with is the note with other versions of a document.
func (s Seen) with(name string, versions ...Version) Seen {
	all := map[string][]Version{}
	for n, v := range s.Documents {
		all[n] = v
	}
	all[name] = versions
	return Seen{s.Place, all, s.Signer, s.Things}
}

// Pipeline is what a self-upgrade has of the operator's: it reads, and never writes below
// operator/.
type Pipeline struct {
	Public   string // of the operator's signatures: "ed25519:…"
	Identity string // reads what is encrypted to the pipeline: "AGE-SECRET-KEY-1…"
}

// statement is configurationName: what the operator has said, and what was
// chosen for it.
type statement struct {
	config *config.Config // nil before a deploy has got so far as to take it
	files  map[string]string
	choice record.Choice
}

// statementDocument is it as it is kept.
type statementDocument struct {
	Configuration json.RawMessage `json:"configuration,omitempty"`
	// Files are the user's ops files and vars files as of the last deploy by hand: the
	// pipeline has none of them.
	Files  map[string]string `json:"files,omitempty"`
	Chosen record.Choice     `json:"chosen"`
}

var statementFormat = state.Format{Kind: "configuration"}

var statementCodec = codec[statement]{
	encode: func(s statement) ([]byte, error) {
		d := statementDocument{Files: s.files, Chosen: s.choice}
		if s.config != nil {
			text, err := config.Encode(s.config)
			if err != nil {
				return nil, err
			}
			d.Configuration = text
		}
		return statementFormat.Encode(d)
	},
	decode: func(name string, body []byte) (statement, error) {
		var d statementDocument
		if err := statementFormat.Decode(name, body, &d); err != nil {
			return statement{}, err
		}
		s := statement{files: d.Files, choice: d.Chosen}
		if d.Configuration == nil {
			return s, nil
		}
		var err error
		s.config, err = config.Decode(name, d.Configuration)
		return s, err
	},
}

// unlockWith finds the keys that a document is verified and read with. text is the
// document, whose envelope says whose it is, for people.
func (r *run) unlockWith(ctx context.Context, name string, text []byte) error {
	if r.unlocked {
		return nil
	}
	if r.options.Self && (r.Pipeline != Pipeline{} || r.Operator == nil) {
		return r.unlockInside()
	}
	if r.Operator == nil {
		return errors.New("read the state: there is nowhere an operator's key is kept")
	}
	key, err := r.Operator.Key()
	if errors.Is(err, ErrNotFound) && r.options.Self {
		return r.unlockInside()
	}
	if errors.Is(err, ErrNotFound) && fileless(text) {
		return r.unlock(ctx, seal.Identity{}, text)
	}
	if errors.Is(err, ErrNotFound) {
		e, _ := seal.Peek(text)
		if e.Installation != "" && e.Installation != r.Name {
			return fmt.Errorf("%s says that it is of the installation %.40q, not %s; nothing was changed", storeName(r), e.Installation, r.Name)
		}
		signed := "it is signed"
		if e.KeyID != "" {
			signed = fmt.Sprintf("it says that it is signed by key %.40q, %.120q", e.KeyID, e.KeyOrigin.String())
		}
		return fmt.Errorf("%s cannot be read without the operator's key: %s, and there is no %s; nothing was changed: copy that file here from where it was made, or name it with --operator-key FILE",
			name, signed, r.Operator.Where())
	}
	if err != nil {
		return err
	}
	return r.unlock(ctx, key, text)
}

// lastSeen gives the note of what was seen in this state; another one was never seen.
func (r *run) lastSeen() (Seen, error) {
	place := storeName(r)
	if r.local() {
		absolute, err := filepath.Abs(r.config.State.Dir)
		if err != nil {
			return Seen{}, fmt.Errorf("find the state: %w", err)
		}
		place = "the directory " + absolute
	}
	seen, err := r.Operator.Seen()
	if err != nil || seen.Place == place {
		return seen, err
	}
	return Seen{Place: place}, nil
}

// unlock takes a key, those that sign and encrypt in its place if there are any, and the
// note of what was seen with it. Where both are in KMS there need be no key. text is the
// document that is to be read, for people; nil where there is none.
func (r *run) unlock(ctx context.Context, key seal.Identity, text []byte) error {
	seen, err := r.lastSeen()
	if err != nil {
		return err
	}
	signer, err := r.signerInKMS(ctx, seen)
	if err != nil {
		return err
	}
	if key.Empty() {
		if err := r.checkFileless(signer, text); err != nil {
			return err
		}
	}
	if r.wrapper, err = r.wrapperInKMS(ctx); err != nil {
		return err
	}
	if signer == nil {
		signer = key
	}
	r.seen, r.reader, r.signer, r.public, r.unlocked = seen, key, signer, signer.Public(), true
	if !key.Empty() {
		r.Mask(key.Reveal())
	}
	r.earlier, err = seen.earlier(r.public, key.Public())
	return err
}

// unlockInside takes what a self-upgrade has.
func (r *run) unlockInside() (err error) {
	if r.Pipeline.Public == "" || r.Pipeline.Identity == "" {
		return fmt.Errorf("read the state: the pipeline has no key for it (PERPETUAL_OPERATOR_PUBLIC_KEY, PERPETUAL_STATE_KEY); nothing was changed: run perpetual deploy %s by hand, which gives it one", r.Name)
	}
	if r.public, err = seal.ParsePublicKey(r.Pipeline.Public); err != nil {
		return fmt.Errorf("PERPETUAL_OPERATOR_PUBLIC_KEY: %w", err)
	}
	if r.reader, err = seal.ParseIdentity(r.Pipeline.Identity); err != nil {
		return fmt.Errorf("PERPETUAL_STATE_KEY: %w", err)
	}
	r.unlocked, r.inside = true, true
	r.Mask(r.reader.Reveal())
	return nil
}

// ensureKey makes the operator's key at a first install.
func (r *run) ensureKey(ctx context.Context) error {
	if r.unlocked {
		return nil
	}
	if r.Operator == nil {
		return errors.New("keep the state: there is nowhere to keep an operator's key")
	}
	key, err := r.Operator.Key()
	if errors.Is(err, ErrNotFound) && r.filelessInstall() {
		return r.unlock(ctx, seal.Identity{}, nil)
	}
	if errors.Is(err, ErrNotFound) {
		if key, err = r.Operator.Make(); err != nil {
			return err
		}
		does := "signs and encrypts"
		if name, _ := encryptionSaid(r.Given); name != "" {
			does = "signs"
		} else if signingKey(r.Given, r.seen) != "" {
			does = "encrypts"
		}
		r.Progress.Warn(fmt.Sprintf("made the operator's key of %s: %s; it %s the state: keep a copy in another place than the state, because without it nobody can deploy, change or read this installation by hand", r.Name, r.Operator.Where(), does))
	}
	if err != nil {
		return err
	}
	return r.unlock(ctx, key, nil)
}
