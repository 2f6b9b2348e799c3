package document

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Save keeps the statement and the findings, also when the run is being interrupted: what
// was done is not to be forgotten.
func (s *Set) Save(ctx context.Context, c Contents) error {
	ctx, cancel := retry.Grace(ctx, 5*time.Second)
	defer cancel()
	if err := s.lease.Err(); err != nil {
		return fmt.Errorf("write %s: %w", recordName, err)
	}
	if err := s.SaveStatement(ctx, c); err != nil {
		return err
	}
	return s.record.save(ctx, c.Findings)
}

// SaveStatement keeps what the operator has said, and what was chosen for it. In a
// self-upgrade it is the operator's, and stays as it is.
func (s *Set) SaveStatement(ctx context.Context, c Contents) error {
	if s.Keys.Self {
		return nil
	}
	return keep(ctx, s, s.statement, c.Statement, recipients(c.Credentials)...)
}

// SaveCredentials keeps what was generated, of which added is new: by hand all of it, with
// the pipeline's view; in a self-upgrade the certificates that were renewed, for its own
// later runs.
func (s *Set) SaveCredentials(ctx context.Context, c Contents, added []string) error {
	if len(added) > 0 {
		// First: a run that is killed before the key is kept makes another, and does this again.
		if slices.Contains(added, manifest.StateKey) {
			if err := s.reopen(ctx, c); err != nil {
				return err
			}
		}
		err := s.saveGenerated(ctx, c, added)
		if err != nil {
			return fmt.Errorf("keep the generated credentials: %w; nothing uses them yet", err)
		}
	}
	return s.saveView(ctx, c)
}

// saveGenerated keeps the credentials themselves.
func (s *Set) saveGenerated(ctx context.Context, c Contents, added []string) error {
	if s.Keys.Self {
		return s.saveRenewed(ctx, c.Credentials, added)
	}
	return keep(ctx, s, s.credentials, c.Credentials)
}

// saveView keeps the pipeline's view of the credentials, if there is a pipeline.
func (s *Set) saveView(ctx context.Context, c Contents) error {
	to := recipients(c.Credentials)
	if s.Keys.Self || len(to) == 0 {
		return nil
	}
	return keep(ctx, s, s.view, view(c.Credentials), to...)
}

// reopen encrypts what the pipeline reads to its new key: the text stays as it is, and so
// would not be written otherwise.
func (s *Set) reopen(ctx context.Context, c Contents) error {
	if s.view.exists {
		s.view.closed = true
		if err := s.saveView(ctx, c); err != nil {
			return err
		}
	}
	if !s.statement.exists {
		return nil
	}
	s.statement.closed = true
	return s.SaveStatement(ctx, c)
}
