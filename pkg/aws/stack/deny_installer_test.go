package stack_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

var (
	installs = []string{"installer"}
	bounded  = []string{"iam:PermissionsBoundary", scope.Boundary}
)

// via is a call that CloudFormation makes for whoever asks it.
func via(c call) call {
	keys := iam.Context{"aws:CalledVia": {"cloudformation.amazonaws.com"}}
	for key, values := range c.keys {
		keys[key] = values
	}
	c.keys = keys
	return c
}

func TestInstallerPolicies_denyWhatIsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	all, p := actors(t, w), here(t, w)
	director := p
	director.profile = p.resources["DirectorProfile"].Attributes["Arn"]
	refusals := map[string]refusal{}
	for title, disk := range p.disks() {
		refusals["attach a disk "+title] = refusal{who: installs, denied: of("ec2:AttachVolume", disk, director.vm()), twin: of("ec2:AttachVolume", p.untagged(), director.vm())}
		refusals["delete a disk "+title] = refusal{who: installs, denied: of("ec2:DeleteVolume", disk), twin: of("ec2:DeleteVolume", p.volume())}
		refusals["resize a disk "+title] = refusal{who: installs, denied: of("ec2:ModifyVolume", disk), twin: of("ec2:ModifyVolume", p.volume())}
	}
	snapshot := "arn:aws:ec2:" + p.region + "::snapshot/snap-9"
	theirs, plain := part(p.arn("vpc/vpc-9"), "aws:ResourceTag/perpetual:name", "other"), part(p.arn("vpc/vpc-9"))
	own := part(p.arn("vpc/vpc-1"), "aws:ResourceTag/perpetual:name", "ci")
	group := part(p.arn("security-group/sg-9"))
	for title, r := range map[string]refusal{
		"launch from a snapshot of the account": {denied: of("ec2:RunInstances", part(snapshot, "ec2:Owner", account)), twin: of("ec2:RunInstances", part(snapshot, "ec2:Owner", "375783000519"))},
		"launch with another key pair":          {denied: of("ec2:RunInstances", part(p.arn("key-pair/ada"))), twin: of("ec2:RunInstances", part(p.arn("key-pair/perpetual-ci")))},
		"tag a VPC as ours":                     {denied: tags("CreateTags", "", plain, "perpetual:name", "ci"), twin: via(tags("CreateTags", "", plain, "perpetual:name", "ci"))},
		"tag their VPC as ours":                 {denied: via(tags("CreateTags", "", theirs, "perpetual:name", "ci")), twin: via(tags("CreateTags", "", own, "perpetual:name", "ci"))},
		"give a VPC away":                       {denied: tags("CreateTags", "", own, "perpetual:name", "other"), twin: tags("CreateTags", "", own, "team", "x")},
		"tag a VM of nobody":                    {denied: tags("CreateTags", "", part(p.arn("instance/i-9")), "perpetual:name", "ci"), twin: tags("CreateTags", "RunInstances", part(p.arn("instance/i-9")), "perpetual:name", "ci")},
		"take our tag away":                     {denied: via(tags("DeleteTags", "", own, "perpetual:name", "")), twin: via(tags("DeleteTags", "", own, "team", ""))},
		"take all tags away":                    {denied: via(tags("DeleteTags", "", own)), twin: via(tags("DeleteTags", "", own, "team", ""))},
		"open a port of a group of nobody":      {denied: of("ec2:AuthorizeSecurityGroupIngress", group), twin: via(of("ec2:AuthorizeSecurityGroupIngress", group))},
		"open a port of their group": {
			denied: via(of("ec2:AuthorizeSecurityGroupIngress", part(p.arn("security-group/sg-9"), "aws:ResourceTag/perpetual:name", "other"))),
			twin:   via(of("ec2:AuthorizeSecurityGroupIngress", group)),
		},
		"take their address": {denied: of("ec2:AssociateAddress", part(p.arn("elastic-ip/eipalloc-9"))), twin: of("ec2:AssociateAddress", p.address("DirectorAddress"))},
		"make a group by hand": {denied: of("ec2:CreateSecurityGroup", part(p.arn("security-group/new")), plain),
			twin: via(of("ec2:CreateSecurityGroup", part(p.arn("security-group/new")), plain))},
		"delete their snapshot of a database": {denied: of("rds:AddTagsToResource", part("arn:aws:rds:eu-central-1:"+account+":snapshot:perpetual-ci-2-database-x")),
			twin: of("rds:AddTagsToResource", part("arn:aws:rds:eu-central-1:"+account+":snapshot:perpetual-ci-database-x"))},
		"the private key of another key pair": {denied: of("ssm:GetParameter", parameterOf("ec2/keypair/key-9")), twin: of("ssm:GetParameter", parameterOf("ec2/keypair/key-1"))},
		"write a private key":                 {denied: of("ssm:PutParameter", parameterOf("ec2/keypair/key-9")), twin: via(of("ssm:PutParameter", parameterOf("ec2/keypair/key-9")))},
		"sign with another key":               {denied: of("kms:Sign", part(keyARN("other"))), twin: of("kms:Sign", part(keyARN("operator")))},
		"read what is another's with our key": {denied: wrapped("kms:Decrypt", "state", "other"), twin: wrapped("kms:Decrypt", "state", "ci")},
		"encrypt for nobody":                  {denied: of("kms:Encrypt", part(keyARN("state"))), twin: wrapped("kms:Encrypt", "state", "ci")},
		"encrypt with another key":            {denied: wrapped("kms:Encrypt", "other", "ci"), twin: wrapped("kms:Encrypt", "state", "ci")},
		"look at another key":                 {denied: of("kms:DescribeKey", part(keyARN("other"))), twin: of("kms:DescribeKey", part(keyARN("state")))},
		"delete the key that signs":           {denied: of("kms:ScheduleKeyDeletion", part(keyARN("operator"))), twin: of("kms:GetPublicKey", part(keyARN("operator")))},
	} {
		r.who = installs
		refusals[title] = r
	}
	refused(t, all, p, refusals)
}

// keyARN is that of a key of KMS.
func keyARN(id string) string { return "arn:aws:kms:eu-central-1:" + account + ":key/" + id }

// wrapped is a use of such a key for a document of an installation.
func wrapped(action, key, name string) call {
	return call{action, []iam.Resource{part(keyARN(key))}, iam.Context{"kms:EncryptionContext:perpetual:name": {name}}}
}

func TestInstallerPolicies_denyOtherRecords(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	one := func(text string) []string { return []string{text} }
	twin := records(scope.Zone, one("CREATE"), one("A"), one(scope.Domain))
	refusals := map[string]refusal{}
	for title, denied := range map[string]call{
		"an MX record": records(scope.Zone, one("UPSERT"), one("MX"), one(scope.Domain)),
		"another name": records(scope.Zone, one("DELETE"), one("A"), one("www.example.com")),
		"another zone": records("Z9", one("CREATE"), one("A"), one(scope.Domain)),
	} {
		refusals[title] = refusal{who: installs, denied: denied, twin: twin}
	}
	refused(t, actors(t, w), here(t, w), refusals)
}

// TestInstallerPolicies_makeBoundedIdentitiesOnly: without a boundary, who may write a role
// may do anything.
func TestInstallerPolicies_makeBoundedIdentitiesOnly(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	p := here(t, w)
	refusals := map[string]refusal{}
	for _, c := range []struct{ action, kind, id string }{
		{"CreateRole", "role", "WebRole"}, {"PutRolePolicy", "role", "WebRole"}, {"AttachRolePolicy", "role", "DirectorRole"}, {"UpdateAssumeRolePolicy", "role", "PipelineRole"},
		{"PutRolePermissionsBoundary", "role", "WorkerRole"}, {"CreateUser", "user", "PipelineUser"}, {"PutUserPolicy", "user", "ReaderUser"}, {"AttachUserPolicy", "user", "PipelineUser"},
		{"PutUserPermissionsBoundary", "user", "ReaderUser"},
	} {
		arn := func(name string) string { return iamARN + c.kind + "/perpetual-" + name + "-" + c.id + "-ABC" }
		twin := of("iam:"+c.action, part(arn("ci"), bounded...))
		for title, denied := range map[string]iam.Resource{
			"without a boundary":           part(arn("ci")),
			"with another boundary":        part(arn("ci"), "iam:PermissionsBoundary", iamARN+"policy/AdministratorAccess"),
			"of a name that is not ours":   part(iamARN+c.kind+"/ada", bounded...),
			"of one that begins as ours":   part(arn("ci-2"), bounded...),
			"of another logical name here": part(iamARN+c.kind+"/perpetual-ci-Admin-ABC", bounded...),
		} {
			refusals[c.action+" "+title] = refusal{who: installs, denied: of("iam:"+c.action, denied), twin: twin}
		}
	}
	role := func(name string, pairs ...string) iam.Resource {
		return part(iamARN+"role/perpetual-"+name+"-WebRole-ABC", pairs...)
	}
	policy := func(name string) iam.Resource { return part(iamARN + "policy/" + name) }
	put := of("iam:PutRolePermissionsBoundary", role("ci", bounded...))
	for title, r := range map[string]refusal{
		"take a role's boundary away":   {denied: of("iam:DeleteRolePermissionsBoundary", role("ci", bounded...)), twin: put},
		"take a user's boundary away":   {denied: of("iam:DeleteUserPermissionsBoundary", part(iamARN+"user/perpetual-ci-ReaderUser-ABC", bounded...)), twin: put},
		"change the boundary":           {denied: of("iam:CreatePolicyVersion", policy("boundary")), twin: of("iam:CreatePolicyVersion", policy("perpetual-ci-CPIPolicy-ABC"))},
		"change a policy of NAME-2":     {denied: of("iam:CreatePolicyVersion", policy("perpetual-ci-2-CPIPolicy-ABC")), twin: of("iam:CreatePolicyVersion", policy("perpetual-ci-CPIPolicy-ABC"))},
		"delete a role of NAME-2":       {denied: of("iam:DeleteRole", role("ci-2")), twin: of("iam:DeleteRole", role("ci"))},
		"make a key of NAME-2":          {denied: of("iam:CreateAccessKey", part(iamARN+"user/perpetual-ci-2-PipelineUser-ABC")), twin: of("iam:CreateAccessKey", part(iamARN+"user/perpetual-ci-PipelineUser-ABC"))},
		"pass a role to another":        {denied: of("iam:PassRole", role("ci", "iam:PassedToService", "lambda.amazonaws.com")), twin: of("iam:PassRole", role("ci", "iam:PassedToService", "ec2.amazonaws.com"))},
		"trust another issuer":          {denied: of("iam:CreateOpenIDConnectProvider", part(iamARN+"oidc-provider/evil.example.com")), twin: of("iam:CreateOpenIDConnectProvider", part(iamARN+"oidc-provider/ci.example.com"))},
		"stop trusting another's":       {denied: of("iam:DeleteOpenIDConnectProvider", part(iamARN+"oidc-provider/token.actions.githubusercontent.com")), twin: of("iam:DeleteOpenIDConnectProvider", part(iamARN+"oidc-provider/ci.example.com"))},
		"trust another client of ours?": {denied: of("iam:AddClientIDToOpenIDConnectProvider", part(iamARN+"oidc-provider/ci.example.org")), twin: of("iam:GetOpenIDConnectProvider", part(iamARN+"oidc-provider/ci.example.com"))},
	} {
		r.who = installs
		refusals[title] = r
	}
	refused(t, actors(t, w), p, refusals)
}

// TestBoundaryPolicy_isNoNarrowerThanTheRoles: whatever the director, the pipeline and the
// web may and do call, they may within the boundary, and a role that is given everything
// may no more than that.
func TestBoundaryPolicy_isNoNarrowerThanTheRoles(t *testing.T) {
	w := newWorld(t)
	given := everything()
	given.StateBucket = scope.Bucket
	w.made(t, given)
	all, p := actors(t, w), here(t, w)
	boundary, err := iam.Parse(policy.Boundary(scope))
	if err != nil {
		t.Fatal(err)
	}
	for who, set := range all {
		set.Boundary = &boundary
		all[who] = set
	}
	web, director := p, p
	web.profile, director.profile = p.resources["WebProfile"].Attributes["Arn"], p.resources["DirectorProfile"].Attributes["Arn"]
	judged(t, "director", all["director"], p, p.cpi("WorkerRole"), true)
	judged(t, "director", all["director"], web, web.cpi("WebRole", "WebAddress"), true)
	judged(t, "pipeline", all["pipeline"], director, director.cpi("DirectorRole", "DirectorAddress"), true)
	judged(t, "pipeline", all["pipeline"], p, p.programs("both"), true)
	judged(t, "pipeline", all["pipeline"], p, p.programs("pipeline"), true)
	judged(t, "web", all["web"], p, p.programs("web"), true)
	anything, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	escaped := iam.Set{Principal: "role", Policies: []iam.Policy{anything}, Boundary: &boundary}
	judged(t, "a role with everything", escaped, p, map[string]call{
		"write a role":              of("iam:PutRolePolicy", part(iamARN+"role/perpetual-ci-WebRole-ABC")),
		"make a user":               of("iam:CreateUser", part(iamARN+"user/eve")),
		"become another":            of("sts:AssumeRole", part(iamARN+"role/admin")),
		"pass a role of others":     of("iam:PassRole", part(iamARN+"role/admin", "iam:PassedToService", "ec2.amazonaws.com")),
		"read another's state":      of("s3:GetObject", part("arn:aws:s3:::other/x")),
		"write for the operator":    of("s3:PutObject", part("arn:aws:s3:::"+scope.Bucket+"/operator/configuration.json")),
		"delete the operator's":     of("s3:DeleteObject", part("arn:aws:s3:::"+scope.Bucket+"/operator/configuration.json")),
		"read another's parameter":  of("ssm:GetParameter", parameterOf("perpetual/other/x")),
		"launch in another region":  {"ec2:RunInstances", []iam.Resource{part("arn:aws:ec2:us-east-1:" + account + ":instance/*")}, iam.Context{"aws:RequestedRegion": {"us-east-1"}}},
		"change the database":       of("rds:ModifyDBInstance", part("arn:aws:rds:eu-central-1:"+account+":db:perpetual-ci-database-x")),
		"delete the bucket":         of("s3:DeleteBucket", part("arn:aws:s3:::state")),
		"change another's stack":    of("cloudformation:CreateChangeSet", part("arn:aws:cloudformation:eu-central-1:"+account+":stack/perpetual-other/x")),
		"change records of another": records("Z9", []string{"UPSERT"}, []string{"A"}, []string{"ci.example.com"}),
		"use a key outside of S3":   of("kms:Decrypt", part(everything().StateKey)),
		"sign as the operator":      of("kms:Sign", part(keyARN("operator"))),
		"read the operator's":       wrapped("kms:Decrypt", "state", "ci"),
		"open a port":               of("ec2:AuthorizeSecurityGroupIngress", part(p.arn("security-group/sg-1"))),
	}, false)
}
