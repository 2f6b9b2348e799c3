package choice

import (
	"context"
	"fmt"
)

// Reach finds the DNS zone of the web's name, and the address from which the director is
// reached. self is a run from inside.
func (c Chooser) Reach(ctx context.Context, self bool) error {
	access := c.Config.Access
	c.Choice.HostedZone = ""
	switch {
	case access.HostedZone != "":
		c.Choice.HostedZone = access.HostedZone
	case access.Domain != "":
		zone, _, err := c.Account.HostedZone(ctx, access.Domain)
		if err != nil {
			return err
		}
		c.Choice.HostedZone = zone.ID // "" where the account has none: the user makes the record
	}
	return c.directorCIDRs(ctx, self)
}

// directorCIDRs lets the address from which this runs reach the director. From
// inside nothing need be let in.
func (c Chooser) directorCIDRs(ctx context.Context, self bool) error {
	if list := c.Config.Access.Director; len(list) > 0 {
		c.Choice.DirectorCIDRs = list
		return nil
	}
	if self && len(c.Choice.DirectorCIDRs) > 0 {
		return nil
	}
	address, err := c.Account.EgressAddress(ctx)
	if err != nil {
		return fmt.Errorf("find the address from which the director will be reached: %w; or give access.director", err)
	}
	c.Choice.DirectorCIDRs = []string{address + "/32"}
	return nil
}
