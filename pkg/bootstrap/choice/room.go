package choice

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
)

// Room asks whether the account has room for an installation of which nothing is there:
// what is there already counts as used.
func (c Chooser) Room(ctx context.Context) error {
	if err := c.checkKeyPair(ctx); err != nil {
		return err
	}
	return c.checkQuotas(ctx)
}

// compilers is how many VMs the director compiles on at a time, as in the cloud config.
const compilers = 2

// needs are those of an installation of which nothing is there. While releases are
// compiled at an upgrade, its other VMs run on.
func (c Chooser) needs() quota.Needs {
	wanted, types := c.Config, c.Choice.InstanceTypes
	n := quota.Needs{Addresses: 2, OnDemand: map[string]int{}, Spot: map[string]int{}}
	if wanted.AWS.Network.VPC == "" {
		n.VPCs, n.Addresses = 1, 3 // with the NAT gateway's
	}
	n.OnDemand[types["director"]]++
	n.OnDemand[types["web"]] += wanted.Web.Instances
	if wanted.Upgrade.WorkerTag != "" {
		n.OnDemand[types["director"]]++ // its worker is of the director's type
	}
	n.OnDemand[types["worker"]] += compilers
	if of := types["database"]; of != "" {
		n.OnDemand[of]++
	}
	if spot := wanted.Workers.Spot; spot == nil || *spot {
		n.Spot[types["worker"]] += wanted.Workers.Count
	} else {
		n.OnDemand[types["worker"]] += wanted.Workers.Count
	}
	return n
}

// checkQuotas asks whether the account has room for an installation: CloudFormation and
// the director would find out half-way. What it may not look at is said, and no reason to
// stop.
func (c Chooser) checkQuotas(ctx context.Context) error {
	found, err := c.Account.Quotas(ctx, c.needs())
	if err != nil {
		return fmt.Errorf("look at the account's quotas: %w", err)
	}
	for _, line := range append(found.Unknown, found.Notes...) {
		c.Warn(line)
	}
	if len(found.Short) > 0 {
		return fmt.Errorf("the account allows too little; nothing was created: %s", strings.Join(found.Short, "; "))
	}
	return nil
}

// checkKeyPair refuses a key pair that has the name of the stack's own: there is one of a
// name in a region, and its private half is with whoever has made it.
func (c Chooser) checkKeyPair(ctx context.Context) error {
	name := infrastructure.StackName(c.Name)
	pair, found, err := c.Account.KeyPair(ctx, name)
	if err != nil || !found {
		return err
	}
	owner := pair.Tags[possession.Tag]
	whose := "that Perpetual has not made"
	if owner == c.Name {
		whose = "that an earlier stack of this installation has left"
	} else if owner != "" {
		whose = "of installation " + owner
	}
	return fmt.Errorf("there is a key pair %s in %s already, %s; nothing was created: if nothing uses it, delete it (aws ec2 delete-key-pair --region %s --key-name %s), or give the installation another name",
		name, c.Config.AWS.Region, whose, c.Config.AWS.Region, name)
}
