package aws_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

func TestCaller_isToldWhatItsPolicyAllows(t *testing.T) {
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::state/*"},
		{"Effect": "Allow", "Action": "s3:ListBucketVersions", "Resource": "arn:aws:s3:::state"},
		{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::state/run/*"},
		{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:123456789012:parameter/own/*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	cloud, _, _ := start(t, aws.Options{})
	cloud.SetKey("AKIATHIEF", aws.Key{Secret: "secret", ARN: "arn:aws:iam::123456789012:user/thief", Policies: []iam.Policy{policy}})
	admin, thief := cloud.Caller(aws.AccessKey, aws.SecretKey), cloud.Caller("AKIATHIEF", "secret")
	cloud.AddBucket("state", aws.Bucket{})
	cloud.SetParameter("/own/one", aws.Parameter{Value: "1"})
	cloud.SetParameter("/other/two", aws.Parameter{Value: "2"})

	if err := thief.PutObject(t.Context(), "state", "run/record.json", "{}"); err != nil {
		t.Errorf("write what it may: %v", err)
	}
	if text, err := thief.Object(t.Context(), "state", "run/record.json"); text != "{}" || err != nil {
		t.Errorf("read what it may: %q, %v", text, err)
	}
	if value, err := thief.Parameter(t.Context(), "/own/one"); value != "1" || err != nil {
		t.Errorf("read the parameter that it may: %q, %v", value, err)
	}
	if err := admin.PutObject(t.Context(), "state", "operator/a b.json", "mine"); err != nil {
		t.Errorf("write as somebody else: %v", err)
	}
	if err := thief.PutObject(t.Context(), "state", "operator/a b.json", "theirs"); !aws.Denied(err) {
		t.Errorf("write what it may not: %v", err)
	}
	if text := cloud.Object("state", "operator/a%20b.json"); text != "mine" {
		t.Errorf("the object is %q", text)
	}
	if value, err := thief.Parameter(t.Context(), "/other/two"); value != "" || !aws.Denied(err) {
		t.Errorf("read the parameter that it may not: %q, %v", value, err)
	}

	var refused *aws.Refused
	_, err = thief.Object(t.Context(), "state", "run/none.json")
	if aws.Denied(err) || !errors.As(err, &refused) || refused.Status != 404 || refused.Code != "NoSuchKey" {
		t.Errorf("an object that is not there: %v", err)
	}
	_, err = cloud.Caller("AKIATHIEF", "wrong").Object(t.Context(), "state", "run/record.json")
	if aws.Denied(err) || !errors.As(err, &refused) || refused.Code != "SignatureDoesNotMatch" {
		t.Errorf("with another secret: %v", err)
	}
}

func TestCaller_readsTheVersionsOfAnObject(t *testing.T) {
	cloud, _, _ := start(t, aws.Options{})
	admin := cloud.Caller(aws.AccessKey, aws.SecretKey)
	cloud.AddBucket("state", aws.Bucket{})
	cloud.KeepVersions("state")
	for _, body := range []string{"first", "second", "third"} {
		if err := admin.PutObject(t.Context(), "state", "one.json", body); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.PutObject(t.Context(), "state", "one.json.old", "another"); err != nil {
		t.Fatal(err)
	}
	bodies, err := admin.Versions(t.Context(), "state", "one.json")
	slices.Sort(bodies)
	if want := []string{"first", "second", "third"}; err != nil || !slices.Equal(bodies, want) {
		t.Errorf("versions %q, %v, want %q", bodies, err, want)
	}
}
