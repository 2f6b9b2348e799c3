package stack_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// judged compares what a principal may do with what it should.
func judged(t *testing.T, who string, set iam.Set, p place, calls map[string]call, allowed bool) {
	t.Helper()
	for _, title := range slices.Sorted(maps.Keys(calls)) {
		c := calls[title]
		keys := iam.Context{"aws:RequestedRegion": {p.region}}
		maps.Copy(keys, c.keys)
		err := set.Allows(iam.Request{Action: c.action, Resources: c.parts, Context: keys})
		var denied *iam.Denied
		if err != nil && !errors.As(err, &denied) {
			t.Errorf("%s, %s: %v", who, title, err)
		} else if (err == nil) != allowed {
			t.Errorf("%s, %s: allowed is %v, want %v (%v)", who, title, err == nil, allowed, err)
		}
	}
}

func TestPolicies_allowWhatTheCPIDoes(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	judged(t, "director", all["director"], p, p.cpi("WorkerRole"), true)
	spot := p.launch(part(p.arn("spot-instances-request/sir-1")))
	judged(t, "director", all["director"], p, map[string]call{"launch a spot instance": spot}, true)
	web := p
	web.profile = p.resources["WebProfile"].Attributes["Arn"]
	judged(t, "director, web", all["director"], web, web.cpi("WebRole", "WebAddress"), true)
	director := p
	director.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	for _, who := range []string{"pipeline", "installer"} {
		judged(t, who, all[who], director, director.cpi("DirectorRole", "DirectorAddress"), true)
	}
}

// TestPolicies_denyWhatIsOfOthers: another installation's VM, the director's own, a VM
// of the account that has nothing to do with us, another VPC, region or key.
func TestPolicies_denyWhatIsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	of := func(action string, parts ...iam.Resource) call { return call{action, parts, nil} }
	theirs := p
	theirs.name, theirs.profile = "other", iamARN+"instance-profile/perpetual-other-WorkerProfile-ABC"
	plain := part(p.arn("instance/i-9"), "ec2:InstanceType", "t3.micro")
	denied := map[string]call{
		"end a VM of another installation":      of("ec2:TerminateInstances", theirs.vm()),
		"end theirs that was reclaimed":         of("ec2:TerminateInstances", part(p.arn("instance/i-9"), "ec2:InstanceType", "m6i.large", "aws:ResourceTag/perpetual:name", "other")),
		"end theirs that lost its type":         of("ec2:TerminateInstances", part(p.arn("instance/i-9"), "aws:ResourceTag/perpetual:name", "other")),
		"end a VM of nobody":                    of("ec2:TerminateInstances", plain),
		"reboot theirs":                         of("ec2:RebootInstances", theirs.vm()),
		"attach to theirs":                      of("ec2:AttachVolume", p.volume(), theirs.vm()),
		"change the interface of theirs":        of("ec2:ModifyNetworkInterfaceAttribute", p.nic(), theirs.vm()),
		"launch with their profile":             theirs.launch(),
		"launch without a profile":              of("ec2:RunInstances", plain),
		"stop a VM":                             of("ec2:StopInstances", p.vm()),
		"open a port of another's group":        of("ec2:RevokeSecurityGroupIngress", part(p.arn("security-group/sg-9"), "aws:ResourceTag/perpetual:name", "other")),
		"delete another's VPC":                  of("ec2:DeleteVpc", part(p.arn("vpc/vpc-9"), "aws:ResourceTag/perpetual:name", "other")),
		"become another role":                   of("iam:PassRole", part(iamARN+"role/admin", "iam:PassedToService", "ec2.amazonaws.com")),
		"become another installation's role":    of("iam:PassRole", part(iamARN+"role/perpetual-other-WebRole-ABC", "iam:PassedToService", "ec2.amazonaws.com")),
		"make a user":                           of("iam:CreateUser", part(iamARN+"user/eve")),
		"read another's parameter":              of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual/other/main/x")),
		"read one whose name begins as ours do": of("ssm:GetParameter", part("arn:aws:ssm:eu-central-1:"+account+":parameter/perpetual/ci2/main/x")),
		"read another's state":                  of("s3:GetObject", part("arn:aws:s3:::other/state.json")),
		"change another's stack":                of("cloudformation:CreateChangeSet", part("arn:aws:cloudformation:eu-central-1:"+account+":stack/perpetual-other/x")),
		"delete another's database":             of("rds:DeleteDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:perpetual-other-database-x")),
		"use a key of KMS":                      of("kms:Decrypt", part("arn:aws:kms:eu-central-1:"+account+":key/other")),
	}
	for _, who := range []string{"director", "pipeline", "installer", "web", "worker"} {
		judged(t, who, all[who], p, denied, false)
	}
	// What the installer may do, as it makes and removes all this, and others may not.
	narrow := map[string]call{
		"tag a VM of nobody":           of("ec2:CreateTags", plain),
		"an unencrypted disk":          of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "false")),
		"launch in another VPC":        of("ec2:RunInstances", part(p.arn("subnet/subnet-9"), "ec2:Vpc", p.arn("vpc/vpc-9"))),
		"launch with another key":      of("ec2:RunInstances", part(p.arn("key-pair/ada"))),
		"take another's address":       of("ec2:AssociateAddress", part(p.arn("elastic-ip/eipalloc-9"))),
		"take an interface out of VPC": of("ec2:DeleteNetworkInterface", part(p.arn("network-interface/eni-9"), "ec2:Vpc", p.arn("vpc/vpc-9"))),
		"write a role":                 of("iam:PutRolePolicy", part(p.resources["WebRole"].Attributes["Arn"])),
		"make an access key":           of("iam:CreateAccessKey", part(iamARN+"user/perpetual-ci-PipelineUser-ABC")),
		"delete the stack":             of("cloudformation:DeleteStack", part("arn:aws:cloudformation:eu-central-1:"+account+":stack/perpetual-ci/x")),
		"delete the database":          of("rds:DeleteDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:"+p.resources["Database"].PhysicalID)),
		"delete the state's bucket":    of("s3:DeleteBucket", part("arn:aws:s3:::state")),
	}
	for _, who := range []string{"director", "pipeline", "web", "worker"} {
		judged(t, who, all[who], p, narrow, false)
	}
	own := p
	own.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	judged(t, "director", all["director"], p, map[string]call{
		"end itself": of("ec2:TerminateInstances", own.vm()), "launch another director": own.launch(), "be another director": own.pass("DirectorRole"),
	}, false)
	judged(t, "pipeline", all["pipeline"], p, map[string]call{
		"end a worker": of("ec2:TerminateInstances", p.vm()), "launch a worker": p.launch(), "be a worker": p.pass("WorkerRole"), "be the web": p.pass("WebRole"),
	}, false)
	far := p
	far.region = "us-east-1"
	for _, who := range []string{"director", "web", "worker"} {
		judged(t, who, all[who], far, far.cpi("PipelineRole", "WebAddress"), false)
	}
	elsewhere := far.cpi("PipelineRole", "WebAddress")
	maps.DeleteFunc(elsewhere, func(title string, _ call) bool { return strings.HasPrefix(title, "look for") })
	for _, who := range []string{"pipeline", "installer"} {
		if who == "installer" { // which passes every role of the stack
			delete(elsewhere, "pass a role")
		}
		judged(t, who, all[who], far, elsewhere, false)
	}
}

// TestPolicies_allowWhatTheProgramsDo: what Concourse's web, the pipeline and the
// installer call themselves. What CloudFormation calls for them is seen where it does.
func TestPolicies_allowWhatTheProgramsDo(t *testing.T) {
	w := newWorld(t)
	p := everything()
	p.StateBucket = "state"
	w.made(t, p)
	all, at := actors(t, w), here(t, w)
	of := func(action string, arns ...string) call {
		c := call{action: action}
		for _, arn := range arns {
			c.parts = append(c.parts, part(arn))
		}
		return c
	}
	parameter := "arn:aws:ssm:eu-central-1:" + account + ":parameter/"
	judged(t, "web", all["web"], at, map[string]call{
		"a credential":      of("ssm:GetParameter", parameter+"perpetual/ci/main/self-upgrade/x"),
		"a team's":          of("ssm:GetParameter", parameter+"perpetual/ci/main/x"),
		"those below":       of("ssm:GetParametersByPath", parameter+"perpetual/ci/main/self-upgrade/x"),
		"whether there are": of("ssm:GetParameter", parameter+"__concourse-health-check"),
	}, true)
	arn := "arn:aws:cloudformation:eu-central-1:" + account + ":stack/perpetual-ci/*"
	both := map[string]call{"state": of("s3:ListBucket", "arn:aws:s3:::state")}
	for _, action := range []string{"GetObject", "PutObject", "DeleteObject"} {
		both[action] = of("s3:"+action, "arn:aws:s3:::state/state.json")
	}
	for _, action := range []string{"GetBucketTagging", "GetBucketPolicy", "GetBucketPublicAccessBlock", "GetBucketOwnershipControls", "GetBucketVersioning", "GetEncryptionConfiguration", "GetBucketLocation"} {
		both[action] = of("s3:"+action, "arn:aws:s3:::state")
	}
	for _, action := range []string{"CreateChangeSet", "DescribeChangeSet", "ListChangeSets", "ExecuteChangeSet", "DeleteChangeSet", "DescribeStacks", "DescribeStackEvents", "DescribeStackResources", "GetTemplate", "ContinueUpdateRollback", "UpdateTerminationProtection"} {
		both[action] = of("cloudformation:"+action, arn)
	}
	for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
		both[action] = call{action, []iam.Resource{part(p.StateKey)}, iam.Context{"kms:EncryptionContext:aws:s3:arn": {"arn:aws:s3:::state"}, "kms:ViaService": {"s3.eu-central-1.amazonaws.com"}}}
	}
	for _, what := range []string{"Regions", "AvailabilityZones", "InstanceTypeOfferings", "InstanceTypes", "Images", "Subnets", "RouteTables", "AccountAttributes", "Addresses", "Vpcs"} {
		both["look for "+what] = of("ec2:Describe" + what)
	}
	both["zones"] = of("route53:ListHostedZonesByName")
	judged(t, "pipeline", all["pipeline"], at, both, true)
	judged(t, "installer", all["installer"], at, both, true)
	user := iamARN + "user/perpetual-ci-PipelineUser-ABC"
	mine := map[string]call{
		"make the bucket": of("s3:CreateBucket", "arn:aws:s3:::state"), "tag it in that": of("s3:TagResource", "arn:aws:s3:::state"),
		"empty the bucket": of("s3:DeleteObjectVersion", "arn:aws:s3:::state/state.json"), "see what is in it": of("s3:ListBucketVersions", "arn:aws:s3:::state"),
		"delete the bucket": of("s3:DeleteBucket", "arn:aws:s3:::state"),
		"list parameters":   of("ssm:GetParametersByPath", parameter+"perpetual/ci"),
		"delete parameters": of("ssm:DeleteParameters", parameter+"perpetual/ci/main/self-upgrade/x", parameter+"perpetual/ci/main/self-upgrade/y"),
		"write a parameter": of("ssm:PutParameter", parameter+"perpetual/ci/main/self-upgrade/x"), "tag it": of("ssm:AddTagsToResource", parameter+"perpetual/ci/main/self-upgrade/x"),
		"read its tags": of("ssm:ListTagsForResource", parameter+"perpetual/ci/main/self-upgrade/x"), "read the key": of("ssm:GetParameter", parameter+"ec2/keypair/key-1"),
		"list keys": of("iam:ListAccessKeys", user), "make a key": of("iam:CreateAccessKey", user), "delete a key": of("iam:DeleteAccessKey", user),
		"what is tagged": of("tag:GetResources"), "delete the stack": of("cloudformation:DeleteStack", arn),
		"delete a password": of("iam:DeleteLoginProfile", user), "leave a group": of("iam:RemoveUserFromGroup", iamARN+"group/auditors"),
		"free an address": of("ec2:DisassociateAddress", ec2ARN+"elastic-ip/eipalloc-1"), "delete the key pair": of("ec2:DeleteKeyPair", ec2ARN+"key-pair/perpetual-ci"),
	}
	for _, action := range []string{"PutBucketTagging", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketOwnershipControls", "PutBucketVersioning", "PutEncryptionConfiguration"} {
		mine[action] = of("s3:"+action, "arn:aws:s3:::state")
	}
	judged(t, "installer", all["installer"], at, mine, true)
}
