package cpi

import (
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// Judge says whether somebody, told by the secret in the CPI's configuration, may make
// a call: nil, or why not. Resources are named without what the CPI is not told:
// "instance/vm-3", "image/sc-1", and "role-of/PROFILE" for that of an instance profile.
type Judge func(secret string, r iam.Request) error

// part is a resource of a call with its condition keys in pairs; empty values are
// keys that are not there.
func part(name string, pairs ...string) iam.Resource {
	r := iam.Resource{ARN: name, Context: iam.Context{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			r.Context[pairs[i]] = []string{pairs[i+1]}
		}
	}
	return r
}

// of makes a call.
func of(action string, parts ...iam.Resource) iam.Request {
	return iam.Request{Action: "ec2:" + action, Resources: parts}
}

// properties are the parts of cloud_properties that rights hang on.
type properties struct {
	InstanceType string `json:"instance_type"`
	KeyName      string `json:"key_name"`
	Profile      string `json:"iam_instance_profile"`
	Encrypted    bool   `json:"encrypted"`
	Spot         any    `json:"spot_bid_price"` // a number; nil: an on-demand instance
	// Tags are those of a disk that the newest CPI gives in the call that makes it. Older
	// ones do not look at them.
	Tags map[string]string `json:"tags"`
}

// tagging is a call that sets tags; by is the call that makes what gets them, "" for
// one of its own.
func tagging(by string, tags map[string]string, parts ...iam.Resource) iam.Request {
	r := of("CreateTags", parts...)
	r.Context = iam.Context{"aws:TagKeys": slices.Sorted(maps.Keys(tags))}
	if by != "" {
		r.Context["ec2:CreateAction"] = []string{by}
	}
	for key, value := range tags {
		r.Context["aws:RequestTag/"+key] = []string{value}
	}
	return r
}

// asked are the tags that a call asks for, as keys of what it makes.
func asked(r iam.Resource, tags map[string]string) iam.Resource {
	for key, value := range tags {
		r.Context["aws:RequestTag/"+key] = []string{value}
	}
	return r
}

// tagged is a resource that has tags.
func tagged(r iam.Resource, tags map[string]string) iam.Resource {
	for key, value := range tags {
		r.Context["aws:ResourceTag/"+key] = []string{value}
	}
	return r
}

// volume is a disk as EC2 knows it; of one that is gone it knows nothing.
func (c *Cloud) volume(cid string) iam.Resource {
	d := c.disks[cid]
	if d == nil {
		return part("volume/" + cid)
	}
	return tagged(part("volume/"+cid, "ec2:Encrypted", fmt.Sprint(d.Encrypted)), d.Tags)
}

// volumes are all of a VM: its root, which is made from the image's snapshot, the
// ephemeral disk, and the disks that are attached. The first two have the tags of
// set_vm_metadata, if there was one.
func (c *Cloud) volumes(cid string) []iam.Resource {
	vm := c.vms[cid]
	if vm == nil {
		return nil
	}
	out := []iam.Resource{
		tagged(part("volume/root-of-"+cid, "ec2:Encrypted", "false", "ec2:ParentSnapshot", "arn:aws:ec2:eu-central-1::snapshot/snap-1"), named(vm.Metadata)),
		tagged(part("volume/ephemeral-of-"+cid, "ec2:Encrypted", "true"), named(vm.Metadata)),
	}
	for _, disk := range vm.Disks {
		out = append(out, c.volume(disk))
	}
	return out
}

// named are tags as the CPI makes them of a VM's metadata.
func named(metadata map[string]string) map[string]string {
	out := maps.Clone(metadata)
	if name, there := out["name"]; there {
		delete(out, "name")
		out["Name"] = name
	}
	return out
}

// instance is a VM as EC2 knows it; of one that is gone it knows nothing.
func (c *Cloud) instance(cid string) iam.Resource {
	r := part("instance/" + cid)
	vm := c.vms[cid]
	if vm != nil {
		r = part("instance/"+cid, "ec2:InstanceProfile", vm.Profile, "ec2:InstanceType", vm.Type)
	} else if vm = c.ended[cid]; vm != nil {
		r = part("instance/"+cid, "ec2:InstanceType", vm.Type)
	}
	if vm != nil {
		tagged(tagged(r, vm.Tags), named(vm.Metadata))
	}
	return r
}

// needs are the calls of the real CPI for a method. The caller holds mu.
func (c *Cloud) needs(q request) []iam.Request {
	first, second := argument[string](q, 0), argument[string](q, 1)
	switch q.Method {
	case "create_stemcell":
		calls := []iam.Request{of("DescribeImages")}
		if env := argument[struct{ Tags map[string]string }](q, 2); len(env.Tags) > 0 {
			calls = append(calls, tagging("", env.Tags, part("image/light", "ec2:Public", "true")))
		}
		return calls
	case "delete_stemcell":
		return []iam.Request{of("DescribeImages")}
	case "create_vm":
		return needsOfVM(q)
	case "delete_vm":
		return []iam.Request{of("TerminateInstances", c.instance(first)), of("DescribeInstances")}
	case "has_vm":
		return []iam.Request{of("DescribeInstances")}
	case "set_vm_metadata":
		tags := named(argument[map[string]string](q, 1))
		calls := []iam.Request{tagging("", tags, c.instance(first)), of("DescribeInstances")}
		for _, volume := range c.volumes(first) {
			calls = append(calls, tagging("", tags, volume))
		}
		return calls
	case "create_disk":
		p := argument[properties](q, 1)
		fresh := asked(part("volume/new", "ec2:Encrypted", fmt.Sprint(p.Encrypted)), p.Tags)
		calls := []iam.Request{of("DescribeInstances"), of("CreateVolume", fresh), of("DescribeVolumes")}
		if len(p.Tags) > 0 {
			calls = append(calls, tagging("CreateVolume", p.Tags, part("volume/new")))
		}
		return calls
	case "delete_disk":
		return []iam.Request{of("DeleteVolume", c.volume(first)), of("DescribeVolumes")}
	case "set_disk_metadata":
		return []iam.Request{tagging("", argument[map[string]string](q, 1), c.volume(first))}
	case "attach_disk":
		return []iam.Request{of("DescribeInstances"), of("AttachVolume", c.volume(second), c.instance(first)), of("DescribeVolumes")}
	case "detach_disk":
		return []iam.Request{of("DescribeVolumes"), of("DetachVolume", c.volume(second), c.instance(first))}
	}
	return nil
}

// needsOfVM are the calls that make a VM.
func needsOfVM(q request) []iam.Request {
	p := argument[properties](q, 2)
	nic := part("network-interface/new")
	env := argument[environment](q, 5)
	fresh := asked(part("instance/new", "ec2:InstanceProfile", p.Profile, "ec2:InstanceType", p.InstanceType), env.Bosh.Tags)
	calls := []iam.Request{of("DescribeImages"), of("DescribeSubnets"), of("DescribeSecurityGroups")}
	networks := argument[map[string]struct {
		Type            string
		CloudProperties struct{ Subnet string } `json:"cloud_properties"`
	}](q, 3)
	subnet, address := part("subnet/none"), false
	for _, n := range networks {
		if n.Type == "vip" {
			address = true
		} else if n.CloudProperties.Subnet != "" {
			subnet = part("subnet/" + n.CloudProperties.Subnet)
		}
	}
	launch := of("RunInstances", part("image/light", "ec2:Public", "true"), fresh, part("key-pair/"+p.KeyName), nic, part("security-group/any"), subnet, part("volume/new", "ec2:Encrypted", "true"))
	if p.Spot != nil {
		launch.Resources = append(launch.Resources, part("spot-instances-request/new"))
	}
	calls = append(calls, of("CreateNetworkInterface", nic, subnet, part("security-group/any")), launch)
	if len(env.Bosh.Tags) > 0 {
		calls = append(calls, tagging("RunInstances", env.Bosh.Tags, fresh))
	}
	if p.Profile != "" {
		calls = append(calls, iam.Request{Action: "iam:PassRole", Resources: []iam.Resource{part("role-of/"+p.Profile, "iam:PassedToService", "ec2.amazonaws.com")}})
	}
	calls = append(calls, of("DescribeInstances"), of("DescribeNetworkInterfaces"), of("ModifyNetworkInterfaceAttribute", nic, fresh))
	if address {
		calls = append(calls, of("DescribeAddresses"), of("AssociateAddress", part("elastic-ip/own"), nic))
	}
	return calls
}

// environment is the part of a VM's env that reaches EC2.
type environment struct {
	Bosh struct{ Tags map[string]string }
}

// judged refuses a method that whoever configured the CPI has no right to.
func (c *Cloud) judged(secret string, q request) error {
	if c.o.Judge == nil {
		return nil
	}
	c.mu.Lock()
	calls := c.needs(q)
	c.mu.Unlock()
	for _, call := range calls {
		if err := c.o.Judge(secret, call); err != nil {
			// The CPI knows no such error: BOSH sees one that it does not retry.
			return &refusal{Type: "Unknown", Message: "You are not authorized to perform this operation. " + err.Error()}
		}
	}
	return nil
}
