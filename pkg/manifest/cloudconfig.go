package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/manifest/subnet"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// CloudConfig is the director's cloud config. It says which input is missing.
func CloudConfig(in Input) (template.Template, error) {
	base, err := bundle.File("cloud-config.yml")
	if err != nil {
		return template.Template{}, err
	}
	zones, err := in.zoneVars()
	if err != nil {
		return template.Template{}, err
	}
	ops, err := in.cloudOps()
	if err != nil {
		return template.Template{}, err
	}
	return in.draft(base, ops, in.User.CloudOpsFiles, zones, in.cloudVars()), nil
}

// cloudVars are the values that do not depend on the zones.
func (in Input) cloudVars() vars {
	types, c := in.InstanceTypes, in.Config
	return vars{
		"web_instance_type": types.Web, "web_disk": c.Web.Disk * 1024,
		"worker_instance_type": types.Worker, "worker_disk": c.Workers.Disk * 1024,
		"database_instance_type":    cmp.Or(types.Database, types.Web),
		"database_disk":             c.Database.Storage * 1024,
		"compilation_instance_type": cmp.Or(types.Compilation, types.Worker),
		"vms_security_group":        in.Infrastructure.SecurityGroups.VMs,
		"web_security_group":        in.Infrastructure.SecurityGroups.Web,
		"web_profile":               in.Infrastructure.Profiles.Web,
	}
}

// zoneVars are the zones and the subnets in them.
func (in Input) zoneVars() (vars, error) {
	i := in.Infrastructure
	if len(i.Zones) == 0 {
		return nil, errors.New("render the cloud config: the infrastructure has no zones")
	}
	var azs, public, private []any
	for n, zone := range i.Zones {
		az := azName(n)
		azs = append(azs, vars{"name": az, "cloud_properties": vars{"availability_zone": zone.Name}})
		outer, err := zone.public()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			outer.Reserve(i.DirectorIP) // create-env's, not this director's
		}
		inner, err := zone.private()
		if err != nil {
			return nil, err
		}
		public = append(public, in.subnetVars(az, zone.PublicCIDR, zone.PublicSubnet, outer))
		private = append(private, in.subnetVars(az, zone.PrivateCIDR, zone.PrivateSubnet, inner))
	}
	return vars{"az_list": azs, "public_subnets": public, "private_subnets": private}, nil
}

// subnetVars is one subnet as a cloud config has it.
func (in Input) subnetVars(az, cidr, id string, s subnet.Subnet) vars {
	reserved := make([]any, len(s.Reserved))
	for n, b := range s.Reserved {
		reserved[n] = b.String()
	}
	return vars{
		"az": az, "range": cidr, "gateway": s.Gateway.String(), "reserved": reserved,
		"dns":              []any{subnet.Resolver(in.Infrastructure.CIDR)},
		"cloud_properties": vars{"subnet": id, "security_groups": []any{in.Infrastructure.SecurityGroups.VMs}},
	}
}

// public describes the zone's public subnet.
func (z Zone) public() (subnet.Subnet, error) {
	return described("the public subnet of "+z.Name, z.PublicCIDR, z.PublicRange)
}

// private describes the zone's private subnet.
func (z Zone) private() (subnet.Subnet, error) {
	return described("the private subnet of "+z.Name, z.PrivateCIDR, z.PrivateRange)
}

// described is a subnet as BOSH is told of it.
func described(what, cidr, own string) (subnet.Subnet, error) {
	s, err := subnet.New(what, cidr, own)
	if err != nil {
		return subnet.Subnet{}, fmt.Errorf("render the networks: %w", err)
	}
	return s, nil
}

// azName is the name of the nth zone in manifests: z1 for the first.
func azName(n int) string { return "z" + strconv.Itoa(n+1) }

// cloudOps are the changes that the configuration makes.
func (in Input) cloudOps() ([]template.File, error) {
	var list []template.Operation
	if profile := in.Infrastructure.Profiles.Worker; profile != "" {
		// The director may only make VMs that have one of the stack's profiles.
		for _, path := range []string{"/vm_extensions/name=worker", "/vm_types/name=database", "/vm_types/name=compilation"} {
			list = append(list, template.Replace(path+"/cloud_properties/iam_instance_profile?", profile))
		}
	}
	if spot := in.Config.Workers.Spot; spot == nil || *spot {
		price, err := strconv.ParseFloat(in.SpotCeiling, 64)
		if err != nil || price <= 0 {
			return nil, fmt.Errorf("render the cloud config: the most that a spot worker may cost is %q; want a number of USD, such as 0.192", in.SpotCeiling)
		}
		// The CPI asks for a spot instance only where it is given a price. Spot costs what
		// it costs now; the price is a bound. Where there is none to be had, the worker is
		// an on-demand one.
		list = append(list,
			template.Replace("/vm_types/name=worker/cloud_properties/spot_bid_price?", price),
			template.Replace("/vm_types/name=worker/cloud_properties/spot_ondemand_fallback?", true))
	}
	own, err := in.upgradeWorkerOps()
	if err != nil {
		return nil, err
	}
	if list = append(list, own...); len(list) == 0 {
		return nil, nil
	}
	file, err := template.Ops("the configuration", list...)
	return []template.File{file}, err
}
