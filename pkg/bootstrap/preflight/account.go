package preflight

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
)

// Account is the cloud account; an *account.Account is one.
type Account interface {
	// Identity fails when there are no credentials, or when they have expired.
	Identity(ctx context.Context) (login.Identity, error)
	// Zones lists the zones of the region; it fails when there is no such region.
	Zones(ctx context.Context) ([]account.Zone, error)
}

// Identify asks whose the credentials are, and whether there is the region. wanted is the
// account whose they must be, "" for any.
func Identify(ctx context.Context, a Account, wanted string) (login.Identity, error) {
	found, err := a.Identity(ctx)
	if err != nil {
		return login.Identity{}, err
	}
	if wanted != "" && wanted != found.Account {
		return login.Identity{}, fmt.Errorf("these credentials are of account %s (%s), but aws.account is %s; nothing was changed",
			found.Account, found.ARN, wanted)
	}
	_, err = a.Zones(ctx)
	return found, err
}

// CheckOrigin refuses a state of another account or another region than those of this run,
// which are empty where they are not known.
func CheckOrigin(of record.Choice, identity login.Identity, region string) error {
	if of.Account != "" && identity.Account != "" && of.Account != identity.Account {
		return fmt.Errorf("the state belongs to account %s, but these credentials are of account %s (%s); nothing was changed: use credentials of %s",
			of.Account, identity.Account, identity.ARN, of.Account)
	}
	if of.Region != "" && region != "" && of.Region != region {
		return fmt.Errorf("the state is of an installation in region %s, not in %s; nothing was changed: run again with --aws-region %s", of.Region, region, of.Region)
	}
	return nil
}
