package choice_test

import (
	"context"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// cloud is an account: it says what is there.
type cloud struct {
	zones   []string
	offered map[string][]string // zones by instance type
	subnets []account.Subnet
	pairs   map[string]account.KeyPair
	domains map[string]string // ids of hosted zones
	address string
	room    quota.Answer
	broken  map[string]error // by the name of what cannot be asked

	asked []string    // the instance types that were asked for
	needs quota.Needs // that the quotas were asked for
}

// Zones implements choice.Account.
func (c *cloud) Zones(context.Context) (list []account.Zone, err error) {
	for _, name := range c.zones {
		list = append(list, account.Zone{Name: name})
	}
	return list, c.broken["zones"]
}

// Offerings implements choice.Account.
func (c *cloud) Offerings(_ context.Context, types []string) (map[string][]string, error) {
	c.asked = types
	found := map[string][]string{}
	for _, t := range types {
		found[t] = c.offered[t]
	}
	return found, c.broken["offerings"]
}

// Subnets implements choice.Account.
func (c *cloud) Subnets(_ context.Context, ids []string) (list []account.Subnet, err error) {
	for _, id := range ids {
		i := slices.IndexFunc(c.subnets, func(s account.Subnet) bool { return s.ID == id })
		if i < 0 {
			return nil, aws.ErrNotFound
		}
		list = append(list, c.subnets[i])
	}
	return list, nil
}

// KeyPair implements choice.Account.
func (c *cloud) KeyPair(_ context.Context, name string) (account.KeyPair, bool, error) {
	pair, found := c.pairs[name]
	return pair, found, c.broken["key pair"]
}

// Quotas implements choice.Account.
func (c *cloud) Quotas(_ context.Context, n quota.Needs) (quota.Answer, error) {
	c.needs = n
	return c.room, c.broken["quotas"]
}

// HostedZone implements choice.Account.
func (c *cloud) HostedZone(_ context.Context, domain string) (account.HostedZone, bool, error) {
	id, found := c.domains[domain]
	return account.HostedZone{ID: id}, found, c.broken["hosted zone"]
}

// EgressAddress implements choice.Account.
func (c *cloud) EgressAddress(context.Context) (string, error) { return c.address, c.broken["address"] }

// parsed is a perpetual.yml with its defaults.
func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return config.Defaults(c)
}

// chooser chooses in an account for a perpetual.yml, with what was chosen before. What it
// warns of goes into warned.
func chooser(t *testing.T, c *cloud, text string, before record.Choice, warned *[]string) (choice.Chooser, *record.Choice) {
	t.Helper()
	return choice.Chooser{
		Name: "ci", Config: parsed(t, text), Choice: &before, Account: c, Warn: func(line string) { *warned = append(*warned, line) },
	}, &before
}
