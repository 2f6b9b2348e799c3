// Package document keeps the documents of an installation in its state store: what the
// operator has said and what was generated, signed and encrypted, and what runs have
// found. A run takes their contents, and says what is to be kept; how a document
// is read, signed, accepted and written is known here.
package document

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/legacy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// The documents of an installation in its state store. What is below operator/ is
// signed, and written by an operator's run alone; what is below run/ any run writes, the
// pipeline's too, and no run by hand takes an address, a digest, a path or a value from
// it.
const (
	configurationName = "operator/configuration.json"
	credentialsName   = "operator/credentials.json"
	// Pipeline is the pipeline's view of the credentials.
	Pipeline = "operator/pipeline.json"

	// RunFolder is what is below run/: create-env's documents and the upgrades' are there, too.
	RunFolder   = "run/"
	recordName  = RunFolder + "record.json"
	renewedName = RunFolder + "credentials.age" // certificates that the pipeline has renewed
	leaseName   = RunFolder + "leases/installation"
)

// Names lists where an installation keeps what, for those who look into a store.
func Names() []string {
	return []string{configurationName, credentialsName, Pipeline, recordName}
}

// Contents are what the documents say.
type Contents struct {
	Statement   Statement
	Findings    record.Findings
	Credentials secret.Values
}

// Options say how the documents are used.
type Options struct {
	// Asks: what is stored and was changed is not taken without asking.
	Asks bool
	// Lenient: what is there is only looked at, or deleted.
	Lenient bool
	// AcceptStored takes what is in the state, though it was changed since this operator's
	// last run and nobody is there to be asked.
	AcceptStored bool
	// LeaseTTL is for how long a run that dies keeps others out; 0 is what the state has.
	LeaseTTL time.Duration
	Log      *slog.Logger // says why at level debug; nil says nothing
}

// Set is the documents of one installation.
type Set struct {
	Options
	Keys *keyring.Keyring

	store       state.Store
	lease       *lease.Lease
	statement   *sealed[Statement]
	credentials *sealed[secret.Values]
	view        *sealed[secret.Values] // the pipeline's, of the credentials
	base        *sealed[secret.Values] // of a self-upgrade: where the credentials come from
	record      *plain[record.Findings]
	read        Contents // as it was opened
	generated   int      // how many credentials were read

	old            bool   // the state is where an older release has kept it
	heldOld        bool   // this run holds the lease of an older release
	oldDigest      string // of all that an older release has kept
	accepted       string // the digests of what may be taken
	acceptedSigner string // the digests of what may be signed by another key
}

// Open reads what a store has. It may be called again, when others may have written. What
// it gives may be taken only once Accept has gone well.
func (s *Set) Open(ctx context.Context, store state.Store) (c Contents, err error) {
	s.store = store
	if s.statement, c.Statement, err = openSealed(ctx, s, configurationName, statements); err != nil {
		return Contents{}, err
	}
	if s.old, err = s.isOld(ctx); err != nil {
		return Contents{}, err
	}
	if s.old {
		err = s.openOld(ctx, &c)
	} else {
		err = s.openParts(ctx, &c)
	}
	if err != nil {
		return Contents{}, err
	}
	if c.Credentials == nil {
		c.Credentials = secret.Values{}
	}
	s.read, s.generated = c, len(c.Credentials)
	return c, nil
}

// openParts reads what is beside the operator's statement.
func (s *Set) openParts(ctx context.Context, c *Contents) (err error) {
	if s.record, c.Findings, err = load(ctx, s.store, recordName, findings); err != nil {
		return err
	}
	if s.view, c.Credentials, err = openSealed(ctx, s, Pipeline, credentialCodec); err != nil {
		return err
	}
	if s.Keys.Self && s.view.exists {
		return s.openRenewed(ctx, s.view, c.Credentials)
	}
	if s.Keys.Self && s.Keys.Pipeline.Identity != "" {
		return fmt.Errorf("the state has no %s; nothing was changed: run perpetual deploy %s by hand, which writes it again", Pipeline, s.Keys.Installation)
	}
	s.credentials, c.Credentials, err = openSealed(ctx, s, credentialsName, credentialCodec)
	if err == nil && s.Keys.Self {
		return s.openRenewed(ctx, s.credentials, c.Credentials)
	}
	return err
}

// Config reads the configuration that a store has, signed or of an older release, and
// nothing else; nil where there is none.
func (s *Set) Config(ctx context.Context, store state.Store) (*config.Config, error) {
	s.store = store
	statement, said, err := openSealed(ctx, s, configurationName, statements)
	if err != nil {
		return nil, err
	}
	if statement.exists {
		return said.Config, nil
	}
	return legacy.LoadConfig(ctx, store)
}

// Known says whether the state has a record of the installation.
func (s *Set) Known() bool { return s.old || s.Signed() }

// Signed says whether the operator's statement is there.
func (s *Set) Signed() bool { return s.statement != nil && s.statement.exists }

// Missing names the documents that must be there, since the record was written after
// them; with generated the credentials must be, too.
func (s *Set) Missing(generated bool) (names []string) {
	if s.read.Statement.Config == nil {
		names = append(names, s.nameOf("configuration in "+configurationName, legacy.Configuration))
	}
	if !s.old && !s.record.exists {
		names = append(names, recordName)
	}
	if generated && !s.HasCredentials() {
		names = append(names, s.nameOf(s.credentialsFrom(), legacy.Credentials))
	}
	return names
}

// nameOf is one of two names: of the state as it is today, or of an older release's.
func (s *Set) nameOf(now, before string) string {
	if s.old {
		return before
	}
	return now
}

// HasCredentials says whether the document with the credentials is there.
func (s *Set) HasCredentials() bool {
	switch {
	case s.old:
		return s.generated > 0
	case s.Keys.Self:
		return s.base != nil && s.base.exists
	}
	return s.credentials != nil && s.credentials.exists
}

// credentialsFrom is where a run reads the credentials.
func (s *Set) credentialsFrom() string {
	if s.Keys.Self && s.Keys.Pipeline.Identity != "" {
		return Pipeline
	}
	return credentialsName
}

// Doubts say why what the state says may not be what the operator has said last. Who only
// looks is told, and not asked.
func (s *Set) Doubts() (lines []string) {
	where, name := s.Keys.Where(), s.Keys.Installation
	if s.old {
		return []string{fmt.Sprintf("%s is from an older release, in clear and not signed; perpetual deploy %s shows what is in it, asks, and moves it, and until then the pipeline refuses it", where, name)}
	}
	if s.Keys.Earlier() != nil {
		lines = append(lines, fmt.Sprintf("%s is signed by another key than this operator has known; perpetual deploy %s shows both, and asks", where, name))
	}
	for _, d := range s.operators() {
		if d.Replayed != nil {
			lines = append(lines, fmt.Sprintf("%s: %s; restore the last version, or, if it was put back on purpose, take it with perpetual deploy %s --accept-stored", where, s.older(d), name))
		}
	}
	return lines
}

// Forget forgets what the operator has seen, before the documents are deleted. Nothing is
// saved afterwards.
func (s *Set) Forget() error {
	s.record = nil
	return s.Keys.Forget()
}

// exists says whether a store has a document.
func exists(ctx context.Context, store state.Store, name string) (bool, error) {
	_, err := store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
