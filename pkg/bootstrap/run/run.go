// Package run is what the verbs and the steps of an installation share: what was given, what
// its state knows, and how that is stored again between two steps. It makes nothing of what
// is wanted itself.
package run

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Run is one run of a verb on an installation.
type Run struct {
	*Installation
	Options  Options
	Plans    bool                // it changes nothing, and says what would change
	Outcomes []step.NamedOutcome // what became of its steps so far

	Config   *config.Config // what is wanted, with what was wanted before and the defaults
	Stored   *config.Config // what was wanted before; nil at the first run
	Wanted   *config.Config // what is stored in its place: without defaults that may change later
	Identity login.Identity // as whom it works; empty without aws
	Store    state.Store    // nil until it is opened

	Documents   *document.Set      // what the store has of the installation
	Said        document.Statement // the configuration and the files as they are stored
	Record      record.Record      // what was chosen and found out
	Credentials secret.Values      // the generated ones

	Before      record.Record     // as it was read
	BeforeFiles map[string]string // the user's files as they were stored, by name

	Outputs  manifest.Infrastructure // what the stack gives, or will give
	Set      []component.Component   // that is deployed; nil until it is chosen
	Postgres int                     // the major of the database VM; 0 until the director was asked
	Made     bool                    // this run has made something of what is wanted: the stack, or the director

	guard  *possession.Guard // of what create-env's state names; nil until it is asked
	warned []string          // what was said already
}

// New begins a run with what the user has given alone.
func New(i Installation, o Options) *Run {
	r := &Run{Installation: i.withDefaults(), Options: o, Config: config.Defaults(i.Given), Credentials: secret.Values{}}
	r.Documents = &document.Set{
		Options: document.Options{AcceptStored: o.AcceptStored, LeaseTTL: i.LeaseTTL, Log: i.Log},
		Keys: keyring.New(keyring.Options{
			Installation: i.Name, Given: i.Given, Where: r.StoreName, Operator: i.Operator, Pipeline: i.Pipeline, Self: o.Self,
			Mask: i.Mask, Warn: func(line string) { r.Warn(line) },
		}),
	}
	return r
}

// Identify finds out as whom it works, where there is a cloud account.
func (r *Run) Identify(ctx context.Context) (err error) {
	if r.Config.AWS != nil {
		r.Identity, err = r.Account.Identity(ctx)
	}
	return err
}

// CheckAccount asks who we are and whether the account has the region, before anything is
// made. It changes nothing.
func (r *Run) CheckAccount(ctx context.Context) (step.Outcome, error) {
	aws := r.Config.AWS
	if aws == nil {
		return step.Skipped.Report("the director exists already: no cloud account is used")
	}
	var err error
	if r.Identity, err = preflight.Identify(ctx, r.Account, aws.Account); err != nil {
		return step.Outcome{}, err
	}
	return step.UpToDate.Report("account %s, region %s, as %s", r.Identity.Account, aws.Region, r.Identity.ARN)
}

// Open reads the state. With create a store that is not there yet is made. It
// gives ErrNotFound for one that is not there otherwise.
func (r *Run) Open(ctx context.Context, create bool) (created bool, err error) {
	r.Store, created, err = r.OpenStore(ctx, r.Config, r.Identity.Account, create)
	if err != nil {
		return false, err
	}
	found, err := r.Documents.Open(ctx, r.Store)
	if err != nil {
		return created, err
	}
	r.Said, r.Credentials = found.Statement, found.Credentials
	r.Record = record.Record{Choice: found.Statement.Choice, Findings: found.Findings}
	r.Stored, r.Before, r.BeforeFiles = r.Said.Config, r.Record, r.Said.Files
	r.Mask(credential.Secrets(r.Credentials)...)
	if r.Record.Infrastructure != nil {
		r.Outputs = *r.Record.Infrastructure
	}
	if err := r.Merge(); err != nil {
		return created, err
	}
	selection.Identify(&r.Record, r.Source())
	return created, r.Documents.Accept(r.Wanted)
}

// Merge puts what is given over what was wanted before.
func (r *Run) Merge() error {
	wanted, err := config.Merge(r.Stored, r.Given)
	if err != nil {
		return err
	}
	r.Wanted, r.Config = config.Pinned(wanted), config.Defaults(wanted)
	r.Mask(config.Keys().Secrets(r.Config)...)
	if err := r.valid(); err != nil && !r.Documents.Lenient {
		return err
	}
	region := ""
	if r.Config.AWS != nil {
		region = r.Config.AWS.Region
	}
	return preflight.CheckOrigin(r.Record.Choice, r.Identity, region)
}

// valid checks the configuration as a whole. Warnings are said once.
func (r *Run) valid() error {
	problems := append(r.Settings().Stale(), check.Config(r.Config, r.Now())...)
	if !r.Documents.Lenient {
		u, unread := r.readUser()
		problems = append(append(problems, unread...), overlay.Check(r.Config, u)...)
	}
	if err := r.Settings().Explain(problems).Err(); err != nil {
		return err
	}
	for _, problem := range problems {
		r.Warn(problem.Error())
	}
	return nil
}

// Warn says what was not said before.
func (r *Run) Warn(lines ...string) {
	for _, line := range lines {
		if !slices.Contains(r.warned, line) {
			r.warned = append(r.warned, line)
			r.Progress.Warn(line)
		}
	}
}
