package stack_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// place is what stands in an installation, as calls name it.
type place struct {
	region, vpc, profile, name string
	resources                  map[string]cloudformation.Live
}

// here is the installation of a world.
func here(t *testing.T, w *world) place {
	t.Helper()
	r := w.there(t).Resources
	return place{region: "eu-central-1", vpc: r["VPC"].PhysicalID, profile: r["WorkerProfile"].Attributes["Arn"], name: "ci", resources: r}
}

// call is one call with what it touches.
type call struct {
	action string
	parts  []iam.Resource
	keys   iam.Context
}

func (p place) arn(rest string) string { return "arn:aws:ec2:" + p.region + ":" + account + ":" + rest }

// part is a resource with its keys, given in pairs.
func part(arn string, pairs ...string) iam.Resource {
	r := iam.Resource{ARN: arn, Context: iam.Context{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Context[pairs[i]] = []string{pairs[i+1]}
	}
	return r
}

// vm is a VM that runs.
func (p place) vm() iam.Resource {
	return part(p.arn("instance/i-1"), "ec2:InstanceProfile", p.profile, "ec2:InstanceType", "m6i.large", "aws:ResourceTag/perpetual:name", p.name)
}

func (p place) nic() iam.Resource {
	return part(p.arn("network-interface/eni-1"), "ec2:Vpc", p.arn("vpc/"+p.vpc))
}

func (p place) subnet() iam.Resource {
	return part(p.arn("subnet/subnet-1"), "ec2:Vpc", p.arn("vpc/"+p.vpc))
}

func (p place) volume() iam.Resource {
	return part(p.arn("volume/vol-1"), "ec2:Encrypted", "true")
}

func (p place) address(id string) iam.Resource {
	return part(p.arn("elastic-ip/" + p.resources[id].Attributes["AllocationId"]))
}

// pass is the role of a profile, passed to EC2.
func (p place) pass(id string) call {
	return call{"iam:PassRole", []iam.Resource{part(p.resources[id].Attributes["Arn"], "iam:PassedToService", "ec2.amazonaws.com")}, nil}
}

// launch is RunInstances with everything that it touches.
func (p place) launch(more ...iam.Resource) call {
	fresh := part(p.arn("instance/new"), "ec2:InstanceProfile", p.profile, "ec2:InstanceType", "m6i.large")
	return call{"ec2:RunInstances", append([]iam.Resource{
		part("arn:aws:ec2:" + p.region + "::image/ami-1"), fresh, part(p.arn("key-pair/perpetual-" + p.name)), p.nic(), part(p.arn("security-group/sg-1")), p.subnet(), p.volume(),
	}, more...), nil}
}

// cpi is what the AWS CPI calls in the life of a VM with a disk. It tags an instance in
// its launch and once more when it runs, sets that its interface goes with it, and
// speaks of addresses by interface. addresses are those that a VM gets.
func (p place) cpi(role string, addresses ...string) map[string]call {
	of := func(action string, parts ...iam.Resource) call { return call{action, parts, nil} }
	calls := map[string]call{
		"make an interface":   of("ec2:CreateNetworkInterface", part(p.arn("network-interface/new"), "ec2:Vpc", p.arn("vpc/"+p.vpc)), part(p.arn("security-group/sg-1")), p.subnet()),
		"launch":              p.launch(),
		"tag in the launch":   {"ec2:CreateTags", []iam.Resource{part(p.arn("instance/new"))}, iam.Context{"ec2:CreateAction": {"RunInstances"}}},
		"pass a role":         p.pass(role),
		"tag":                 of("ec2:CreateTags", p.vm()),
		"interface goes too":  of("ec2:ModifyNetworkInterfaceAttribute", p.nic(), p.vm()),
		"interface by itself": of("ec2:ModifyNetworkInterfaceAttribute", p.nic()),
		"delete an interface": of("ec2:DeleteNetworkInterface", p.nic()),
		"make a disk":         of("ec2:CreateVolume", p.volume()),
		"tag a disk":          of("ec2:CreateTags", p.volume()),
		"attach":              of("ec2:AttachVolume", p.volume(), p.vm()),
		"detach":              of("ec2:DetachVolume", p.volume(), p.vm()),
		"resize a disk":       of("ec2:ModifyVolume", p.volume()),
		"delete a disk":       of("ec2:DeleteVolume", p.volume()),
		"tag a stemcell":      of("ec2:CreateTags", part("arn:aws:ec2:"+p.region+"::image/ami-1")),
		"reboot":              of("ec2:RebootInstances", p.vm()),
		"end":                 of("ec2:TerminateInstances", p.vm()),
		"end one that was reclaimed": of("ec2:TerminateInstances",
			part(p.arn("instance/i-1"), "ec2:InstanceType", "m6i.large", "aws:ResourceTag/perpetual:name", p.name)),
		"end one that lost its type": of("ec2:TerminateInstances", part(p.arn("instance/i-1"), "aws:ResourceTag/perpetual:name", p.name)),
		"end one that is gone":       of("ec2:TerminateInstances", part(p.arn("instance/i-1"))),
	}
	for _, id := range addresses {
		calls["give the address "+id] = of("ec2:AssociateAddress", p.address(id), p.nic())
		calls["give the address "+id+" to the VM"] = of("ec2:AssociateAddress", p.address(id), p.vm())
	}
	for _, what := range []string{"Addresses", "AvailabilityZones", "Images", "Instances", "InstanceTypes", "NetworkInterfaces", "Regions", "SecurityGroups", "Snapshots", "Subnets", "Volumes", "VolumesModifications"} {
		calls["look for "+what] = of("ec2:Describe" + what)
	}
	return calls
}
