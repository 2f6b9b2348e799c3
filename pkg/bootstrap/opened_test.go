package bootstrap_test

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// plains are what is in the documents that were opened last, by their digests: each run of
// a test asks for the same ones, and the race detector watches every byte of them.
var plains = struct {
	mu   sync.Mutex
	list map[[sha256.Size]byte][]byte
}{list: map[[sha256.Size]byte][]byte{}}

// opened is what is in a document, sealed or not. Nobody changes it.
func opened(text []byte) ([]byte, error) {
	digest := sha256.Sum256(text)
	plains.mu.Lock()
	defer plains.mu.Unlock()
	if plain, known := plains.list[digest]; known {
		return plain, nil
	}
	e, err := seal.Peek(text)
	if err != nil {
		return text, nil
	}
	plain, err := unsealed(e)
	if err != nil {
		return nil, err
	}
	if len(plains.list) >= 100 {
		clear(plains.list)
	}
	plains.list[digest] = plain
	return plain, nil
}

// unsealed is what is in an envelope.
func unsealed(e seal.Envelope) ([]byte, error) {
	if v, is := vaults.Load(seal.WrappedBy(e.Body)); is {
		able := *v.(*vault)
		able.refuses = nil // the test is not refused
		return seal.DecryptWith(context.Background(), &able, seal.Place{Installation: e.Installation, Document: e.Document}, e.Body)
	}
	return theKey().Decrypt(e.Body)
}
