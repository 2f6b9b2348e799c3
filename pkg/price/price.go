// Package price estimates what an installation costs in a month, from a small table
// of AWS's public prices that is part of the program. What the table does not hold is
// called unknown, and never guessed.
package price

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Kind is what kind of thing costs.
type Kind string

// The kinds, with what Type and Count of an Item mean.
const (
	Instance        Kind = "instance"         // Type "m6a.xlarge", Count of instances
	Spot            Kind = "spot"             // the same, as spot instances
	Disk            Kind = "disk"             // Count of GiB, gp3
	Database        Kind = "database"         // Type "db.t4g.micro", Count of instances; two with a standby
	DatabaseStorage Kind = "database_storage" // Count of GiB, gp3
	NATGateway      Kind = "nat_gateway"      // Count of gateways; traffic comes on top
	Address         Kind = "address"          // Count of public IPv4 addresses
)

const (
	// hours are those of a month in AWS's own calculations.
	hours = 730
	// SpotShare is the assumed price of spot instances, as a share of the on-demand
	// price. It is a cautious assumption: the price changes by the hour and the
	// zone, and AWS's own advisor shows savings of 50 to 75 percent for the types that
	// workers use.
	SpotShare = 0.45
)

// Item is something that costs.
type Item struct {
	Name  string  // "workers"
	Kind  Kind    // Spot
	Type  string  // "m6a.xlarge"; only of instances and databases
	Count float64 // 3 instances, 600 GiB
}

// Line is what one item costs.
type Line struct {
	Item string  // "workers"
	Note string  // "3 × m6a.xlarge, spot at an assumed 45 % of on-demand"
	USD  float64 // a month, 151.37
	Most float64 // a month, when no spot instances are to be had: 432.50; otherwise as USD
}

// Estimate is what everything costs in a month of 730 hours. Traffic, VMs that compile,
// snapshots and requests are not in it.
type Estimate struct {
	Region  string
	Lines   []Line
	Total   float64  // of the lines, with the assumed price of spot instances
	Most    float64  // of the lines, when every spot instance is an on-demand one
	Unknown []string // what is not in the total: "db.m7g.large in eu-west-1"
	Date    string   // of the prices, "2026-01"
	Source  string   // of the prices, in a sentence
}

// list is what is charged in a region; the units are those of AWS's price list.
type list struct {
	Instance        map[string]float64 `json:"instance"`         // USD an hour, "t3.small": 0.0208
	Database        map[string]float64 `json:"database"`         // USD an hour
	DatabaseStorage float64            `json:"database_storage"` // USD a GiB and month
	NATGateway      float64            `json:"nat_gateway"`      // USD an hour
	Disk            float64            `json:"disk"`             // USD a GiB and month
	Address         float64            `json:"address"`          // USD an hour
}

//go:embed prices.json
var pricesText []byte

// table is the file of prices.
type table struct {
	Date    string          `json:"date"`
	Source  string          `json:"source"`
	Units   string          `json:"units"` // for readers
	Regions map[string]list `json:"regions"`
}

// prices is the file; a test reads it.
var prices = sync.OnceValue(func() table {
	var t table
	_ = json.Unmarshal(pricesText, &t)
	return t
})

// Hour is the on-demand price of an instance type in USD an hour; false when the table
// does not hold it.
func Hour(region, instanceType string) (float64, bool) {
	usd, ok := prices().Regions[region].Instance[instanceType]
	return usd, ok
}

// Month adds up what items cost in a region. A region that the table lacks leaves
// everything unknown.
func Month(items []Item, region string) Estimate {
	t := prices()
	e := Estimate{Region: region, Date: t.Date, Source: t.Source}
	of, known := t.Regions[region]
	if !known {
		e.Unknown = []string{"everything in " + region}
		return e
	}
	for _, item := range items {
		if item.Count <= 0 {
			continue
		}
		each := of.month(item)
		if each == 0 {
			name := item.Type
			if name == "" {
				name = string(item.Kind)
			}
			if missing := fmt.Sprintf("%s: %s in %s", item.Name, name, region); !slices.Contains(e.Unknown, missing) {
				e.Unknown = append(e.Unknown, missing)
			}
			continue
		}
		line := Line{Item: item.Name, Note: item.note(), USD: each * item.Count, Most: each * item.Count}
		if item.Kind == Spot {
			line.USD *= SpotShare
		}
		e.Lines = append(e.Lines, line)
		e.Total += line.USD
		e.Most += line.Most
	}
	return e
}

// month is the price of one, 0 when it is not known. Of spot instances it is the
// on-demand price.
func (l list) month(item Item) float64 {
	switch item.Kind {
	case Instance, Spot:
		return l.Instance[item.Type] * hours
	case Database:
		return l.Database[item.Type] * hours
	case Disk:
		return l.Disk
	case DatabaseStorage:
		return l.DatabaseStorage
	case NATGateway:
		return l.NATGateway * hours
	case Address:
		return l.Address * hours
	}
	return 0
}

// note describes an item.
func (i Item) note() string {
	switch i.Kind {
	case Instance, Database:
		return fmt.Sprintf("%g × %s", i.Count, i.Type)
	case Spot:
		return fmt.Sprintf("%g × %s, spot at an assumed %.0f %% of on-demand", i.Count, i.Type, SpotShare*100)
	case Disk, DatabaseStorage:
		return fmt.Sprintf("%g GiB, gp3", i.Count)
	case NATGateway:
		return fmt.Sprintf("%g × NAT gateway", i.Count)
	}
	return fmt.Sprintf("%g × public IPv4", i.Count)
}
