package aws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"

	adapter "github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// TestCloud_refusesWhatPoliciesDoNotAllow asks each service by the real client.
func TestCloud_refusesWhatPoliciesDoNotAllow(t *testing.T) {
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["ssm:*Parameter*", "ssm:*Tags*"], "Resource": "arn:aws:ssm:eu-central-1:123456789012:parameter/perpetual/ci/*"},
		{"Effect": "Allow", "Action": ["s3:*"], "NotResource": "arn:aws:s3:::other*"},
		{"Effect": "Deny", "Action": "s3:TagResource", "Resource": "arn:aws:s3:::untagged"},
		{"Effect": "Deny", "Action": "s3:DeleteObjectVersion", "Resource": "arn:aws:s3:::kept/*"},
		{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::kept/secret.json"},
		{"Effect": "Deny", "Action": "ssm:AddTagsToResource", "Resource": "arn:aws:ssm:eu-central-1:123456789012:parameter/perpetual/ci/untagged"},
		{"Effect": "Allow", "Action": "kms:GetPublicKey", "Resource": "arn:aws:kms:eu-central-1:123456789012:key/` + aws.FirstKMSKey + `"},
		{"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "arn:aws:kms:eu-central-1:123456789012:key/00000003-*"},
		{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*", "Condition": {"StringEquals": {"kms:EncryptionContext:perpetual:name": "ci"}}},
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
		a, err := account.Open(t.Context(), login.Options{
			CACert: cloud.CA(), Env: func(name string) string { return env[name] }, Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond}, Timeout: 20 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	here, far := in("eu-central-1"), in("eu-west-1")
	tags := map[string]string{"perpetual:name": "ci"}
	cloud.AddBucket("kept", aws.Bucket{Tags: tags})
	cloud.AddBucket("locked", aws.Bucket{Tags: tags, Encryption: "<KMSMasterKeyID>arn:aws:kms:eu-central-1:123456789012:key/1</KMSMasterKeyID>"})
	for _, name := range []string{"kept", "locked"} {
		cloud.PutObject(name, "state.json", "{}")
	}
	for _, alias := range []string{"alias/ours", "alias/theirs"} {
		if _, err := cloud.AddKMSKey(aws.KMSKey{Aliases: []string{alias}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cloud.AddKMSKey(aws.KMSKey{Spec: "SYMMETRIC_DEFAULT", Aliases: []string{"alias/state"}}); err != nil {
		t.Fatal(err)
	}
	encrypt := func(name string) error {
		key, err := here.EncryptionKey(t.Context(), "alias/state")
		if err == nil {
			_, err = key.Encrypt(t.Context(), []byte("x"), map[string]string{"perpetual:name": name})
		}
		return err
	}
	sign := func() error {
		key, err := here.SigningKey(t.Context(), "alias/ours")
		if err == nil {
			_, err = key.Sign(t.Context(), []byte("x"))
		}
		return err
	}
	store := func(name string) *bucket.Bucket {
		b, err := bucket.New(bucket.Options{
			Bucket: name, Region: "eu-central-1", Endpoint: cloud.Env()["AWS_ENDPOINT_URL_S3"], PathStyle: true, CACert: cloud.CA(), Env: func(name string) string { return cloud.Env()[name] },
			Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond}, Timeout: 20 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(name string) error {
		_, err := here.PutParameter(t.Context(), name, secret.New("x"), tags)
		return err
	}
	bucket := func(name string) statebucket.Spec {
		return statebucket.Spec{Name: name, Tags: tags, Owner: "perpetual:name"}
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
		"a bucket with tags, without the right to tag":        {func() error { _, err := here.EnsureBucket(t.Context(), bucket("untagged")); return err }, "s3:TagResource"},
		"a parameter with tags, and without the right to tag": {func() error { return put("/perpetual/ci/untagged") }, "ssm:AddTagsToResource"},
		"a parameter with tags":                               {func() error { return put("/perpetual/ci/tagged") }, ""},
		"objects that are deleted with their bucket":          {func() error { return here.DeleteBucket(t.Context(), bucket("kept")) }, "s3:DeleteObjectVersion"},
		"an object":                     {func() error { _, err := store("kept").Get(t.Context(), "state.json"); return err }, ""},
		"another object":                {func() error { _, err := store("kept").Get(t.Context(), "secret.json"); return err }, "s3:GetObject"},
		"an object, without its key":    {func() error { _, err := store("locked").Get(t.Context(), "state.json"); return err }, "kms:Decrypt"},
		"a new object, without its key": {func() error { _, err := store("locked").Put(t.Context(), "new.json", []byte("{}"), ""); return err }, "kms:GenerateDataKey"},
		"a key that signs":              {func() error { _, err := here.SigningKey(t.Context(), "alias/ours"); return err }, ""},
		"another, by its alias":         {func() error { _, err := here.SigningKey(t.Context(), "alias/theirs"); return err }, "kms:GetPublicKey"},
		"to sign":                       {sign, "kms:Sign"},
		"a key that encrypts":           {func() error { return encrypt("ci") }, ""},
		"to encrypt for another":        {func() error { return encrypt("other") }, "kms:Encrypt"},
		"a key that signs, to encrypt":  {func() error { _, err := here.EncryptionKey(t.Context(), "alias/ours"); return err }, "kms:DescribeKey"},
		"keys":                          {func() error { _, err := here.AccessKeys(t.Context(), "perpetual-ci-PipelineUser"); return err }, ""},
		"keys of another":               {func() error { _, err := here.AccessKeys(t.Context(), "ada"); return err }, "iam:ListAccessKeys"},
		"what is not named":             {func() error { _, err := here.Tagged(t.Context(), "perpetual:name", "ci"); return err }, "tag:GetResources"},
	} {
		t.Run(title, func(t *testing.T) {
			err := c.call()
			if c.denied == "" {
				if errors.Is(err, adapter.ErrDenied) || strings.Contains(fmt.Sprint(err), "not authorized") {
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
