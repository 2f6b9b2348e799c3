// Package choice finds what the user need not say of where an installation is made: zones,
// instance types, the DNS zone, and the addresses that reach the director. What it has
// chosen stays chosen. It also asks the account for room for all of it.
package choice

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Account is the cloud account in which an installation is made; an *account.Account is one.
type Account interface {
	// Zones lists the zones of the region; it fails when there is no such region.
	Zones(ctx context.Context) ([]account.Zone, error)
	// Offerings lists, for each instance type, the zones that offer it.
	Offerings(ctx context.Context, types []string) (map[string][]string, error)
	// Subnets describes subnets that exist; it fails when one does not.
	Subnets(ctx context.Context, ids []string) ([]account.Subnet, error)
	// KeyPair finds the region's key pair of a name.
	KeyPair(ctx context.Context, name string) (pair account.KeyPair, found bool, err error)
	// Quotas compares the account's quotas with some needs. What it may not look at is in
	// the answer, not an error.
	Quotas(ctx context.Context, n quota.Needs) (quota.Answer, error)
	// HostedZone finds the DNS zone that holds a domain.
	HostedZone(ctx context.Context, domain string) (zone account.HostedZone, found bool, err error)
	// EgressAddress is that from which this program reaches the internet: "203.0.113.7".
	EgressAddress(ctx context.Context) (string, error)
}

// Chooser chooses for one installation.
type Chooser struct {
	Name    string         // of the installation: "ci"
	Config  *config.Config // what is wanted, with the defaults
	Choice  *record.Choice // what was chosen before, and is now
	Account Account
	Warn    func(line string)
}

// Places chooses zones and instance types, those of before where something is made
// already. It gives the subnets of a network that exists.
func (c Chooser) Places(ctx context.Context, made bool) ([]account.Subnet, error) {
	if !made {
		c.Choice.Zones = nil // chosen by a run that was refused
	}
	list, err := c.subnets(ctx)
	if err != nil {
		return nil, err
	}
	return list, c.choose(ctx)
}

// purposes are what instance types are wanted for, by their names in the record.
func (c Chooser) purposes() map[string][]string {
	list := map[string][]string{
		"director": {c.Config.Director.InstanceType}, "web": {c.Config.Web.InstanceType}, "worker": c.Config.Workers.InstanceTypes,
	}
	if c.Config.Database.Kind == "vm" {
		list["database"] = []string{c.Config.Database.InstanceType}
	}
	return list
}

// choose finds zones that offer the instance types, and for each purpose the first
// type that all zones in use offer. What was chosen before stays.
func (c Chooser) choose(ctx context.Context) error {
	aws := c.Config.AWS
	zones, err := c.zones(ctx)
	if err != nil {
		return err
	}
	for _, zone := range aws.Zones {
		if !slices.Contains(zones, zone) {
			return fmt.Errorf("aws.zones: region %s has no zone %s for this account; it has %s", aws.Region, zone, strings.Join(zones, ", "))
		}
	}
	var types []string
	for _, list := range c.purposes() {
		types = append(types, list...)
	}
	slices.Sort(types)
	offered, err := c.Account.Offerings(ctx, slices.Compact(types))
	if err != nil {
		return err
	}
	if len(c.Choice.Zones) == 0 {
		if c.Choice.Zones = aws.Zones; len(aws.Zones) == 0 {
			c.Choice.Zones = c.bestZones(zones, offered)
		}
	}
	return c.chooseTypes(offered)
}

// bestZones are the first two zones that offer a type for each purpose; the VMs go
// into the first, the second is what a database's subnet group asks for.
func (c Chooser) bestZones(zones []string, offered map[string][]string) []string {
	var best, rest []string
	for _, zone := range zones {
		if c.lacks(zone, offered) == "" {
			best = append(best, zone)
		} else {
			rest = append(rest, zone)
		}
	}
	all := append(best, rest...)
	return slices.Clone(all[:min(2, len(all))])
}

// lacks names a purpose that a zone has no instance type for.
func (c Chooser) lacks(zone string, offered map[string][]string) string {
	for purpose, types := range c.purposes() {
		if !slices.ContainsFunc(types, func(t string) bool { return slices.Contains(offered[t], zone) }) {
			return purpose
		}
	}
	return ""
}

// chooseTypes takes for each purpose the first type that the VMs' zone offers.
func (c Chooser) chooseTypes(offered map[string][]string) error {
	zone := c.Choice.Zones[0]
	chosen := map[string]string{}
	purposes := c.purposes()
	for _, purpose := range slices.Sorted(maps.Keys(purposes)) { // each run says the same
		types, before := purposes[purpose], c.Choice.InstanceTypes[purpose]
		if before != "" && slices.Contains(types, before) {
			chosen[purpose] = before
			continue
		}
		i := slices.IndexFunc(types, func(t string) bool { return slices.Contains(offered[t], zone) })
		if i < 0 {
			return fmt.Errorf("zone %s offers none of the instance types for the %s: %s; choose others, or another zone in aws.zones (offered: %s)",
				zone, purpose, strings.Join(types, ", "), where(types, offered))
		}
		chosen[purpose] = types[i]
	}
	c.Choice.InstanceTypes = chosen
	c.Choice.Spread = 0
	for _, zone := range c.Choice.Zones {
		for _, t := range chosen {
			if !slices.Contains(offered[t], zone) {
				return nil
			}
		}
		c.Choice.Spread++
	}
	return nil
}

// where says which zones offer what.
func where(types []string, offered map[string][]string) string {
	var parts []string
	for _, t := range types {
		if zones := offered[t]; len(zones) > 0 {
			parts = append(parts, t+" in "+strings.Join(zones, " "))
		}
	}
	if len(parts) == 0 {
		return "nowhere in this region"
	}
	return strings.Join(parts, "; ")
}

// zones are the names of the region's zones.
func (c Chooser) zones(ctx context.Context) ([]string, error) {
	list, err := c.Account.Zones(ctx)
	names := make([]string, len(list))
	for i, z := range list {
		names[i] = z.Name
	}
	return names, err
}
