package aws

import "sync"

// computeOptions say what EC2 has.
type computeOptions struct {
	Account, Region string
	Zones           []string
	Lacking         map[string][]string
	Images          []string
	Possessions     func() Possessions
}

// compute is EC2 as far as it is looked into, with the quotas of what it has.
type compute struct {
	options computeOptions

	mu        sync.Mutex
	subnets   []Subnet
	vpcs      int
	addresses int
	limit     int                // of addresses
	quotas    map[string]float64 // by code
	running   []Instance
	keyPairs  map[string]keyPair // by name
}

// newCompute makes EC2 with the default VPC alone.
func newCompute(o computeOptions) *compute {
	return &compute{options: o, keyPairs: map[string]keyPair{}, vpcs: 1, limit: 5}
}

// use counts addresses and VPCs.
func (c *compute) use(addresses, vpcs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses += addresses
	c.vpcs += vpcs
}
