package step

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

const unlockHelp = `perpetual unlock breaks the lease of a run that is certainly dead.

Usage:
  perpetual unlock --id ID < request.json

The request is what check gets: {"source": {…}}, with the deployment and its
state section. The id stands in the message of the put that waits. A holder that
is alive after all loses the lease, and submits nothing any more.
`

// Unlock is the verb that breaks the lease of a deployment, that of the request.
func Unlock(ctx context.Context, c *command.Call) error {
	flags := flag.NewFlagSet("unlock", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	id := flags.String("id", "", "of the holder")
	switch err := flags.Parse(c.Args); {
	case errors.Is(err, flag.ErrHelp):
		_, err = fmt.Fprint(c.Out, unlockHelp)
		return err
	case err != nil:
		return fmt.Errorf("unlock: %w", err)
	case *id == "" || flags.NArg() > 0:
		return errors.New("unlock: want --id ID and nothing else; try unlock --help")
	}
	req, err := resource.DecodeCheck(c.Request())
	c.Mask(req.Source.Secrets()...)
	if err != nil {
		return err
	}
	c.SetLevel(req.Source.LogLevel)
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return err
	}
	if store == nil {
		return errors.New("unlock: the source has no state section, so there is no lease")
	}
	err = lease.Unlock(ctx, store, upgrade.LeaseName(req.Source.Deployment), *id)
	if errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("unlock: nobody holds the lease of deployment %s", req.Source.Deployment)
	}
	if err != nil {
		return fmt.Errorf("unlock deployment %s: %w", req.Source.Deployment, err)
	}
	c.Notify(fmt.Sprintf("the lease %s of deployment %s is broken", *id, req.Source.Deployment))
	return nil
}
