// Package ec2 simulates EC2 as far as it is looked into: regions, zones, types, images, networks,
// addresses and instances, and the quotas of Service Quotas for them.
package ec2

import "sync"

// Options say what EC2 has.
type Options struct {
	Account string              // "123456789012"
	Region  string              // "eu-central-1"
	Zones   []string            // of the region; default: its real ones
	Lacking map[string][]string // instance types that a zone does not offer, by zone
	Images  []string            // that exist in Region
	// Possessions are what can be looked up in Region by its id; nil: nothing.
	Possessions func() Possessions
}

// Compute is EC2 as far as it is looked into, with the quotas of what it has.
type Compute struct {
	options Options

	mu        sync.Mutex
	subnets   []Subnet
	vpcs      int
	addresses int
	limit     int                // of addresses
	quotas    map[string]float64 // by code
	running   []Instance
	keyPairs  map[string]keyPair // by name
}

// New makes EC2 with the default VPC alone.
func New(o Options) *Compute {
	return &Compute{options: o, keyPairs: map[string]keyPair{}, vpcs: 1, limit: 5}
}

// Use counts addresses and VPCs.
func (c *Compute) Use(addresses, vpcs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses += addresses
	c.vpcs += vpcs
}
