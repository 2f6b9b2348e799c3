package bootstrap

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// run is what the steps of one command share.
type run struct {
	*Installation
	options Options
	result  Result

	config       *config.Config // what is wanted, with what was wanted before and the defaults
	stored       *config.Config // what was wanted before; nil at the first run
	wantedConfig *config.Config // what is stored in its place: without defaults that may change later
	identity     login.Identity
	keys         aws.Credentials
	store        state.Store

	kept        *document.Set      // the documents
	said        document.Statement // the configuration and the files as they are stored
	record      record.Record
	credentials secret.Values

	guard *possession.Guard // of what create-env's state names; nil until it is asked

	warned      []string        // what was said already
	raise       postgres.Change // the major upgrade of the database that this run makes; the zero value: none
	holdVersion bool            // database.version is not stored before the database has it
	postgres    int             // the major of the database VM; 0 until the director was asked
	subnets     []account.Subnet
	infra       manifest.Infrastructure
	roomChecked bool
	stackMade   bool          // by this run
	made        bool          // this run has made something of what is wanted: the stack, or the director
	plans       bool          // it changes nothing, and says what would change
	repairs     bool          // in a plan: the director's VM would change
	deploys     bool          // in a plan: the deploy would start a task of the director, or join one
	strands     bool          // an earlier run has left pipelines paused
	deployed    bool          // this run has deployed, and waited for the end
	before      record.Record // as it was read
	beforeFiles map[string]string
	set         []component.Component
}

// newRun begins with what the user has given alone.
func (i *Installation) newRun(o Options) *run {
	r := &run{Installation: i, options: o, config: config.Defaults(i.Given), credentials: secret.Values{}}
	r.kept = &document.Set{
		Options: document.Options{AcceptStored: o.AcceptStored, LeaseTTL: i.LeaseTTL, Log: i.Log},
		Keys: keyring.New(keyring.Options{
			Installation: i.Name, Given: i.Given, Where: func() string { return storeName(r) }, Operator: i.Operator, Pipeline: i.Pipeline, Self: o.Self,
			Mask: i.Mask, Warn: func(line string) { r.warn(line) },
		}),
	}
	return r
}

// contents are what the documents are to say.
func (r *run) contents() document.Contents {
	said := r.said
	said.Choice = r.record.Choice
	return document.Contents{Statement: said, Findings: r.record.Findings, Credentials: r.credentials}
}

// open reads the state. With create a store that is not there yet is made. It
// gives ErrNotFound for one that is not there otherwise.
func (r *run) open(ctx context.Context, create bool) (created bool, err error) {
	r.store, created, err = r.OpenStore(ctx, r.config, r.identity.Account, create)
	if err != nil {
		return false, err
	}
	found, err := r.kept.Open(ctx, r.store)
	if err != nil {
		return created, err
	}
	r.said, r.credentials = found.Statement, found.Credentials
	r.record = record.Record{Choice: found.Statement.Choice, Findings: found.Findings}
	r.stored, r.before, r.beforeFiles = r.said.Config, r.record, r.said.Files
	r.Mask(credential.Secrets(r.credentials)...)
	if r.record.Infrastructure != nil {
		r.infra = *r.record.Infrastructure
	}
	if err := r.merge(); err != nil {
		return created, err
	}
	selection.Identify(&r.record, r.watch())
	return created, r.kept.Accept(r.wantedConfig)
}

// merge puts what is given over what was wanted before.
func (r *run) merge() error {
	wanted, err := config.Merge(r.stored, r.Given)
	if err != nil {
		return err
	}
	r.wantedConfig, r.config = config.Pinned(wanted), config.Defaults(wanted)
	r.Mask(config.Keys().Secrets(r.config)...)
	if err := r.valid(); err != nil && !r.kept.Lenient {
		return err
	}
	region := ""
	if r.config.AWS != nil {
		region = r.config.AWS.Region
	}
	return preflight.CheckOrigin(r.record.Choice, r.identity, region)
}

// valid checks the configuration as a whole. Warnings are said once.
func (r *run) valid() error {
	problems := append(r.settings().Stale(), check.Config(r.config, r.now())...)
	if !r.kept.Lenient {
		u, unread := r.readUser()
		problems = append(append(problems, unread...), overlay.Check(r.config, u)...)
	}
	if err := r.settings().Explain(problems).Err(); err != nil {
		return err
	}
	for _, problem := range problems {
		r.warn(problem.Error())
	}
	return nil
}

// warn says what was not said before.
func (r *run) warn(lines ...string) {
	for _, line := range lines {
		if !slices.Contains(r.warned, line) {
			r.warned = append(r.warned, line)
			r.Progress.Warn(line)
		}
	}
}

// bucketName is that of the state bucket.
func (r *run) bucketName() string { return config.BucketName(r.config, r.identity.Account) }

// input is what the manifests are rendered from.
func (r *run) input() (manifest.Input, error) {
	types := r.record.InstanceTypes
	in := manifest.Input{
		Config: r.config, Infrastructure: r.infra, Credentials: r.credentials, OperatorPublicKey: r.operatorKey(),
		InstanceTypes: manifest.InstanceTypes{
			Director: types["director"], Web: types["web"], Worker: types["worker"], Database: types["database"],
		},
		Spread:      r.record.Spread,
		Versions:    selection.Versions(r.set),
		Program:     r.Program,
		SpotCeiling: r.spotCeiling(types["worker"]),

		PostgresMajor: r.postgres,
		Installer: manifest.Installer{
			AccessKey: secret.New(r.keys.AccessKey), SecretKey: r.keys.SecretKey, SessionToken: r.keys.SessionToken, Inside: r.options.Self,
		},
	}
	var err error
	in.User, err = r.user()
	return in, err
}

// operatorKey is by which the pipeline knows the operator's documents. In the plan of a
// state of an older release something stands for the one that is made when it is signed.
func (r *run) operatorKey() string {
	if key := r.kept.Keys.Public().String(); key != "" || !r.kept.Old() {
		return key
	}
	return "(a new key)"
}

// spotCeiling is the most that an hour of a spot worker may cost; "" without AWS.
func (r *run) spotCeiling(instanceType string) string {
	if r.elsewhere() {
		return ""
	}
	return r.SpotCeiling(r.config.AWS.Region, instanceType)
}

// user reads the user's ops files and vars files.
func (r *run) user() (manifest.User, error) {
	u, problems := r.readUser()
	return u, problems.Err()
}

func (r *run) readUser() (manifest.User, schema.Problems) {
	u, notes, problems := overlay.Read(r.config, r.files().Read)
	r.warn(notes...)
	for _, layer := range u.Vars {
		r.Mask(resource.SecretVars(layer)...)
	}
	return u, problems
}
