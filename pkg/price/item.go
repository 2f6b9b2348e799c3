package price

import (
	"cmp"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Sizes in GiB that the bundled manifests and stemcells fix, and that no setting
// changes.
const (
	rootDisk          = 5  // of every VM, from the stemcell
	directorDisk      = 25 // ephemeral, of the director
	databaseDisk      = 10 // ephemeral, of a database on a VM
	upgradeWorkerDisk = 50 // ephemeral, of the self-upgrade's own worker
	fixedAddresses    = 3  // public ones: director, web, NAT gateway
)

// Items lists what a configuration with its defaults runs on AWS; nothing without aws.
// chosen are the instance types that run, by what they are for ("director", "web",
// "worker", "database"); what is not in it is as in the configuration, and workers are of
// the first of their types. A VPC that exists brings its own NAT gateway.
func Items(c *config.Config, chosen map[string]string) []Item {
	if c.AWS == nil {
		return nil
	}
	workers, web, spot := float64(c.Workers.Count), float64(c.Web.Instances), Spot
	if c.Workers.Spot != nil && !*c.Workers.Spot {
		spot = Instance
	}
	workerType := chosen["worker"]
	if workerType == "" && len(c.Workers.InstanceTypes) > 0 {
		workerType = c.Workers.InstanceTypes[0]
	}
	items := []Item{
		{Name: "director", Kind: Instance, Type: cmp.Or(chosen["director"], c.Director.InstanceType), Count: 1},
		{Name: "director disks", Kind: Disk, Count: float64(c.Director.Disk + directorDisk + rootDisk)},
		{Name: "web", Kind: Instance, Type: cmp.Or(chosen["web"], c.Web.InstanceType), Count: web},
		{Name: "web disks", Kind: Disk, Count: web * float64(c.Web.Disk+rootDisk)},
		{Name: "workers", Kind: spot, Type: workerType, Count: workers},
		{Name: "worker disks", Kind: Disk, Count: workers * float64(c.Workers.Disk+rootDisk)},
	}
	if c.Upgrade.WorkerTag != "" {
		items = append(items,
			Item{Name: "upgrade worker", Kind: Instance, Type: cmp.Or(chosen["director"], c.Director.InstanceType), Count: 1},
			Item{Name: "upgrade worker disks", Kind: Disk, Count: upgradeWorkerDisk + rootDisk})
	}
	items = append(items, database(c, cmp.Or(chosen["database"], c.Database.InstanceType))...)
	if c.AWS.Network.VPC == "" {
		return append(items, Item{Name: "NAT gateway", Kind: NATGateway, Count: 1},
			Item{Name: "addresses", Kind: Address, Count: fixedAddresses})
	}
	return append(items, Item{Name: "addresses", Kind: Address, Count: fixedAddresses - 1})
}

// database lists what a database of an instance type needs.
func database(c *config.Config, instanceType string) []Item {
	d := c.Database
	if d.Kind == "vm" {
		return []Item{
			{Name: "database", Kind: Instance, Type: instanceType, Count: 1},
			{Name: "database disks", Kind: Disk, Count: float64(d.Storage + databaseDisk + rootDisk)},
		}
	}
	copies := 1.0
	if d.MultiZone != nil && *d.MultiZone {
		copies = 2
	}
	return []Item{
		{Name: "database", Kind: Database, Type: instanceType, Count: copies},
		{Name: "database storage", Kind: DatabaseStorage, Count: copies * float64(d.Storage)},
	}
}
