package run

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/accesskey"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deletion"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/pipeline"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// ErrNotFound says that something has not been made yet.
var ErrNotFound = errors.New("not found")

// Installation is one Concourse with all that is under it: what the user has given, and how
// everything is opened that a run asks. The verbs are methods of bootstrap.Installation,
// which has the same fields.
type Installation struct {
	Name    string         // "ci"
	Given   *config.Config // what the user has given this time: file, environment, flags
	Program string         // the version of this program

	Account Account // nil without aws
	// OpenStack opens a stack of the account; region is "" for the account's own. The
	// options lack the connection, and how often a stack is looked at.
	OpenStack func(region string, o stack.Options) (infrastructure.Stack, error)
	// OpenEnvironment opens create-env. The options lack where it works, and what its
	// surroundings are.
	OpenEnvironment func(createenv.Options) (environment.Environment, error)
	// Answers says whether something answers at a director's URL.
	Answers func(ctx context.Context, url string) bool
	// OpenStore gives the state store, and makes its bucket if it is not there yet.
	// With create false a store that is not there is ErrNotFound.
	// account is "" without aws.
	OpenStore func(ctx context.Context, c *config.Config, account string, create bool) (store state.Store, created bool, err error)
	// DeleteStore removes it with everything in it.
	DeleteStore func(ctx context.Context, c *config.Config, account string) error
	// Director and ATC open clients; the functions that they give close them.
	Director func(resource.Director) (Director, func(), error)
	ATC      func(resource.Concourse) (ATC, error)
	// Components finds the newest component set, or exactly the given one.
	Components func(ctx context.Context, source resource.Source, version resource.Version) ([]component.Component, error)
	// Images gives the machine images of a light stemcell by region, from where the source
	// finds it; nil: they are not looked at.
	Images func(ctx context.Context, source resource.Source, c component.Component) (map[string]string, error)
	// SpotCeiling is the most that an hour of an instance type may cost on spot in USD,
	// "0.192"; there is one for every type.
	SpotCeiling func(region, instanceType string) string
	// Files reads the user's ops files and vars files that were named now.
	Files func(name string) ([]byte, error)
	// Operator keeps the key of the state. A self-upgrade that has Pipeline does not ask it.
	Operator keyring.Operator
	// Pipeline is what a self-upgrade has instead.
	Pipeline keyring.Pipeline

	Progress step.Progress
	Mask     func(...secret.Value) // hides values in all output from now on
	Now      func() time.Time      // nil is time.Now
	Poll     time.Duration         // between two looks; 0 is 2 s
	// Timeout bounds each wait for the director or the web; 0 is two hours.
	Timeout time.Duration
	// Still is for how long no build may run before a quiet upgrade; 0 is what pause has.
	Still time.Duration
	// Settle is how long web and workers may take after a deploy; 0 is 5 minutes.
	Settle time.Duration
	// LeaseTTL is for how long a run that dies keeps others out; 0, as the installer has it,
	// is what the state has.
	LeaseTTL time.Duration
	Build    plan.Build   // of a self-upgrade
	Log      *slog.Logger // says why at level debug; nil says nothing
}

// withDefaults is an installation in which nothing has to be looked up.
func (i Installation) withDefaults() *Installation {
	if i.Now == nil {
		i.Now = time.Now
	}
	i.Poll, i.Timeout = cmp.Or(i.Poll, 2*time.Second), cmp.Or(i.Timeout, 2*time.Hour)
	return &i
}

// Account is the cloud account in which everything is; an *account.Account is one.
type Account interface {
	// Identity fails when there are no credentials, or when they have expired.
	Identity(ctx context.Context) (login.Identity, error)
	// Regions lists those that are enabled in the account.
	Regions(ctx context.Context) ([]string, error)
	// DatabaseAuthorities are the CAs that sign for the databases of the service, in PEM.
	DatabaseAuthorities(ctx context.Context) (string, error)
	// Tagged lists what in the region has a tag.
	Tagged(ctx context.Context, key, value string) ([]string, error)

	// accesskey.Account has the keys of users, and the credentials with which the director
	// is made; they do not stay there.
	accesskey.Account
	pipeline.Account
	choice.Account
	possessions
}

// possessions describe things by their ids. Those that are not there are left out.
type possessions interface {
	Instances(ctx context.Context, ids []string) ([]account.Possession, error)
	Volumes(ctx context.Context, ids []string) ([]account.Possession, error)
	Images(ctx context.Context, ids []string) ([]account.Possession, error)
}

// Director is the director once it runs.
type Director interface {
	deploy.Director
	deletion.Director
	// Version is that of the director itself, "283.1.6".
	Version(ctx context.Context) (string, error)
	database.Disk
	choice.Director
}

// ATC is the new Concourse's API.
type ATC interface {
	deploy.ATC
	// ArchivePipeline takes a pipeline's config away.
	ArchivePipeline(ctx context.Context, p concourse.Pipeline) error
	// SetTeam makes a team exist in which those local users have a role, and nobody else.
	SetTeam(ctx context.Context, team, role string, users []string) (concourse.TeamChange, error)
	// DiffTeam says what SetTeam would change.
	DiffTeam(ctx context.Context, team, role string, users []string) (concourse.TeamChange, error)
}
