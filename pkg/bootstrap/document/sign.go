package document

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// resigns says whether one of the operator's documents is signed by the key before.
func (s *Set) resigns() bool {
	return s.statement != nil && slices.ContainsFunc(s.operators(), func(d signed) bool { return d.exists && d.Former })
}

// rewraps says whether one of the operator's documents is encrypted by another key than
// the one that encrypts now.
func (s *Set) rewraps() bool {
	return s.statement != nil && slices.ContainsFunc(s.operators(), func(d signed) bool { return d.exists && d.Wrapper != s.Keys.Wrapper() })
}

// NewKeys say which keys have signed and encrypted, and which will; nothing where
// SignAgain has nothing to do.
func (s *Set) NewKeys() (lines []string) {
	if s.resigns() {
		lines = append(lines, s.signerLine())
	}
	if s.rewraps() {
		lines = append(lines, s.wrapperLine())
	}
	return lines
}

// signerLine says which key has signed, and which will.
func (s *Set) signerLine() string {
	before := s.Keys.Earlier().ID()
	for _, e := range []*seal.Envelope{envelope(s.credentials), envelope(s.view), &s.statement.Envelope} {
		if e != nil && e.KeyID == s.Keys.Earlier().ID() {
			before = fmt.Sprintf("%s, %s", e.KeyID, e.KeyOrigin)
		}
	}
	return fmt.Sprintf("signed by: key %s → key %s, %s", before, s.Keys.Public().ID(), s.Keys.Signer())
}

// envelope is that of a document, if it was read.
func envelope(d *sealed[secret.Values]) *seal.Envelope {
	if d == nil {
		return nil
	}
	return &d.Envelope
}

// wrapperLine says which key has encrypted, and which will.
func (s *Set) wrapperLine() string {
	before := s.Keys.Wrapper()
	for _, d := range s.operators() {
		if d.exists && d.Wrapper != s.Keys.Wrapper() {
			before = d.Wrapper
		}
	}
	return fmt.Sprintf("encrypted by: %s → %s", wrapperText(before), wrapperText(s.Keys.Wrapper()))
}

// wrapperText is a key that encrypts, for people.
func wrapperText(name string) string {
	if name == "" {
		return "the operator's key"
	}
	return "key " + name
}

// SignAgain signs and encrypts the operator's documents with the keys that do so now, and
// says which. Until the last one is, both keys that sign are known.
func (s *Set) SignAgain(ctx context.Context, c Contents) (report string, err error) {
	resigns, rewraps, line := s.resigns(), s.rewraps(), ""
	if rewraps {
		line = s.wrapperLine()
	}
	if s.credentials != nil && s.credentials.exists {
		if err := keep(ctx, s, s.credentials, c.Credentials); err != nil {
			return "", err
		}
	}
	if s.view.exists {
		if err := s.saveView(ctx, c); err != nil {
			return "", err
		}
	}
	if err := s.SaveStatement(ctx, c); err != nil {
		return "", err
	}
	by := fmt.Sprintf("it is signed by key %s, %s, now", s.Keys.Public().ID(), s.Keys.Signer())
	switch {
	case !rewraps:
		return by, nil
	case !resigns:
		return line, nil
	}
	return by + "; " + line, nil
}

// NoteSigner notes the key that signs, once it has signed everything.
func (s *Set) NoteSigner() error {
	if s.resigns() {
		return nil
	}
	return s.Keys.NoteSigner()
}
