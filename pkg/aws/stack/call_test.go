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

// of makes a call without keys of its own.
func of(action string, parts ...iam.Resource) call { return call{action, parts, nil} }

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

// volume is a disk of BOSH, which is blank and encrypted, and tagged once it is attached.
func (p place) volume() iam.Resource {
	return part(p.arn("volume/vol-1"), "ec2:Encrypted", "true", "aws:ResourceTag/perpetual:name", p.name)
}

// untagged is a disk that was made and not tagged yet.
func (p place) untagged() iam.Resource { return part(p.arn("volume/vol-2"), "ec2:Encrypted", "true") }

// root is the root volume of a VM before it is tagged.
func (p place) root() iam.Resource {
	return part(p.arn("volume/vol-3"), "ec2:Encrypted", "false", "ec2:ParentSnapshot", "arn:aws:ec2:"+p.region+"::snapshot/snap-1")
}

// image is a light stemcell's.
func (p place) image() iam.Resource {
	return part("arn:aws:ec2:"+p.region+"::image/ami-1", "ec2:Public", "true", "ec2:Owner", "375783000519")
}

// tags makes a call of CreateTags or DeleteTags; tags are in pairs, and by is the call that
// makes what gets them.
func tags(action, by string, to iam.Resource, pairs ...string) call {
	c := call{"ec2:" + action, []iam.Resource{to}, iam.Context{}}
	if by != "" {
		c.keys["ec2:CreateAction"] = []string{by}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		c.keys["aws:TagKeys"] = append(c.keys["aws:TagKeys"], pairs[i])
		if action == "CreateTags" {
			c.keys["aws:RequestTag/"+pairs[i]] = []string{pairs[i+1]}
		}
	}
	return c
}

func (p place) address(id string) iam.Resource {
	return part(p.arn("elastic-ip/"+p.resources[id].Attributes["AllocationId"]), "aws:ResourceTag/perpetual:name", p.name)
}

// pass is the role of a profile, passed to EC2.
func (p place) pass(id string) call {
	return call{"iam:PassRole", []iam.Resource{part(p.resources[id].Attributes["Arn"], "iam:PassedToService", "ec2.amazonaws.com")}, nil}
}

// linked makes the role that a service has of its own in an account.
func linked(service string) call {
	return of("iam:CreateServiceLinkedRole", part(iamARN+"role/aws-service-role/"+service+"/AWSServiceRole", "iam:AWSServiceName", service))
}

// launch is RunInstances with everything that it touches.
func (p place) launch(more ...iam.Resource) call {
	fresh := part(p.arn("instance/new"), "ec2:InstanceProfile", p.profile, "ec2:InstanceType", "m6i.large")
	return call{"ec2:RunInstances", append([]iam.Resource{
		p.image(), fresh, part(p.arn("key-pair/perpetual-" + p.name)), p.nic(), part(p.arn("security-group/sg-1")), p.subnet(), part(p.arn("volume/new")),
	}, more...), nil}
}

// cpi is what the AWS CPI calls in the life of a VM with a disk. It tags an instance in
// its launch and once more when it runs, sets that its interface goes with it, and
// speaks of addresses by interface. addresses are those that a VM gets.
func (p place) cpi(role string, addresses ...string) map[string]call {
	calls := map[string]call{
		"make an interface":          of("ec2:CreateNetworkInterface", part(p.arn("network-interface/new"), "ec2:Vpc", p.arn("vpc/"+p.vpc)), part(p.arn("security-group/sg-1")), p.subnet()),
		"launch":                     p.launch(),
		"tag in the launch":          tags("CreateTags", "RunInstances", part(p.arn("instance/new")), "perpetual:name", p.name, "team", "x"),
		"pass a role":                p.pass(role),
		"tag":                        tags("CreateTags", "", p.vm(), "perpetual:name", p.name, "Name", "worker/0"),
		"interface goes too":         of("ec2:ModifyNetworkInterfaceAttribute", p.nic(), p.vm()),
		"interface by itself":        of("ec2:ModifyNetworkInterfaceAttribute", p.nic()),
		"delete an interface":        of("ec2:DeleteNetworkInterface", p.nic()),
		"make a disk":                of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "true")),
		"make a tagged disk":         of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "true", "aws:RequestTag/perpetual:name", p.name)),
		"tag it in that call":        tags("CreateTags", "CreateVolume", part(p.arn("volume/new")), "perpetual:name", p.name),
		"attach a new disk":          of("ec2:AttachVolume", p.untagged(), p.vm()),
		"tag a new disk":             tags("CreateTags", "", p.untagged(), "perpetual:name", p.name, "director", "d"),
		"detach a new disk":          of("ec2:DetachVolume", p.untagged(), p.vm()),
		"delete a new disk":          of("ec2:DeleteVolume", p.untagged()),
		"delete a disk that is gone": of("ec2:DeleteVolume", part(p.arn("volume/vol-0"))),
		"tag a root":                 tags("CreateTags", "", p.root(), "perpetual:name", p.name, "Name", "worker/0"),
		"tag a disk":                 tags("CreateTags", "", p.volume(), "perpetual:name", p.name, "attached_at", "now"),
		"tag compilation":            tags("CreateTags", "", p.volume(), "compiling", "ruby"),
		"attach":                     of("ec2:AttachVolume", p.volume(), p.vm()),
		"detach":                     of("ec2:DetachVolume", p.volume(), p.vm()),
		"resize a disk":              of("ec2:ModifyVolume", p.volume()),
		"delete a disk":              of("ec2:DeleteVolume", p.volume()),
		"tag a stemcell":             tags("CreateTags", "", p.image(), "perpetual:name", p.name),
		"reboot":                     of("ec2:RebootInstances", p.vm()),
		"end":                        of("ec2:TerminateInstances", p.vm()),
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

// foreign is what nobody here may do: with what is another installation's, or nobody's.
func (p place) foreign() map[string]call {
	theirs := p
	theirs.name, theirs.profile = "other", iamARN+"instance-profile/perpetual-other-WorkerProfile-ABC"
	near := p // its name begins as ours does
	near.name, near.profile = p.name+"-2", iamARN+"instance-profile/perpetual-"+p.name+"-2-DirectorProfile-ABC"
	plain := part(p.arn("instance/i-9"), "ec2:InstanceType", "t3.micro")
	return map[string]call{
		"end a VM of one whose name begins as ours does": of("ec2:TerminateInstances", near.vm()),
		"launch with the profile of that":                near.launch(),
		"delete its database":                            of("rds:DeleteDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:perpetual-"+near.name+"-database-x")),
		"end a VM of another installation":               of("ec2:TerminateInstances", theirs.vm()),
		"end theirs that was reclaimed":                  of("ec2:TerminateInstances", part(p.arn("instance/i-9"), "ec2:InstanceType", "m6i.large", "aws:ResourceTag/perpetual:name", "other")),
		"end theirs that lost its type":                  of("ec2:TerminateInstances", part(p.arn("instance/i-9"), "aws:ResourceTag/perpetual:name", "other")),
		"end a VM of nobody":                             of("ec2:TerminateInstances", plain),
		"reboot theirs":                                  of("ec2:RebootInstances", theirs.vm()),
		"attach to theirs":                               of("ec2:AttachVolume", p.volume(), theirs.vm()),
		"change the interface of theirs":                 of("ec2:ModifyNetworkInterfaceAttribute", p.nic(), theirs.vm()),
		"launch with their profile":                      theirs.launch(),
		"launch without a profile":                       of("ec2:RunInstances", plain),
		"stop a VM":                                      of("ec2:StopInstances", p.vm()),
		"open a port of another's group":                 of("ec2:RevokeSecurityGroupIngress", part(p.arn("security-group/sg-9"), "aws:ResourceTag/perpetual:name", "other")),
		"delete another's VPC":                           of("ec2:DeleteVpc", part(p.arn("vpc/vpc-9"), "aws:ResourceTag/perpetual:name", "other")),
		"become another role":                            of("iam:PassRole", part(iamARN+"role/admin", "iam:PassedToService", "ec2.amazonaws.com")),
		"become another installation's role":             of("iam:PassRole", part(iamARN+"role/perpetual-other-WebRole-ABC", "iam:PassedToService", "ec2.amazonaws.com")),
		"make the role of another service":               linked("lambda.amazonaws.com"),
		"make a user":                                    of("iam:CreateUser", part(iamARN+"user/eve")),
		"delete another's key pair":                      of("ec2:DeleteKeyPair", part(p.arn("key-pair/ada"))),
		"read another's parameter":                       of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual/other/main/x")),
		"read one whose name begins as ours do":          of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual/ci2/main/x")),
		"read the pipeline's own parameter of another":   of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual-own/other/aws_key")),
		"read that of one whose name begins as ours":     of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual-own/ci2/aws_key")),
		"make a key of a user of another":                of("iam:CreateAccessKey", part(iamARN+"user/perpetual-other-ReaderUser-ABC")),
		"read another's state":                           of("s3:GetObject", part("arn:aws:s3:::other/state.json")),
		"change another's stack":                         of("cloudformation:CreateChangeSet", part("arn:aws:cloudformation:eu-central-1:"+account+":stack/perpetual-other/x")),
		"delete another's database":                      of("rds:DeleteDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:perpetual-other-database-x")),
		"sign with another key of KMS":                   of("kms:Sign", part(keyARN("other"))),
		"use a key of KMS":                               of("kms:Decrypt", part("arn:aws:kms:eu-central-1:"+account+":key/other")),
	}
}

// narrow is what the installer may do, as it makes and removes all this, and others
// may not.
func (p place) narrow() map[string]call {
	plain := part(p.arn("instance/i-9"), "ec2:InstanceType", "t3.micro")
	return map[string]call{
		"tag a VM of nobody":           of("ec2:CreateTags", plain),
		"an unencrypted disk":          of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "false")),
		"launch in another VPC":        of("ec2:RunInstances", part(p.arn("subnet/subnet-9"), "ec2:Vpc", p.arn("vpc/vpc-9"))),
		"launch with another key":      of("ec2:RunInstances", part(p.arn("key-pair/ada"))),
		"take another's address":       of("ec2:AssociateAddress", part(p.arn("elastic-ip/eipalloc-9"))),
		"take an interface out of VPC": of("ec2:DeleteNetworkInterface", part(p.arn("network-interface/eni-9"), "ec2:Vpc", p.arn("vpc/vpc-9"))),
		"pass a role elsewhere":        of("iam:PassRole", part(p.resources["WorkerRole"].Attributes["Arn"], "iam:PassedToService", "lambda.amazonaws.com")),
		"pass the director's":          of("iam:PassRole", part(p.resources["DirectorRole"].Attributes["Arn"], "iam:PassedToService", "lambda.amazonaws.com")),
		"make the role of RDS":         linked("rds.amazonaws.com"),
		"write a role":                 of("iam:PutRolePolicy", part(p.resources["WebRole"].Attributes["Arn"])),
		"make an access key":           of("iam:CreateAccessKey", part(iamARN+"user/perpetual-ci-PipelineUser-ABC")),
		"delete the stack":             of("cloudformation:DeleteStack", part("arn:aws:cloudformation:eu-central-1:"+account+":stack/perpetual-ci/x")),
		"delete the database":          of("rds:DeleteDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:"+p.resources["Database"].PhysicalID)),
		"delete the state's bucket":    of("s3:DeleteBucket", part("arn:aws:s3:::state")),

		"write what the operator has said":         of("s3:PutObject", part("arn:aws:s3:::state/operator/configuration.json")),
		"delete what the operator has said":        of("s3:DeleteObject", part("arn:aws:s3:::state/operator/configuration.json")),
		"write the credentials":                    of("s3:PutObject", part("arn:aws:s3:::state/operator/credentials.json")),
		"write the pipeline's view of them":        of("s3:PutObject", part("arn:aws:s3:::state/operator/pipeline.json")),
		"write where an older release has kept it": of("s3:PutObject", part("arn:aws:s3:::state/config.json")),
		"sign it":                                     of("kms:Sign", part(keyARN("operator"))),
		"read it with the operator's key":             wrapped("kms:Decrypt", "state", "ci"),
		"encrypt it with the operator's key":          wrapped("kms:Encrypt", "state", "ci"),
		"write beside the folder that may be written": of("s3:PutObject", part("arn:aws:s3:::state/run2/record.json")),
	}
}

// own is what the web, the director and workers may not: the pipeline's own parameters, at
// which its keys are, and its users' keys. The reader reads parameters only.
func (p place) own() (reads, writes map[string]call) {
	below := "arn:aws:ssm:" + p.region + ":" + account + ":parameter/perpetual-own"
	reads, writes = map[string]call{
		"list all that is there": of("ssm:GetParametersByPath", part(below)),
		"list those of one":      of("ssm:GetParametersByPath", part(below+"/ci")),
	}, map[string]call{}
	for _, name := range []string{"aws_key", "reader_key", "state_key", "director_password", "a/b"} {
		reads["read "+name] = of("ssm:GetParameter", part(below+"/ci/"+name))
		reads["list below "+name] = of("ssm:GetParametersByPath", part(below+"/ci/"+name))
		writes["write "+name] = of("ssm:PutParameter", part(below+"/ci/"+name))
		writes["tag "+name] = of("ssm:AddTagsToResource", part(below+"/ci/"+name))
		writes["tags of "+name] = of("ssm:ListTagsForResource", part(below+"/ci/"+name))
	}
	for _, id := range []string{"ReaderUser", "PipelineUser"} {
		if user, there := p.resources[id]; there {
			for _, action := range []string{"CreateAccessKey", "DeleteAccessKey", "ListAccessKeys"} {
				writes[action+" of "+id] = of("iam:"+action, part(iamARN+"user/"+user.PhysicalID))
			}
		}
	}
	return reads, writes
}

// programs is what Concourse's web, the pipeline and the installer ("both"), and the
// installer alone call themselves.
func (p place) programs(who string) map[string]call {
	on := func(action string, arns ...string) call {
		c := call{action: action}
		for _, arn := range arns {
			c.parts = append(c.parts, part(arn))
		}
		return c
	}
	parameter := "arn:aws:ssm:eu-central-1:" + account + ":parameter/"
	own := parameter + "perpetual-own/ci/"
	switch who {
	case "reader":
		return map[string]call{
			"a variable":  on("ssm:GetParameter", own+"director_password"),
			"those below": on("ssm:GetParametersByPath", own+"director_password"),
		}
	case "pipeline":
		return map[string]call{
			"its reader's key":        on("ssm:GetParameter", own+"reader_key"),
			"write it":                on("ssm:PutParameter", own+"reader_key"),
			"write its own key":       on("ssm:PutParameter", own+"aws_key"),
			"keys of its reader":      on("iam:ListAccessKeys", iamARN+"user/"+p.resources["ReaderUser"].PhysicalID),
			"make one of its reader":  on("iam:CreateAccessKey", iamARN+"user/"+p.resources["ReaderUser"].PhysicalID),
			"delete one its reader's": on("iam:DeleteAccessKey", iamARN+"user/"+p.resources["ReaderUser"].PhysicalID),
		}
	case "web":
		return map[string]call{
			"a credential":      on("ssm:GetParameter", parameter+"perpetual/ci/main/self-upgrade/x"),
			"a team's":          on("ssm:GetParameter", parameter+"perpetual/ci/main/x"),
			"those below":       on("ssm:GetParametersByPath", parameter+"perpetual/ci/main/self-upgrade/x"),
			"whether there are": on("ssm:GetParameter", parameter+"__concourse-health-check"),
		}
	}
	arn := "arn:aws:cloudformation:eu-central-1:" + account + ":stack/perpetual-ci/*"
	both := map[string]call{"state": on("s3:ListBucket", "arn:aws:s3:::state")}
	for _, action := range []string{"GetObject", "PutObject", "DeleteObject"} {
		both[action] = on("s3:"+action, "arn:aws:s3:::state/run/record.json")
	}
	both["what the operator has said"] = on("s3:GetObject", "arn:aws:s3:::state/operator/configuration.json")
	for _, action := range []string{"GetBucketTagging", "GetBucketPolicy", "GetBucketPublicAccessBlock", "GetBucketOwnershipControls", "GetBucketVersioning", "GetEncryptionConfiguration", "GetBucketLocation"} {
		both[action] = on("s3:"+action, "arn:aws:s3:::state")
	}
	for _, action := range []string{"CreateChangeSet", "DescribeChangeSet", "ListChangeSets", "ExecuteChangeSet", "DeleteChangeSet", "DescribeStacks", "DescribeStackEvents", "DescribeStackResources", "GetTemplate", "ContinueUpdateRollback", "UpdateTerminationProtection"} {
		both[action] = on("cloudformation:"+action, arn)
	}
	for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
		both[action] = call{action, []iam.Resource{part(everything().StateKey)}, iam.Context{"kms:EncryptionContext:aws:s3:arn": {"arn:aws:s3:::state"}, "kms:ViaService": {"s3.eu-central-1.amazonaws.com"}}}
	}
	for _, what := range []string{"Regions", "AvailabilityZones", "InstanceTypeOfferings", "InstanceTypes", "Images", "Subnets", "RouteTables", "AccountAttributes", "Addresses", "Vpcs"} {
		both["look for "+what] = on("ec2:Describe" + what)
	}
	both["zones"] = on("route53:ListHostedZonesByName")
	if who == "both" {
		return both
	}
	user := iamARN + "user/perpetual-ci-PipelineUser-ABC"
	mine := map[string]call{
		"make the bucket": on("s3:CreateBucket", "arn:aws:s3:::state"), "tag it in that": on("s3:TagResource", "arn:aws:s3:::state"),
		"empty the bucket": on("s3:DeleteObjectVersion", "arn:aws:s3:::state/state.json"), "see what is in it": on("s3:ListBucketVersions", "arn:aws:s3:::state"),
		"delete the bucket": on("s3:DeleteBucket", "arn:aws:s3:::state"),
		"list parameters":   on("ssm:GetParametersByPath", parameter+"perpetual/ci"),
		"delete parameters": on("ssm:DeleteParameters", parameter+"perpetual/ci/main/self-upgrade/x", parameter+"perpetual/ci/main/self-upgrade/y"),
		"write a parameter": on("ssm:PutParameter", parameter+"perpetual/ci/main/self-upgrade/x"), "tag it": on("ssm:AddTagsToResource", parameter+"perpetual/ci/main/self-upgrade/x"),
		"read its tags": on("ssm:ListTagsForResource", parameter+"perpetual/ci/main/self-upgrade/x"), "read the key": on("ssm:GetParameter", parameter+"ec2/keypair/key-1"),
		"list keys": on("iam:ListAccessKeys", user), "make a key": on("iam:CreateAccessKey", user), "delete a key": on("iam:DeleteAccessKey", user),
		"what is tagged": on("tag:GetResources"), "delete the stack": on("cloudformation:DeleteStack", arn),
		"delete a password": on("iam:DeleteLoginProfile", user), "leave a group": on("iam:RemoveUserFromGroup", iamARN+"group/auditors"),
		"the role of spot": linked("spot.amazonaws.com"), "the role of RDS": linked("rds.amazonaws.com"),
		"a quota": on("servicequotas:GetServiceQuota", "arn:aws:servicequotas:eu-central-1:"+account+":ec2/L-1216C47A"), "its default": on("servicequotas:GetAWSDefaultServiceQuota"),
		"the key that signs": on("kms:GetPublicKey", keyARN("operator")), "a signature": on("kms:Sign", keyARN("operator")),
		"the key that encrypts": on("kms:DescribeKey", keyARN("state")), "encrypt": wrapped("kms:Encrypt", "state", "ci"), "decrypt": wrapped("kms:Decrypt", "state", "ci"),
		"what counts for it": on("ec2:DescribeInstances"), "whether the key pair is there": on("ec2:DescribeKeyPairs"),
		"free an address": of("ec2:DisassociateAddress", p.address("WebAddress")), "delete the key pair": on("ec2:DeleteKeyPair", ec2ARN+"key-pair/perpetual-ci"),
	}
	for _, action := range []string{"PutBucketTagging", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketOwnershipControls", "PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration"} {
		mine[action] = on("s3:"+action, "arn:aws:s3:::state")
	}
	return mine
}
