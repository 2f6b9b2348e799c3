// Package state keeps what must outlive a run: small documents under names, and the
// journal of a run's steps. Package lease, in it, lets one run at a time write.
// Every write is conditional, so that no run overwrites what it has not seen.
package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxDocument is the size up to which a document is written and read. A
// create-env state with its variables is some 100 kB.
const MaxDocument = 8 << 20

// maxName bounds a name: S3 takes 1024 bytes for key and prefix together.
const maxName = 512

var (
	// ErrNotFound says that there is no document under a name.
	ErrNotFound = errors.New("no such document")
	// ErrConflict says that a document is no longer at the revision that a
	// conditional write named. Nothing was written: read it again.
	ErrConflict = errors.New("the document was changed by someone else")
)

// Document is one document as it was read.
type Document struct {
	Body     []byte
	Revision string    // what a conditional write names; equal bodies may share one
	Modified time.Time // when it was written, by the store's clock
}

// Store keeps documents. Its implementations behave alike, which
// statetest.Run checks.
//
// A name is a path of at most 512 bytes, as in journal/42.json; ValidName has
// the rule. A name must not be the directory of another one.
type Store interface {
	// Get reads a document. It fails with ErrNotFound.
	Get(ctx context.Context, name string) (Document, error)
	// Put writes a document and returns its new revision: with the revision
	// "" only if there is none yet, else only if it is still at that revision.
	// It fails with ErrConflict; then nothing was written. After any other
	// error the document is either the old or the new one, whole.
	Put(ctx context.Context, name string, body []byte, revision string) (string, error)
	// Delete removes a document if it is still at the revision. It fails with
	// ErrNotFound or ErrConflict.
	Delete(ctx context.Context, name, revision string) error
	// List gives the names that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Now is the time by the store's own clock, the one that Modified is read
	// from. It is what leases are judged by.
	Now(ctx context.Context) (time.Time, error)
}

// What the segments of a name are made of.
const (
	segmentStart = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
	segmentRest  = segmentStart + ".+@=-"
)

// ValidName says what is wrong with a name, nil if nothing is: segments of
// letters, digits and ._+@=- between single slashes, none beginning with a dot
// or a sign.
func ValidName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("document name of %d bytes: at most %d are allowed", len(name), maxName)
	}
	for part := range strings.SplitSeq(name, "/") {
		foreign := func(r rune) bool { return !strings.ContainsRune(segmentRest, r) }
		if part == "" || !strings.ContainsRune(segmentStart, rune(part[0])) || strings.ContainsFunc(part, foreign) {
			return fmt.Errorf("document name %q: %q must begin with a letter, digit or underscore and hold only these and .+@=-", name, part)
		}
	}
	return nil
}

// checkBody refuses a body that no store would take.
func checkBody(name string, body []byte) error {
	if len(body) > MaxDocument {
		return fmt.Errorf("document %s has %d bytes: at most %d are kept", name, len(body), MaxDocument)
	}
	return nil
}
