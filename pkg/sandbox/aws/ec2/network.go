package ec2

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Subnet is a subnet of the account that exists already.
type Subnet struct {
	ID      string // "subnet-0a1b2c3d"
	VPC     string // "vpc-0a1b2c3d"
	Zone    string // "eu-central-1a"
	CIDR    string // "10.0.0.0/24"
	Gateway string // to which its default route leads: "igw-…", "nat-…"; empty: it has no route table of its own
}

// AddSubnet adds a subnet, and its VPC, whose main route table leads nowhere.
func (c *Compute) AddSubnet(s Subnet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subnets = append(c.subnets, s)
}

// RemoveSubnet forgets one.
func (c *Compute) RemoveSubnet(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subnets = slices.DeleteFunc(c.subnets, func(s Subnet) bool { return s.ID == id })
}

// AddImage makes an image exist in the account's region.
func (c *Compute) AddImage(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.options.Images = append(c.options.Images, id)
}

// SetUse says how many elastic IP addresses and VPCs are in use already, and how
// many addresses there may be.
func (c *Compute) SetUse(addresses, limit, vpcs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses, c.limit, c.vpcs = addresses, limit, vpcs
}

func (c *Compute) subnetItems(ids []string) (any, *wire.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for _, id := range ids {
		at := slices.IndexFunc(c.subnets, func(s Subnet) bool { return s.ID == id })
		if at < 0 {
			return nil, wire.NewRefusal(400, "InvalidSubnetID.NotFound", "The subnet ID '"+id+"' does not exist")
		}
		s := c.subnets[at]
		items = append(items, struct {
			ID   string `xml:"subnetId"`
			VPC  string `xml:"vpcId"`
			Zone string `xml:"availabilityZone"`
			CIDR string `xml:"cidrBlock"`
		}{s.ID, s.VPC, s.Zone, s.CIDR})
	}
	return items, nil
}

// tableItems has, for each VPC, its main table, and one for each subnet with a gateway.
func (c *Compute) tableItems(vpcs []string) any {
	type route struct {
		To      string `xml:"destinationCidrBlock"`
		Gateway string `xml:"gatewayId,omitempty"`
		NAT     string `xml:"natGatewayId,omitempty"`
		State   string `xml:"state"`
	}
	type association struct {
		Main   bool   `xml:"main"`
		Subnet string `xml:"subnetId,omitempty"`
	}
	type table struct {
		VPC          string        `xml:"vpcId"`
		Routes       []route       `xml:"routeSet>item"`
		Associations []association `xml:"associationSet>item"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	items, seen := []any{}, map[string]bool{}
	for _, s := range c.subnets {
		if !wants(vpcs, s.VPC) {
			continue
		}
		local := route{To: "10.0.0.0/16", Gateway: "local", State: "active"}
		if !seen[s.VPC] {
			seen[s.VPC] = true
			items = append(items, table{s.VPC, []route{local}, []association{{Main: true}}})
		}
		if s.Gateway == "" {
			continue
		}
		out := route{To: "0.0.0.0/0", State: "active"}
		if s.Gateway[:3] == "igw" {
			out.Gateway = s.Gateway
		} else {
			out.NAT = s.Gateway
		}
		items = append(items, table{s.VPC, []route{local, out}, []association{{Subnet: s.ID}}})
	}
	return items
}

func (c *Compute) attributeItems() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []any{struct {
		Name   string   `xml:"attributeName"`
		Values []string `xml:"attributeValueSet>item>attributeValue"`
	}{"vpc-max-elastic-ips", []string{strconv.Itoa(c.limit)}}}
}

func (c *Compute) addressItems() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for i := range c.addresses {
		items = append(items, struct {
			IP string `xml:"publicIp"`
			ID string `xml:"allocationId"`
		}{fmt.Sprintf("198.51.100.%d", i+1), fmt.Sprintf("eipalloc-%08d", i)})
	}
	return items
}

func (c *Compute) vpcItems() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for i := range c.vpcs {
		items = append(items, struct {
			ID string `xml:"vpcId"`
		}{fmt.Sprintf("vpc-%08d", i)})
	}
	return items
}
