package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	"github.com/perpetual-ci/perpetual/pkg/aws/quota"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Temporary keys end in the middle of a run, at any service.
func TestAccount_saysThatKeysExpiredWhateverTheService(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	if _, err := a.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Expired = true })
	for call, run := range everyCall(a) {
		err := run(t.Context())
		if !errors.Is(err, aws.ErrCredentials) || !strings.Contains(err.Error(), "run the same command again") {
			t.Errorf("%s: %v", call, err)
		}
		logintest.Clean(t, err)
	}
}

func TestAccount_namesThePermissionThatIsMissing(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.Cloud.AddSubnet(sandbox.Subnet{ID: "subnet-1", VPC: "vpc-1", Zone: "eu-central-1a", CIDR: "10.0.0.0/24"})
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Deny = []string{"*:*"} })
	a := w.open(t)
	for call, action := range map[string]string{
		"zones": "ec2:DescribeAvailabilityZones", "offerings": "ec2:DescribeInstanceTypeOfferings", "types": "ec2:DescribeInstanceTypes",
		"subnets": "ec2:DescribeSubnets", "hosted zone": "route53:ListHostedZonesByName", "key pair": "ec2:DescribeKeyPairs", "bucket": "s3:GetBucketTagging",
		"delete bucket": "s3:GetBucketTagging", "put": "ssm:GetParameter", "get": "ssm:GetParameter", "delete parameters": "ssm:GetParametersByPath", "tagged": "tag:GetResources",
		"keys": "iam:ListAccessKeys", "instances": "ec2:DescribeInstances", "volumes": "ec2:DescribeVolumes", "images": "ec2:DescribeImages",
	} {
		err := everyCall(a)[call](t.Context())
		if !errors.Is(err, aws.ErrDenied) || !strings.Contains(err.Error(), "allow "+action+" to the user or role") {
			t.Errorf("%s: %v", call, err)
		}
		logintest.Clean(t, err)
	}
	w.Cloud.Faults["ec2"].Add(w.Cloud.Refusal("ec2", 403, "UnauthorizedOperation", "User: x is not authorized to perform: ec2:DescribeImages with an explicit deny in a service control policy"))
	if _, err := a.Images(t.Context(), []string{"ami-1"}); err == nil || !strings.Contains(err.Error(), "ask who administers the account") {
		t.Errorf("denied by the organization: %v", err)
	}
}

const bucketName = "perpetual-ci-123456789012-eu-central-1"

func bucketSpec() statebucket.Spec {
	return statebucket.Spec{Name: bucketName, Owner: "perpetual:name", Tags: map[string]string{"perpetual:name": "ci"}}
}

// everyCall is each call that sends something, with usable arguments.
func everyCall(a *account.Account) map[string]func(context.Context) error {
	spec := bucketSpec()
	tags := map[string]string{"perpetual:name": "ci"}
	return map[string]func(context.Context) error{
		"keys":      func(ctx context.Context) error { _, err := a.AccessKeys(ctx, "ada"); return err },
		"instances": func(ctx context.Context) error { _, err := a.Instances(ctx, []string{"i-1"}); return err },
		"volumes":   func(ctx context.Context) error { _, err := a.Volumes(ctx, []string{"vol-1"}); return err },
		"images":    func(ctx context.Context) error { _, err := a.Images(ctx, []string{"ami-1"}); return err },
		"identity":  func(ctx context.Context) error { _, err := a.Identity(ctx); return err },
		"region":    a.CheckRegion,
		"zones":     func(ctx context.Context) error { _, err := a.Zones(ctx); return err },
		"offerings": func(ctx context.Context) error { _, err := a.Offerings(ctx, []string{"t3.small"}); return err },
		"types":     func(ctx context.Context) error { _, err := a.InstanceTypes(ctx, []string{"t3.small"}); return err },
		"subnets":   func(ctx context.Context) error { _, err := a.Subnets(ctx, []string{"subnet-1"}); return err },
		"key pair":  func(ctx context.Context) error { _, _, err := a.KeyPair(ctx, "perpetual-ci"); return err },
		"quotas": func(ctx context.Context) error {
			found, err := a.Quotas(ctx, quota.Needs{Addresses: 1, VPCs: 1, OnDemand: map[string]int{"t3.small": 1}})
			if err == nil && len(found.Unknown) > 0 { // no error, as an install goes on
				err = errors.New(strings.Join(found.Unknown, "; "))
			}
			return err
		},
		"hosted zone":   func(ctx context.Context) error { _, _, err := a.HostedZone(ctx, "ci.example.com"); return err },
		"bucket":        func(ctx context.Context) error { _, err := a.EnsureBucket(ctx, spec); return err },
		"bucket exists": func(ctx context.Context) error { _, err := a.BucketExists(ctx, spec); return err },
		"delete bucket": func(ctx context.Context) error { return a.DeleteBucket(ctx, spec) },
		"put": func(ctx context.Context) error {
			_, err := a.PutParameter(ctx, "/perpetual/ci/x", secret.New("secret-canary"), tags)
			return err
		},
		"get":               func(ctx context.Context) error { _, err := a.GetParameter(ctx, "/perpetual/ci/x"); return err },
		"delete parameters": func(ctx context.Context) error { _, err := a.DeleteParameters(ctx, "/perpetual/ci"); return err },
		"tagged":            func(ctx context.Context) error { _, err := a.Tagged(ctx, "perpetual:name", "ci"); return err },
	}
}

// What a call reads comes through whatever happens once at the wire.
func TestAccount_asksAgainWhatFailedOnTheWay(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Refuse}, {Kind: fault.ResetBefore}, {Kind: fault.DropReply}, {Kind: fault.ResetAfter}, {Kind: fault.CutBody, Bytes: 20}, {Kind: fault.Status, Code: 503}, {Kind: fault.Status, Code: 500},
	} {
		t.Run(f.Kind.String(), func(t *testing.T) {
			w := newWorld(t, sandbox.Options{Images: []string{"ami-1"}})
			w.Cloud.AddSubnet(sandbox.Subnet{ID: "subnet-1", VPC: "vpc-1", Zone: "eu-central-1a", CIDR: "10.0.0.0/24"})
			w.Cloud.SetParameter("/perpetual/ci/x", sandbox.Parameter{Type: "SecureString", Value: "v"})
			a := w.open(t)
			for call, run := range everyCall(a) {
				for _, script := range w.Cloud.Faults {
					script.Clear()
					script.Add(f)
				}
				if err := run(t.Context()); err != nil && !(call == "get" && errors.Is(err, aws.ErrNotFound)) {
					t.Errorf("%s: %v", call, err)
				}
			}
			if len(w.Said) == 0 {
				t.Error("nothing was said of the waits")
			}
			for _, line := range w.Said {
				logintest.Clean(t, errors.New(line))
			}
		})
	}
}

func TestAccount_endsWhenNothingHelps(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		text  string
	}{
		"lost":    {fault.Fault{Kind: fault.DropReply}, "reach 127.0.0.1"},
		"down":    {fault.Fault{Kind: fault.Status, Code: 503, Body: "<html>down</html>"}, "answered 503"},
		"garbage": {fault.Fault{Kind: fault.Garbage}, ""},
		"a login": {fault.Fault{Kind: fault.HTML, Code: 200}, "the answer is a web page"},
		"a proxy": {fault.Fault{Kind: fault.HTML, Code: 403}, "answered 403"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			c.fault.Times = -1
			for _, script := range w.Cloud.Faults {
				script.Add(c.fault)
			}
			for call, run := range everyCall(w.open(t)) {
				err := run(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.text) || errors.Is(err, aws.ErrNotFound) || errors.Is(err, statebucket.ErrForeign) {
					t.Errorf("%s: %v", call, err)
				}
				logintest.Clean(t, err)
			}
			if n := w.Cloud.Writes(); n != 0 && name != "lost" {
				t.Errorf("%d writes", n)
			}
		})
	}
}

func TestAccount_saysThatAWSThrottles(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	busy := w.Cloud.Refusal("ec2", 503, "RequestLimitExceeded", "Request limit exceeded.")
	busy.Times = 2
	w.Cloud.Faults["ec2"].Add(busy)
	a := w.open(t)
	if _, err := a.Zones(t.Context()); err != nil || len(w.Said) != 2 || !strings.Contains(w.Said[0], "RequestLimitExceeded") {
		t.Errorf("after two refusals: %v, said %q", err, w.Said)
	}
	busy.Times = -1
	w.Cloud.Faults["ec2"].Add(busy)
	if _, err := a.Zones(t.Context()); err == nil || !strings.Contains(err.Error(), "wait a minute and run the same command again") {
		t.Errorf("error %v", err)
	}
}

func TestAccount_endsWithItsContext(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("interrupted")
	w.Cloud.Faults["ec2"].Add(fault.Fault{Kind: fault.Hang, Times: -1, Before: func() { cancel(gone) }})
	if _, err := a.Zones(ctx); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

func TestAccount_trustsNoOtherCA(t *testing.T) {
	w, other := newWorld(t, sandbox.Options{}), newWorld(t, sandbox.Options{})
	a := w.open(t, func(o *login.Options) { o.CACert = other.CA })
	_, err := a.Identity(t.Context())
	if err == nil || !strings.Contains(err.Error(), "verify the certificate") {
		t.Errorf("error %v", err)
	}
	if len(w.Said) != 0 {
		t.Errorf("it asked again: %q", w.Said)
	}
}

func TestOpen_readsTheCABundle(t *testing.T) {
	w := newWorld(t, sandbox.Options{Dir: t.TempDir()})
	a := w.open(t, func(o *login.Options) { o.CACert = "" })
	if _, err := a.Identity(t.Context()); err != nil || a.Connection().CACert() != w.CA {
		t.Errorf("error %v", err)
	}
}

// The SDK signs again by the server's clock; what it cannot put right is said.
func TestAccount_worksThoughThisClockIsOff(t *testing.T) {
	for _, offset := range []time.Duration{-40 * time.Minute, 40 * time.Minute} {
		w := newWorld(t, sandbox.Options{Images: []string{"ami-1"}})
		w.Cloud.AddSubnet(sandbox.Subnet{ID: "subnet-1", VPC: "vpc-1", Zone: "eu-central-1a", CIDR: "10.0.0.0/24"})
		w.Cloud.SetParameter("/perpetual/ci/x", sandbox.Parameter{Type: "SecureString", Value: "v"})
		w.Cloud.Shift(offset)
		a := w.open(t)
		for call, run := range everyCall(a) {
			if err := run(t.Context()); err != nil && !errors.Is(err, aws.ErrNotFound) {
				t.Errorf("%s: %v", call, err)
			}
		}
	}
}
