package document

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/legacy"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Old says whether the state is where an older release has kept it, and was never moved.
func (s *Set) Old() bool { return s.old }

// isOld looks at that, when the statement was read.
func (s *Set) isOld(ctx context.Context) (bool, error) {
	if s.statement.exists {
		return false, nil
	}
	found, err := legacy.Found(ctx, s.store)
	if err != nil {
		return false, err
	}
	if !s.Keys.Self && s.Keys.Operator != nil {
		seen, err := s.Keys.LastSeen()
		if err != nil {
			return false, err
		}
		if seen.Serial(configurationName) > 0 && !s.AcceptStored {
			again := "run again with --accept-stored"
			if !s.Asks {
				again = fmt.Sprintf("run perpetual deploy %s --accept-stored", s.Keys.Installation)
			}
			return false, fmt.Errorf("%s has no %s, which this operator has seen there; nothing was changed: restore it from an earlier version, or, if that was destroyed on purpose, %s", s.Keys.Where(), configurationName, again)
		}
	}
	if found && s.Keys.Self {
		return false, fmt.Errorf("%s is from an older release, and not signed; nothing was changed: run perpetual deploy %s by hand once, which moves it", s.Keys.Where(), s.Keys.Installation)
	}
	return found, nil
}

// openOld reads the state of an older release.
func (s *Set) openOld(ctx context.Context, c *Contents) error {
	old, err := legacy.Load(ctx, s.store)
	if err != nil {
		return err
	}
	c.Statement = Statement{Config: old.Config, Files: old.Files, Choice: old.Choice}
	c.Findings, c.Credentials = old.Findings, old.Credentials
	var digests strings.Builder
	for _, body := range old.Bodies {
		digests.WriteString(keyring.Digest(body))
	}
	s.oldDigest = keyring.Digest([]byte(digests.String()))
	// A run that was killed may have begun to move it: what it wrote is written again.
	if s.record, _, err = load(ctx, s.store, recordName, overwritten); err != nil {
		return err
	}
	if s.credentials, _, err = openSealed(ctx, s, credentialsName, credentialCodec); err != nil {
		return err
	}
	s.view, _, err = openSealed(ctx, s, Pipeline, credentialCodec)
	return err
}

// MovedLines say what Move would do.
func (s *Set) MovedLines() []string {
	lines := []string{"+ the operator's key, if there is none: " + s.Keys.Operator.Where()}
	for _, name := range Names() {
		lines = append(lines, "+ "+name)
	}
	return append(lines, "- "+legacy.Configuration, "- "+legacy.Credentials, "- "+legacy.Record)
}

// Move writes the state of an older release to its places, signed and encrypted. The
// statement goes last: with it the old documents count no more.
func (s *Set) Move(ctx context.Context, c Contents) error {
	if err := legacy.Copy(ctx, s.store, RunFolder); err != nil {
		return err
	}
	if err := s.record.save(ctx, c.Findings); err != nil {
		return err
	}
	crash.Here("moved-run")
	if err := keep(ctx, s, s.credentials, c.Credentials); err != nil {
		return err
	}
	if err := s.saveView(ctx, c); err != nil {
		return err
	}
	crash.Here("moved-credentials")
	if err := s.SaveStatement(ctx, c); err != nil {
		return err
	}
	crash.Here("moved-statement")
	s.old = false
	return nil
}

// ClearOld deletes what an older release has kept, once it was moved.
func (s *Set) ClearOld(ctx context.Context) error { return legacy.Clear(ctx, s.store, s.heldOld) }
