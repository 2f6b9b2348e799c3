package stack_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

const (
	account = "123456789012"
	ec2ARN  = "arn:aws:ec2:eu-central-1:" + account + ":"
	iamARN  = "arn:aws:iam::" + account + ":"
)

// scope is that of the installer's policy for the stacks of newWorld.
var scope = policy.Scope{
	Partition: "aws", Region: "eu-central-1", Account: account, Name: "ci", Bucket: "state",
	Domain: "ci.example.com", Zone: "Z0123456789ABC", KeyPair: "key-1", SigningKey: "operator", EncryptionKey: "state", Boundary: iamARN + "policy/boundary",
}

// installer is whoever has the policies that are shipped.
func installer(t *testing.T) iam.Set {
	t.Helper()
	set := iam.Set{Principal: iamARN + "user/ada"}
	for _, text := range policy.Installer(scope) {
		p, err := iam.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		set.Policies = append(set.Policies, p)
	}
	return set
}

// longest has names as long as they may be.
func longest() (string, layout.Parameters) {
	p := everything()
	p.Name = strings.Repeat("n", 30)
	p.ParameterPath, p.OwnPath = "/perpetual/"+p.Name, "/perpetual-own/"+p.Name
	p.StateBucket = strings.Repeat("b", 63)
	p.StateKey = "arn:aws:kms:ap-southeast-3:" + account + ":key/mrk-00000000000040008000000000000000"
	p.HostedZone = strings.Repeat("Z", 32)
	p.PipelineSubject = "perpetual/self-upgrade"
	p.Zones = []string{"ap-southeast-3a", "ap-southeast-3b", "ap-southeast-3c"}
	return "perpetual-" + p.Name, p
}

// TestPolicies_fitTheLimitsOfTheirKind: IAM counts what a principal has inline all
// together, and each managed policy by itself. The stack that is made by default has
// a user, who may have the least.
func TestPolicies_fitTheLimitsOfTheirKind(t *testing.T) {
	for title, issuer := range map[string]string{"role": "https://ci.example.com", "user": ""} {
		t.Run(title, func(t *testing.T) {
			w := newWorldOf(t, cloudformation.Options{Region: "ap-southeast-3"})
			name, p := longest()
			p.Issuer = issuer
			w.options.Name, w.options.Owner = name, p.Name
			w.stack = w.open(t)
			if _, err := w.deploy(t, p); err != nil {
				t.Fatal(err)
			}
			resources := w.cloud.State().Stacks[name].Resources
			inline, attached := map[string]int{}, map[string]int{}
			for id, r := range resources {
				for at, document := range policies(map[string]cloudformation.Live{id: r}) {
					size := sizeOf(t, document)
					owners := append(texts(r.Properties["Roles"]), texts(r.Properties["Users"])...)
					switch {
					case r.Type == "AWS::IAM::ManagedPolicy":
						if t.Logf("%s: %d of %d", at, size, iam.ManagedLimit); size > iam.ManagedLimit {
							t.Errorf("managed policy %s has %d characters: IAM takes %d", at, size, iam.ManagedLimit)
						}
						for _, owner := range owners {
							attached[owner]++
						}
						continue
					case len(owners) == 0:
						owners = []string{r.PhysicalID}
					}
					for _, owner := range owners {
						inline[owner] += size
					}
				}
			}
			for _, r := range resources {
				limit := map[string]int{"AWS::IAM::User": iam.InlineUserLimit, "AWS::IAM::Role": iam.InlineRoleLimit}[r.Type]
				if limit == 0 {
					continue
				}
				if n := inline[r.PhysicalID]; n > limit {
					t.Errorf("%s has %d characters of inline policies: IAM takes %d", r.LogicalID, n, limit)
				}
				if n := attached[r.PhysicalID]; n > iam.AttachedLimit {
					t.Errorf("%s has %d managed policies: IAM takes %d", r.LogicalID, n, iam.AttachedLimit)
				}
			}
			if len(inline)+len(attached) < 4 {
				t.Errorf("policies were found of %v and %v only", inline, attached)
			}
		})
	}
	_, p := longest()
	longest := policy.Scope{
		Partition: "aws-us-gov", Region: "ap-southeast-3", Account: account, Name: p.Name, Bucket: p.StateBucket, Domain: strings.Repeat("d", 253),
		Zone: p.HostedZone, KeyPair: "key-0123456789abcdef0", SigningKey: "mrk-00000000000040008000000000000000", EncryptionKey: "mrk-00000000000040008000000000000000", Boundary: "arn:aws-us-gov:iam::" + account + ":policy/PerpetualBoundary-" + p.Name,
	}
	for i, document := range append(policy.Installer(longest), policy.Boundary(longest)) {
		n := sizeOf(t, string(document))
		if t.Logf("installer's policy %d: %d of %d", i+1, n, iam.ManagedLimit); n > iam.ManagedLimit {
			t.Errorf("the installer's policy %d has %d characters: IAM takes %d", i+1, n, iam.ManagedLimit)
		}
	}
}

// sizeOf is the length of a policy where the partition's name is the longest.
func sizeOf(t *testing.T, document any) int {
	t.Helper()
	n, err := iam.Size(document)
	if err != nil {
		t.Fatal(err)
	}
	return n + len("-us-gov")*strings.Count(fmt.Sprint(document), "arn:aws:")
}

// actors are the principals of a stack with everything, by what they are.
func actors(t *testing.T, w *world) map[string]iam.Set {
	t.Helper()
	out := map[string]iam.Set{}
	for who, id := range map[string]string{"director": "DirectorRole", "web": "WebRole", "worker": "WorkerRole", "pipeline": "PipelineRole"} {
		out[who] = principal(t, w, "role", id)
	}
	out["reader"] = principal(t, w, "user", "ReaderUser")
	out["installer"] = installer(t)
	return out
}

// TestPolicies_haveNothingIdle: what is not an action, or on a resource or with a key that
// the action does not know, is a mistake that IAM keeps to itself.
func TestPolicies_haveNothingIdle(t *testing.T) {
	w := newWorld(t)
	w.made(t, everything())
	for name, set := range actors(t, w) {
		for _, p := range set.Policies {
			for _, problem := range iam.Idle(p) {
				t.Errorf("%s: %s", name, problem)
			}
		}
	}
}

// TestInstallerPolicy_isEnoughForTheWholeLife makes, changes and deletes stacks of all
// kinds with the rights of the shipped policy only.
func TestInstallerPolicy_isEnoughForTheWholeLife(t *testing.T) {
	for title, p := range map[string]layout.Parameters{"everything": everything(), "ordinary": parameters(), "little": little()} {
		t.Run(title, func(t *testing.T) {
			w := newWorldOf(t, cloudformation.Options{})
			w.judge = installer(t).Allows
			p.PermissionsBoundary = scope.Boundary
			w.made(t, p)
			p.WebCIDRs = []string{"192.0.2.0/24"}
			p.DatabaseStorage, p.Domain, p.HostedZone = 60, scope.Domain, scope.Zone
			w.options.Tags = map[string]string{"cost": "42"} // and without the one that was there
			w.stack = w.open(t)
			w.made(t, p)
			if _, err := w.stack.Delete(t.Context(), true); err != nil {
				t.Errorf("delete the stack: %v", err)
			}
			if state := w.state(); state != "" {
				t.Errorf("the stack is %s", state)
			}
		})
	}
}

// TestInstallerPolicies_boundAnInstallationThatIsNot: one that was made without a boundary
// gets one, and none is made without.
func TestInstallerPolicies_boundAnInstallationThatIsNot(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	w.made(t, p)
	w.judge = installer(t).Allows
	p.PermissionsBoundary = scope.Boundary
	w.made(t, p)
	for _, id := range []string{"DirectorRole", "WebRole", "WorkerRole", "PipelineUser", "ReaderUser"} {
		if have := w.there(t).Resources[id].Properties["PermissionsBoundary"]; have != scope.Boundary {
			t.Errorf("%s is bounded by %v", id, have)
		}
	}
	p.PermissionsBoundary = ""
	_, err := w.deploy(t, p)
	says(t, err, "not authorized to perform: iam:Delete", "PermissionsBoundary")
	unbounded := newWorld(t)
	unbounded.judge = installer(t).Allows
	_, err = unbounded.deploy(t, p)
	says(t, err, "not authorized to perform: iam:Create", "nothing of it is left", "et aws.permissions_boundary")
}

// TestUpgradePolicy_endsAtTheRest changes with the pipeline's own rights what it may not:
// CloudFormation refuses each at the first call that it has no right to.
func TestUpgradePolicy_endsAtTheRest(t *testing.T) {
	for action, change := range map[string]func(p *layout.Parameters){
		"ec2:AuthorizeSecurityGroupIngress": func(p *layout.Parameters) { p.DirectorCIDRs = []string{"0.0.0.0/0"} },
		"ec2:RevokeSecurityGroupIngress":    func(p *layout.Parameters) { p.WebPort = 8443 },
		"rds:ModifyDBInstance":              func(p *layout.Parameters) { p.DatabaseStorage = 50 },
		"iam:":                              func(p *layout.Parameters) { p.PermissionsBoundary = iamARN + "policy/other" },
	} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			p := parameters()
			w.made(t, p)
			set, there, err := w.cloud.Principal("user", w.there(t).Resources["PipelineUser"].PhysicalID)
			if err != nil || !there {
				t.Fatal(err)
			}
			set.Principal = iamARN + "user/pipeline"
			w.judge = func(r iam.Request) error { // a rule that is made and not one that goes is refused first
				if action == "ec2:RevokeSecurityGroupIngress" && r.Action == "ec2:AuthorizeSecurityGroupIngress" {
					return nil
				}
				return set.Allows(r)
			}
			change(&p)
			_, err = w.deploy(t, p)
			says(t, err, "not authorized to perform: "+action)
			if state := w.state(); !regexp.MustCompile("^UPDATE_ROLLBACK_").MatchString(state) {
				t.Errorf("the stack is %s", state)
			}
		})
	}
}
