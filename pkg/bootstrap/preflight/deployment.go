package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Director is one that exists.
type Director interface {
	// Manifest gives that of a deployment; it fails with bosh.ErrNotFound.
	Manifest(ctx context.Context, deployment string) ([]byte, error)
}

// Deployment compares the state with a deployment on a director that exists.
type Deployment struct {
	State
	URL        string // of the director: "https://203.0.113.9:25555"
	Deployment string // "concourse"
	// Open opens the director; the function that it gives closes it.
	Open func() (Director, func(), error)
}

// Check refuses a state that knows less than the director: what it would make again is the
// credentials, and those lock out what runs.
func (d Deployment) Check(ctx context.Context) error {
	if d.Documents.Known() && d.Record.Deployment {
		missing, err := d.missing(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
		return fmt.Errorf("%s has no %s, though deployment %s was created on the director at %s: what is missing would be generated again, and lock out what runs; nothing was changed: put it back from a copy",
			d.Where, strings.Join(missing, " and no "), d.Deployment, d.URL)
	}
	director, done, err := d.Open()
	if err != nil {
		return err
	}
	defer done()
	_, err = director.Manifest(ctx, d.Deployment)
	switch {
	case errors.Is(err, bosh.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("ask the director at %s for deployment %s: %w; nothing was changed", d.URL, d.Deployment, err)
	}
	return fmt.Errorf("the director at %s has a deployment %s, and %s knows nothing of it: credentials that are generated now would lock out what runs; nothing was changed: name the directory or bucket that has its state (--state-dir, --state-bucket), or put that back from a copy; a second Concourse gets a name of its own with director.deployment",
		d.URL, d.Deployment, d.Where)
}

// CheckDestroy is Check for who deletes. Nothing is deleted there but what the state
// knows; it must only not take with it the credentials of a deployment that it has forgotten.
func (d Deployment) CheckDestroy(ctx context.Context) error {
	if d.Documents.Known() && d.Record.Deployment || !d.Documents.HasCredentials() {
		return nil
	}
	return d.Check(ctx)
}
