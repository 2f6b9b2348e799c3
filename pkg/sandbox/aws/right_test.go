package aws_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// TestCloud_refusesWhatPoliciesDoNotAllow asks each service by the real client.
func TestCloud_refusesWhatPoliciesDoNotAllow(t *testing.T) {
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["ssm:*Parameter*", "ssm:*Tags*"], "Resource": "arn:aws:ssm:eu-central-1:123456789012:parameter/perpetual/ci/*"},
		{"Effect": "Allow", "Action": ["s3:*"], "NotResource": "arn:aws:s3:::other*"},
		{"Effect": "Deny", "Action": "s3:TagResource", "Resource": "arn:aws:s3:::untagged"},
		{"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/perpetual-ci-*"},
		{"Effect": "Allow", "Action": ["ec2:DescribeRegions", "ec2:DescribeAvailabilityZones"], "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	cloud, _, _ := start(t, aws.Options{})
	cloud.ChangeKey(aws.AccessKey, func(k *aws.Key) { k.Policies = []iam.Policy{policy} })
	in := func(region string) *account.Account {
		env := cloud.Env()
		env["AWS_REGION"] = region
		a, err := account.Open(t.Context(), account.Options{
			CACert: cloud.CA(), Env: func(name string) string { return env[name] }, Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond}, Timeout: 20 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	here, far := in("eu-central-1"), in("eu-west-1")
	bucket := func(name string) account.BucketSpec {
		return account.BucketSpec{Name: name, Tags: map[string]string{"perpetual:name": "ci"}, Owner: "perpetual:name"}
	}
	for title, c := range map[string]struct {
		call   func() error
		denied string // the action; empty: it is allowed
	}{
		"a parameter":                   {func() error { _, err := here.GetParameter(t.Context(), "/perpetual/ci/x"); return err }, ""},
		"another's parameter":           {func() error { _, err := here.GetParameter(t.Context(), "/perpetual/other/x"); return err }, "ssm:GetParameter"},
		"a path that is not below":      {func() error { _, err := here.DeleteParameters(t.Context(), "/perpetual/ci"); return err }, "ssm:GetParametersByPath"},
		"a parameter in another region": {func() error { _, err := far.GetParameter(t.Context(), "/perpetual/ci/x"); return err }, "ssm:GetParameter"},
		"a bucket":                      {func() error { _, err := here.EnsureBucket(t.Context(), bucket("state")); return err }, ""},
		"another bucket":                {func() error { _, err := here.EnsureBucket(t.Context(), bucket("other")); return err }, "s3:GetBucketTagging"},
		"a bucket with tags, without the right to tag": {func() error { _, err := here.EnsureBucket(t.Context(), bucket("untagged")); return err }, "s3:TagResource"},
		"keys":              {func() error { _, err := here.AccessKeys(t.Context(), "perpetual-ci-PipelineUser"); return err }, ""},
		"keys of another":   {func() error { _, err := here.AccessKeys(t.Context(), "ada"); return err }, "iam:ListAccessKeys"},
		"what is not named": {func() error { _, err := here.Tagged(t.Context(), "perpetual:name", "ci"); return err }, "tag:GetResources"},
	} {
		t.Run(title, func(t *testing.T) {
			err := c.call()
			if c.denied == "" {
				if errors.Is(err, account.ErrDenied) {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "not authorized to perform: "+c.denied) {
				t.Errorf("it is answered with %v", err)
			}
		})
	}
}
