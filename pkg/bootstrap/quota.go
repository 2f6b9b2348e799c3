package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Needs are how many of what an installation will make.
type Needs struct {
	Addresses int            // elastic IP addresses
	VPCs      int            //
	OnDemand  map[string]int // instances by type, "t3.medium": 1
	Spot      map[string]int // the same on spot
}

// Quotas are what the account's quotas say to them, in lines for people.
type Quotas struct {
	Short   []string // what is too low, with what helps
	Notes   []string // what else should be known
	Unknown []string // what could not be looked at, and why
}

// compilers is how many VMs the director compiles on at a time, as in the cloud config.
const compilers = 2

// needs are those of an installation of which nothing is there. While releases are
// compiled at an upgrade, its other VMs run on.
func (r *run) needs() Needs {
	c, types := r.config, r.record.InstanceTypes
	n := Needs{Addresses: 2, OnDemand: map[string]int{}, Spot: map[string]int{}}
	if c.AWS.Network.VPC == "" {
		n.VPCs, n.Addresses = 1, 3 // with the NAT gateway's
	}
	n.OnDemand[types["director"]]++
	n.OnDemand[types["web"]] += c.Web.Instances
	n.OnDemand[types["worker"]] += compilers
	if of := types["database"]; of != "" {
		n.OnDemand[of]++
	}
	if spot := c.Workers.Spot; spot == nil || *spot {
		n.Spot[types["worker"]] += c.Workers.Count
	} else {
		n.OnDemand[types["worker"]] += c.Workers.Count
	}
	return n
}

// checkQuotas asks whether the account has room for an installation that is not there
// yet: CloudFormation and the director would find out half-way. What it may not look at
// is said, and no reason to stop.
func (r *run) checkQuotas(ctx context.Context) error {
	if r.quotasAsked || r.options.Self || r.config.AWS == nil || r.record.Infrastructure != nil {
		return nil
	}
	if _, err := r.Infra.Outputs(ctx); !isNotFound(err) {
		return nil // what is there already counts as used
	}
	found, err := r.Account.Quotas(ctx, r.needs())
	if err != nil {
		return fmt.Errorf("look at the account's quotas: %w", err)
	}
	r.quotasAsked = true
	for _, line := range append(found.Unknown, found.Notes...) {
		r.Progress.Warn(line)
	}
	if len(found.Short) > 0 {
		return fmt.Errorf("the account allows too little; nothing was made: %s", strings.Join(found.Short, "; "))
	}
	return nil
}

// checkFirst does that before the state, which is the first thing that is made.
func (r *run) checkFirst(ctx context.Context) error {
	if r.options.Self {
		return nil
	}
	if _, err := r.open(ctx, false); !errors.Is(err, ErrNotFound) {
		return nil // what is wrong with it is said when it is opened
	}
	if err := r.merge(); err != nil {
		return err
	}
	return r.checkRoom(ctx)
}

// checkRoom asks the account for what is wanted, and for room for it.
func (r *run) checkRoom(ctx context.Context) error {
	if err := r.lookUp(ctx); err != nil {
		return err
	}
	return r.checkQuotas(ctx)
}
