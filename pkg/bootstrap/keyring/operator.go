package keyring

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// ErrNoKey says that an operator has no key in a file.
var ErrNoKey = errors.New("no operator's key")

// Operator is what an operator keeps: the key that signs and reads the documents below
// operator/, and a note of how they were when this operator saw them last.
type Operator interface {
	// Key gives the key; it fails with ErrNoKey where there is none.
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

// Pipeline is what a self-upgrade has of the operator's: it reads, and never writes below
// operator/.
type Pipeline struct {
	Public   string // of the operator's signatures: "ed25519:…"
	Identity string // reads what is encrypted to the pipeline: "AGE-SECRET-KEY-1…"
}
