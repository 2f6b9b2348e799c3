package stack_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// refusal is a call that a principal has no right to, and one beside it that differs in
// what makes it so, and that it, or another, has a right to.
type refusal struct {
	who    []string
	denied call
	twin   call
	other  string // who has the right to the twin; "": the same
}

// refused judges refusals: without the twin a call that is denied for another reason, such
// as a wrong name, would seem well denied.
func refused(t *testing.T, all map[string]iam.Set, p place, refusals map[string]refusal) {
	t.Helper()
	for title, r := range refusals {
		for _, who := range r.who {
			judged(t, who, all[who], p, map[string]call{title: r.denied}, false)
			if r.other != "" {
				who = r.other
			}
			judged(t, who, all[who], p, map[string]call{"the twin of: " + title: r.twin}, true)
		}
	}
}

var (
	pipeline = []string{"pipeline"}
	cpi      = []string{"director", "pipeline"} // who runs the CPI
)

// disks are volumes that BOSH has not made.
func (p place) disks() map[string]iam.Resource {
	return map[string]iam.Resource{
		"of another installation":   part(p.arn("volume/vol-9"), "ec2:Encrypted", "true", "aws:ResourceTag/perpetual:name", "other"),
		"with somebody's name":      part(p.arn("volume/vol-9"), "ec2:Encrypted", "true", "aws:ResourceTag/Name", "payroll"),
		"that is not encrypted":     part(p.arn("volume/vol-9"), "ec2:Encrypted", "false"),
		"from a snapshot":           part(p.arn("volume/vol-9"), "ec2:Encrypted", "true", "ec2:ParentSnapshot", "arn:aws:ec2:eu-central-1::snapshot/snap-9"),
		"from a snapshot, with our": part(p.arn("volume/vol-9"), "ec2:Encrypted", "true", "aws:ResourceTag/perpetual:name", p.name, "ec2:ParentSnapshot", "snap-9"),
	}
}

func TestPolicies_denyForeignDisks(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	director := p
	director.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	for _, who := range cpi {
		vm := p.vm()
		if who == "pipeline" {
			vm = director.vm()
		}
		refusals := map[string]refusal{}
		for title, disk := range p.disks() {
			refusals["attach a disk "+title] = refusal{denied: of("ec2:AttachVolume", disk, vm), twin: of("ec2:AttachVolume", p.untagged(), vm)}
			refusals["detach a disk "+title] = refusal{denied: of("ec2:DetachVolume", disk), twin: of("ec2:DetachVolume", p.volume())}
			refusals["delete a disk "+title] = refusal{denied: of("ec2:DeleteVolume", disk), twin: of("ec2:DeleteVolume", p.volume())}
			refusals["resize a disk "+title] = refusal{denied: of("ec2:ModifyVolume", disk), twin: of("ec2:ModifyVolume", p.volume())}
		}
		refusals["resize a disk that is not tagged"] = refusal{denied: of("ec2:ModifyVolume", p.untagged()), twin: of("ec2:ModifyVolume", p.volume())}
		for title, r := range refusals {
			r.who = []string{who}
			refusals[title] = r
		}
		refused(t, all, p, refusals)
	}
}

// TestPolicies_denyForeignSnapshotsAndImages: a launch from either would show what it is a
// copy of.
func TestPolicies_denyForeignSnapshotsAndImages(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	p := here(t, w)
	snapshot := "arn:aws:ec2:" + p.region + "::snapshot/snap-9"
	refused(t, actors(t, w), p, map[string]refusal{
		"launch from a snapshot of the account": {who: cpi, denied: of("ec2:RunInstances", part(snapshot, "ec2:Owner", account)), twin: of("ec2:RunInstances", part(snapshot, "ec2:Owner", "375783000519"))},
		"launch from an image of the account": {who: cpi, denied: of("ec2:RunInstances", part("arn:aws:ec2:"+p.region+"::image/ami-9", "ec2:Owner", account, "ec2:Public", "false")),
			twin: of("ec2:RunInstances", p.image())},
		"make a disk of a snapshot": {who: cpi, denied: of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "true"), part(snapshot, "ec2:Owner", "375783000519")),
			twin: of("ec2:CreateVolume", part(p.arn("volume/new"), "ec2:Encrypted", "true"))},
	})
}

// TestPolicies_denyToTagWhatIsOfOthers: who tags anything as this installation's may then
// do with it what the tag allows.
func TestPolicies_denyToTagWhatIsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	named := part(p.arn("volume/vol-9"), "aws:ResourceTag/Name", "payroll")
	theirs := part(p.arn("volume/vol-9"), "aws:ResourceTag/perpetual:name", "other")
	nic := part(p.arn("network-interface/eni-9"))
	refused(t, all, p, map[string]refusal{
		"tag a named disk as ours":   {who: cpi, denied: tags("CreateTags", "", named, "perpetual:name", "ci"), twin: tags("CreateTags", "", p.untagged(), "perpetual:name", "ci")},
		"tag their disk as ours":     {who: cpi, denied: tags("CreateTags", "", theirs, "perpetual:name", "ci"), twin: tags("CreateTags", "", p.volume(), "perpetual:name", "ci")},
		"give a disk away":           {who: cpi, denied: tags("CreateTags", "", p.volume(), "perpetual:name", "other"), twin: tags("CreateTags", "", p.volume(), "team", "x")},
		"tag a disk, but not as own": {who: cpi, denied: tags("CreateTags", "", p.untagged(), "team", "x"), twin: tags("CreateTags", "", p.untagged(), "perpetual:name", "ci", "team", "x")},
		"make a disk of others":      {who: cpi, denied: tags("CreateTags", "CreateVolume", part(p.arn("volume/new")), "perpetual:name", "other"), twin: tags("CreateTags", "CreateVolume", part(p.arn("volume/new")), "team", "x")},
		"tag an interface as ours":   {who: cpi, denied: tags("CreateTags", "", nic, "perpetual:name", "ci"), twin: tags("CreateTags", "CreateNetworkInterface", nic, "perpetual:name", "ci")},
		"tag an image of the account": {who: cpi, denied: tags("CreateTags", "", part("arn:aws:ec2:"+p.region+"::image/ami-9", "ec2:Public", "false"), "perpetual:name", "ci"),
			twin: tags("CreateTags", "", p.image(), "perpetual:name", "ci")},
		"tag an image as theirs": {who: cpi, denied: tags("CreateTags", "", p.image(), "perpetual:name", "other"), twin: tags("CreateTags", "", p.image(), "perpetual:name", "ci")},
	})
	vpc := func(pairs ...string) iam.Resource { return part(p.arn("vpc/vpc-9"), pairs...) }
	own := vpc("aws:ResourceTag/perpetual:name", "ci")
	refused(t, all, p, map[string]refusal{
		"tag a VPC as ours":      {who: pipeline, denied: tags("CreateTags", "", vpc(), "perpetual:name", "ci"), twin: tags("CreateTags", "", own, "perpetual:name", "ci")},
		"give a VPC away":        {who: pipeline, denied: tags("CreateTags", "", own, "perpetual:name", "other"), twin: tags("CreateTags", "", own, "team", "x")},
		"take our tag away":      {who: pipeline, denied: tags("DeleteTags", "", own, "team", "", "perpetual:name", ""), twin: tags("DeleteTags", "", own, "team", "")},
		"take all tags away":     {who: pipeline, denied: tags("DeleteTags", "", own), twin: tags("DeleteTags", "", own, "team", "")},
		"take a tag from theirs": {who: pipeline, denied: tags("DeleteTags", "", vpc("aws:ResourceTag/perpetual:name", "other"), "team", ""), twin: tags("DeleteTags", "", own, "team", "")},
	})
}

// records is a change of records: its actions, types and names.
func records(zone string, actions, types, names []string) call {
	return call{"route53:ChangeResourceRecordSets", []iam.Resource{part("arn:aws:route53:::hostedzone/" + zone)}, iam.Context{
		"route53:ChangeResourceRecordSetsActions": actions, "route53:ChangeResourceRecordSetsRecordTypes": types, "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
	}}
}

func TestPolicies_denyOtherRecords(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	one := func(text string) []string { return []string{text} }
	zone, name := everything().HostedZone, everything().Domain
	twin := records(zone, one("UPSERT"), one("A"), one(name))
	refusals := map[string]refusal{}
	for title, denied := range map[string]call{
		"an MX record":      records(zone, one("UPSERT"), one("MX"), one(name)),
		"one of many":       records(zone, one("UPSERT"), []string{"A", "TXT"}, one(name)),
		"another name":      records(zone, one("UPSERT"), one("A"), one("www.example.com")),
		"a name besides":    records(zone, one("UPSERT"), one("A"), []string{name, "www.example.com"}),
		"the zone's name":   records(zone, one("UPSERT"), one("A"), one("example.com")),
		"its end":           records(zone, one("DELETE"), one("A"), one(name)),
		"another zone":      records("Z9", one("UPSERT"), one("A"), one(name)),
		"end and beginning": records(zone, []string{"DELETE", "UPSERT"}, one("A"), one(name)),
	} {
		refusals[title] = refusal{who: pipeline, denied: denied, twin: twin}
	}
	refused(t, actors(t, w), here(t, w), refusals)
}

// TestPolicies_denyThePipelineWhatOpensTheInstallation: what IAM has no condition for is
// left to whoever installs.
func TestPolicies_denyThePipelineWhatOpensTheInstallation(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	refusals := map[string]refusal{}
	database := part("arn:aws:rds:eu-central-1:" + account + ":db:" + p.resources["Database"].PhysicalID)
	for _, c := range []call{of("rds:ModifyDBInstance", database), of("rds:AddTagsToResource", database), of("rds:RemoveTagsFromResource", database)} {
		refusals[c.action] = refusal{who: pipeline, denied: via(c), twin: via(c), other: "installer"}
	}
	for _, id := range []string{"DirectorGroup", "VMsGroup", "WebGroup", "DatabaseGroup"} {
		group := part(p.arn("security-group/"+p.resources[id].PhysicalID), "aws:ResourceTag/perpetual:name", "ci")
		for _, action := range []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:UpdateSecurityGroupRuleDescriptionsIngress"} {
			c := of(action, group)
			refusals[action+" of "+id] = refusal{who: pipeline, denied: via(c), twin: via(c), other: "installer"}
		}
	}
	refused(t, all, p, refusals)
}

// TestPolicies_denyOthersParameters: of another installation, of one whose name begins as
// ours does, and the private key of a key pair.
func TestPolicies_denyOthersParameters(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	refusals := map[string]refusal{}
	own := map[string]string{"web": "perpetual/ci/main/x", "pipeline": "perpetual-own/ci/x", "installer": "perpetual/ci/main/x"}
	for who, name := range own {
		for _, other := range []string{"perpetual/other/main/x", "perpetual/ci-2/main/x", "perpetual/ci2", "perpetual-own/other/state_key", "ada"} {
			refusals[who+" reads "+other] = refusal{who: []string{who}, denied: of("ssm:GetParameter", parameterOf(other)), twin: of("ssm:GetParameter", parameterOf(name))}
		}
	}
	for _, who := range []string{"web", "pipeline"} {
		refusals[who+" reads the private key"] = refusal{who: []string{who}, denied: of("ssm:GetParameter", parameterOf("ec2/keypair/key-1")), twin: of("ssm:GetParameter", parameterOf("ec2/keypair/key-1")), other: "installer"}
	}
	refused(t, all, p, refusals)
}

// parameterOf is a parameter of SSM.
func parameterOf(name string) iam.Resource {
	return part("arn:aws:ssm:eu-central-1:" + account + ":parameter/" + name)
}

// strange are calls of these tests that the operators of the policies decide, for the
// comparison with another evaluator.
func (p place) strange() map[string]call {
	vpc := func(pairs ...string) iam.Resource { return part(p.arn("vpc/vpc-9"), pairs...) }
	own := vpc("aws:ResourceTag/perpetual:name", p.name)
	role, snapshot, one := iamARN+"role/perpetual-ci-WebRole-ABC", "arn:aws:ec2:"+p.region+"::snapshot/snap-9", func(text string) []string { return []string{text} }
	zone, name := everything().HostedZone, everything().Domain
	calls := map[string]call{
		"a snapshot of the account": of("ec2:RunInstances", part(snapshot, "ec2:Owner", account)), "a public one": of("ec2:RunInstances", part(snapshot, "ec2:Owner", "375783000519")),
		"a private image": of("ec2:RunInstances", part("arn:aws:ec2:"+p.region+"::image/ami-9", "ec2:Public", "false")), "their address": of("ec2:AssociateAddress", part(p.arn("elastic-ip/eipalloc-9"))),
		"tag a VPC as ours": tags("CreateTags", "", vpc(), "perpetual:name", p.name), "by CloudFormation": via(tags("CreateTags", "", vpc(), "perpetual:name", p.name)),
		"give it away": tags("CreateTags", "", own, "perpetual:name", "other"), "tag ours": tags("CreateTags", "", own, "team", "x"), "tag theirs": via(tags("CreateTags", "", vpc("aws:ResourceTag/perpetual:name", "other"), "team", "x")),
		"take our tag": tags("DeleteTags", "", own, "team", "", "perpetual:name", ""), "take all tags": tags("DeleteTags", "", own), "take a tag": tags("DeleteTags", "", own, "team", ""),
		"tag by a launch": tags("CreateTags", "RunInstances", part(p.arn("instance/new")), "perpetual:name", "other"), "a group": via(of("ec2:AuthorizeSecurityGroupIngress", part(p.arn("security-group/sg-9")))),
		"an unbounded role": of("iam:CreateRole", part(role)), "a bounded role": of("iam:CreateRole", part(role, bounded...)), "one bounded by another": of("iam:CreateRole", part(role, "iam:PermissionsBoundary", iamARN+"policy/x")),
		"another issuer": of("iam:CreateOpenIDConnectProvider", part(iamARN+"oidc-provider/evil.example.com")), "the issuer": of("iam:CreateOpenIDConnectProvider", part(iamARN+"oidc-provider/"+name)),
		"the record": records(zone, one("UPSERT"), one("A"), one(name)), "a new record": records(zone, one("CREATE"), one("A"), one(name)), "an MX record": records(zone, one("UPSERT"), one("MX"), one(name)),
		"another record": records(zone, one("UPSERT"), one("A"), one("www.example.com")), "two records": records(zone, one("UPSERT"), []string{"A", "TXT"}, []string{name, "www.example.com"}),
		"a private key": of("ssm:GetParameter", parameterOf("ec2/keypair/key-9")), "write one": via(of("ssm:PutParameter", parameterOf("ec2/keypair/key-9"))),
	}
	disks := p.disks()
	disks["of ours"], disks["untagged"] = p.volume(), p.untagged()
	for title, disk := range disks {
		for _, action := range []string{"AttachVolume", "DeleteVolume", "ModifyVolume"} {
			calls[action+" "+title] = of("ec2:"+action, disk)
		}
		calls["tag a disk "+title] = tags("CreateTags", "", disk, "perpetual:name", p.name)
	}
	return calls
}
