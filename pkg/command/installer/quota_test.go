package installer_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

func TestDeploy_makesNothingInAnAccountWithoutRoom(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.AWS.SetUse(3, 5, 5)
	p.AWS.SetQuota("L-1216C47A", 5) // as of a new account
	for _, verb := range []string{"plan", "deploy"} {
		q := p.run(t, verb)
		if q.code != 1 || q.stdout != "" || p.AWS.Writes() != 0 {
			t.Errorf("%s: code %d, %d writes, stdout %q", verb, q.code, p.AWS.Writes(), q.stdout)
		}
		for _, want := range []string{
			"nothing was created", `quota "EC2-VPC Elastic IPs" (L-0263D0A3) in eu-central-1: 5 allowed, 3 in use, 3 more needed`,
			`"VPCs per Region" (L-F678F1CE) in eu-central-1: 5 allowed, 5 in use, 1 more needed`,
			"instances\" (L-1216C47A) in eu-central-1: 5 allowed, 0 in use, 12 more needed",
			"aws service-quotas request-service-quota-increase --region eu-central-1 --service-code ec2 --quota-code L-1216C47A --desired-value 12",
		} {
			if !strings.Contains(q.stderr, want) {
				t.Errorf("%s does not say %q:\n%s", verb, want, q.stderr)
			}
		}
	}
}

func TestPlan_goesOnWithoutTheRightToSeeQuotas(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.AWS.ChangeKey(aws.AccessKey, func(k *aws.Key) { k.Deny = append(k.Deny, "servicequotas:*") })
	q := p.run(t, "plan")
	if q.code != installer.ExitChanges || !strings.Contains(q.stderr, "allow servicequotas:GetServiceQuota to the user or role") {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
}

func TestDeploy_makesNothingNextToAForeignKeyPair(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.AWS.AddKeyPair("perpetual-ci", nil)
	for _, verb := range []string{"plan", "deploy"} {
		q := p.run(t, verb)
		if q.code != 1 || q.stdout != "" || p.AWS.Writes() != 0 || !strings.Contains(q.stderr, "there is a key pair perpetual-ci in eu-central-1 already") {
			t.Errorf("%s: code %d, %d writes, stdout %q, stderr %s", verb, q.code, p.AWS.Writes(), q.stdout, q.stderr)
		}
	}
}
