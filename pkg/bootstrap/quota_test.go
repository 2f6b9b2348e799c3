package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

func TestDeploy_asksForQuotasBeforeAnythingIsMade(t *testing.T) {
	c := newCloud()
	c.quotas.Short = []string{`quota "VPCs per Region": 5 allowed, 5 in use`, "another"}
	at := c.deploy(t, given())
	if want := `nothing was created: quota "VPCs per Region": 5 allowed, 5 in use; another`; !strings.HasSuffix(at.Error(), want) {
		t.Errorf("got %v, want %q", at, want)
	}
	if made := c.written(); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
	want := quota.Needs{Addresses: 3, VPCs: 1, OnDemand: map[string]int{"t3.medium": 1, "t3.small": 1, "m6a.xlarge": 2}, Spot: map[string]int{"m6a.xlarge": 1}}
	if diff := cmp.Diff([]quota.Needs{want}, c.needs); diff != "" {
		t.Errorf("the needs: %s", diff)
	}
	cfg := given()
	cfg.Upgrade.WorkerTag = "up"
	c.deploy(t, cfg)
	if n := c.needs[1].OnDemand["t3.medium"]; n != 2 {
		t.Errorf("with a worker for upgrades %d instances of the director's type are asked for", n)
	}
	i, _ := c.install(t, given())
	if _, err := i.Plan(t.Context(), bootstrap.Options{}); err == nil || !strings.Contains(err.Error(), "VPCs per Region") {
		t.Errorf("plan: %v", err)
	}
}

func TestDeploy_goesOnWithoutQuotasThatItMayNotSee(t *testing.T) {
	c := newCloud()
	c.quotas = quota.Answer{Unknown: []string{"not looked at: x"}, Notes: []string{"workers will be on-demand"}}
	i, shown := c.install(t, given())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.Is(err, errNoDirector) {
		t.Errorf("got %v", err)
	}
	for _, line := range append(c.quotas.Unknown, c.quotas.Notes...) {
		if !slices.Contains(shown.lines, "warning: "+line) {
			t.Errorf("said %q, want %q in it", shown.lines, line)
		}
	}
	if len(c.needs) != 1 {
		t.Errorf("asked %d times", len(c.needs))
	}
}

// What an installation has made already counts as used: its own things are no reason to
// refuse the next run, whatever a run that was killed has kept of them.
func TestDeploy_asksForQuotasOnlyWhileNothingIsThere(t *testing.T) {
	c := newCloud()
	c.fail["stack"] = errBroken
	c.deploy(t, given())
	c.quotas.Short = []string{"too low"}
	if at := c.deploy(t, given()); !strings.Contains(at.Error(), "too low") {
		t.Errorf("after a stack that failed: %v", at)
	}
	c.quotas.Short, c.fail = nil, map[string]error{"vm": errBroken}
	c.deploy(t, given())
	c.quotas.Short, c.needs, c.fail = []string{"too low"}, nil, map[string]error{}
	if at := c.deploy(t, given()); !errors.Is(at, errNoDirector) || len(c.needs) > 0 {
		t.Errorf("with a stack: %v, asked for %+v", at, c.needs)
	}
}

func TestDeploy_refusesAForeignKeyPairBeforeAnythingIsMade(t *testing.T) {
	for owner, want := range map[string]string{"": "that Perpetual has not made", "ci": "that an earlier stack of this installation has left", "prod": "of installation prod"} {
		c := newCloud()
		c.keyPair, c.keyOwner = "perpetual-ci", owner
		at := c.deploy(t, given())
		if made := c.written(); len(made) > 0 || !strings.Contains(at.Error(), want) || !strings.Contains(at.Error(), "aws ec2 delete-key-pair --region eu-central-1 --key-name perpetual-ci") {
			t.Errorf("%q: %v, made %v", owner, at, made)
		}
		c.keyPair = ""
		c.deploy(t, given())
		c.keyPair = "perpetual-ci" // the stack's own
		if at := c.deploy(t, given()); !errors.Is(at, errNoDirector) {
			t.Errorf("with a stack: %v", at)
		}
	}
}
