// Package cloud finds the names that a director's cloud config has for what an
// installation on that director is made of.
package cloud

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Names are what the cloud configs of a director define: the names that a manifest may
// use there.
type Names struct {
	azs, vmTypes, diskTypes, networks []string
	reaches                           map[string][]string // the zones of each network, in the order of azs
}

// cloudConfig is one of them, as far as it gives names.
type cloudConfig struct {
	AZs       []named `yaml:"azs"`
	VMTypes   []named `yaml:"vm_types"`
	DiskTypes []named `yaml:"disk_types"`
	Networks  []struct {
		Name    string `yaml:"name"`
		Type    string `yaml:"type"` // "manual", the default, "dynamic" or "vip"
		Subnets []struct {
			AZ  string   `yaml:"az"`
			AZs []string `yaml:"azs"`
		} `yaml:"subnets"`
	} `yaml:"networks"`
}

type named struct {
	Name string `yaml:"name"`
}

// ReadNames reads cloud configs, whose lists the director joins.
func ReadNames(texts [][]byte) (Names, error) {
	all := Names{reaches: map[string][]string{}}
	zones := map[string][]string{}
	for _, text := range texts {
		var c cloudConfig
		if err := template.Decode(text, &c); err != nil {
			return Names{}, fmt.Errorf("read the director's cloud config: %w", err)
		}
		for _, list := range []struct {
			from []named
			to   *[]string
		}{{c.AZs, &all.azs}, {c.VMTypes, &all.vmTypes}, {c.DiskTypes, &all.diskTypes}} {
			for _, n := range list.from {
				*list.to = append(*list.to, n.Name)
			}
		}
		for _, network := range c.Networks {
			if network.Type == "vip" {
				continue // of floating addresses: no VM is in it alone
			}
			all.networks = append(all.networks, network.Name)
			for _, subnet := range network.Subnets {
				zones[network.Name] = append(append(zones[network.Name], subnet.AZs...), subnet.AZ)
			}
		}
	}
	for network, of := range zones {
		all.reaches[network] = slices.DeleteFunc(slices.Clone(all.azs), func(az string) bool { return !slices.Contains(of, az) })
	}
	return all, nil
}

// Choose completes names: those that are given, then those that were chosen before,
// then those that there is no doubt about. The problems name the keys that are wrong
// or needed, with what there is. The stemcell is not among them.
func (n Names) Choose(given, before config.Cloud) (config.Cloud, schema.Problems) {
	c := chooser{}
	out := given
	out.VMTypes.Web = c.choose("cloud.vm_types.web", "vm types", n.vmTypes, given.VMTypes.Web, before.VMTypes.Web, "web", "default")
	out.VMTypes.Worker = c.choose("cloud.vm_types.worker", "vm types", n.vmTypes, given.VMTypes.Worker, before.VMTypes.Worker, "worker", "default")
	out.VMTypes.Database = c.choose("cloud.vm_types.database", "vm types", n.vmTypes, given.VMTypes.Database, before.VMTypes.Database, "database", "db", "default")
	out.DiskType = c.choose("cloud.disk_type", "disk types", n.diskTypes, given.DiskType, before.DiskType, "database", "db", "default")
	out.Network = c.choose("cloud.network", "networks", n.networks, given.Network, before.Network, "default")
	if out.Network != "" {
		out.AZs = c.zones(n, out.Network, given.AZs, before.AZs)
	}
	return out, c.problems
}

// chooser collects what is in the way of a choice.
type chooser struct{ problems schema.Problems }

func (c *chooser) wrong(key, format string, args ...any) {
	c.problems = append(c.problems, schema.Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

// choose finds one name among those that there are; "" with a problem.
func (c *chooser) choose(key, what string, known []string, given, before string, usual ...string) string {
	switch {
	case len(known) == 0:
		c.wrong(key, "the director's cloud config has no %s", what)
		return ""
	case given != "" && !slices.Contains(known, given):
		c.wrong(key, "%s is not in the director's cloud config, which has the %s %s", given, what, strings.Join(known, ", "))
		return ""
	case given != "":
		return given
	}
	for _, name := range append([]string{before}, usual...) {
		if slices.Contains(known, name) && name != "" {
			return name
		}
	}
	if len(known) == 1 {
		return known[0]
	}
	c.wrong(key, "is needed: the director's cloud config has the %s %s, and none is called %s", what, strings.Join(known, ", "), strings.Join(usual, " or "))
	return ""
}

// zones are those that VMs in a network are spread over.
func (c *chooser) zones(n Names, network string, given, before []string) []string {
	reached := n.reaches[network]
	if len(reached) == 0 {
		c.wrong("cloud.network", "no subnet of %s in the director's cloud config is in an availability zone, and each VM is put into one", network)
		return nil
	}
	for i, az := range given {
		if !slices.Contains(reached, az) {
			c.wrong(fmt.Sprintf("cloud.azs[%d]", i), "network %s of the director's cloud config is not in %s; it is in %s", network, az, strings.Join(reached, ", "))
		}
	}
	if len(given) > 0 {
		return given
	}
	kept := slices.DeleteFunc(slices.Clone(before), func(az string) bool { return !slices.Contains(reached, az) })
	if len(kept) > 0 {
		return kept
	}
	return reached
}

// Example are the names of a cloud config that has what is named.
func Example(c config.Cloud) Names {
	network := cmp.Or(c.Network, "example")
	azs := append(slices.Clone(c.AZs), "example")
	return Names{
		azs: azs, vmTypes: []string{"default", c.VMTypes.Web, c.VMTypes.Worker, c.VMTypes.Database},
		diskTypes: []string{cmp.Or(c.DiskType, "example")}, networks: []string{network},
		reaches: map[string][]string{network: azs},
	}
}

// stemcells are the names on bosh.io by the director's CPI.
var stemcells = map[string]string{
	"aws_cpi": "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "google_cpi": "bosh-google-kvm-ubuntu-jammy-go_agent",
	"vsphere_cpi": "bosh-vsphere-esxi-ubuntu-jammy-go_agent", "openstack_cpi": "bosh-openstack-kvm-ubuntu-jammy-go_agent",
	"azure_cpi": "bosh-azure-hyperv-ubuntu-jammy-go_agent", "alicloud_cpi": "bosh-alicloud-kvm-ubuntu-jammy-go_agent",
	"warden_cpi": "bosh-warden-boshlite-ubuntu-jammy-go_agent", "docker_cpi": "bosh-warden-boshlite-ubuntu-jammy-go_agent",
}

// StemcellOf is the name of the stemcell for a director with a CPI, "vsphere_cpi".
func StemcellOf(cpi string) (string, error) {
	if name := stemcells[cpi]; name != "" {
		return name, nil
	}
	return "", schema.Problems{{Key: "cloud.stemcell", Text: fmt.Sprintf(
		"is needed: the director's CPI calls itself %q, and the stemcell is known for %s; name that of bosh.io, such as bosh-vsphere-esxi-ubuntu-jammy-go_agent",
		cpi, strings.Join(slices.Sorted(maps.Keys(stemcells)), ", "))}}
}
