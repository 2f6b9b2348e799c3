// Package installation joins the adapters to an installation: its account with the stacks,
// create-env, the store of its state, the keys of its operator, and what package connect
// opens, all as its configuration says. Only the installer links it.
package installation

import (
	"context"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/price"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Connector opens what an installation consists of.
type Connector struct {
	connect.Connector
	// Config is what the user has given this time. A key of KMS that the bucket of the state
	// turns out to have is written into it.
	Config   *config.Config
	CacheDir string // where create-env keeps what it downloads and compiles; default: ~/.cache/perpetual
	Keyring  Keyring

	account  *account.Account        // nil: nothing of AWS is used
	signers  map[string]seal.Signer  // keys of KMS, by name
	wrappers map[string]seal.Wrapper // likewise
}

// Join is the installation without the program's version, the user's files and what is shown
// of a run. Its lease has its whole life in builds for tests, too: an install computes keys
// for seconds on a busy machine, and what a killed run has left the tests remove themselves.
func (c *Connector) Join(ctx context.Context) *bootstrap.Installation {
	i := &bootstrap.Installation{
		Name: c.Config.Name, Given: c.Config,
		OpenStore: c.openStore, DeleteStore: c.deleteStore,
		Director: c.openDirector, ATC: func(web resource.Concourse) (bootstrap.ATC, error) { return c.ATC(web) },
		Components: c.components, Images: c.images, Operator: &operator{c, ctx}, Pipeline: c.pipelineKeys(),
		Now: c.Keyring.Now, Poll: connect.Poll(), Still: connect.Still(), Settle: connect.Settle(),
		Log: c.Debug, Build: plan.NewBuild(c.Env),
	}
	if c.Config.AWS != nil {
		i.Account, i.SpotCeiling = c.account, ceiling
		i.OpenStack, i.OpenEnvironment, i.Answers = c.openStack, c.openEnvironment, answers
	}
	return i
}

// openDirector opens a client of a director, and gives what closes it.
func (c *Connector) openDirector(d resource.Director) (bootstrap.Director, func(), error) {
	client, err := c.Director(d)
	if err != nil {
		return nil, nil, err
	}
	return client, func() { _ = client.Close() }, nil
}

// components finds the newest component set, or exactly the given one.
func (c *Connector) components(ctx context.Context, from resource.Source, v resource.Version) ([]component.Component, error) {
	set, err := c.Upstreams(from)
	if err != nil {
		return nil, err
	}
	return set.Find(ctx, from, v)
}

// ceiling is the most that an hour of a spot worker may cost, as the cloud config has it.
func ceiling(region, instanceType string) string {
	return strconv.FormatFloat(price.Ceiling(region, instanceType), 'f', -1, 64)
}
