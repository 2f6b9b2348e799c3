package statebucket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/state"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

const bucketName = "perpetual-ci-123456789012-eu-central-1"

func bucketSpec() statebucket.Spec {
	return statebucket.Spec{Name: bucketName, Owner: "perpetual:name", Tags: map[string]string{"perpetual:name": "ci", "team": "infra"}}
}

// asItShouldBe fails the test unless the bucket is private, encrypted,
// versioned, tagged, and refuses plain HTTP.
func (w *world) asItShouldBe(t *testing.T, algorithm string) {
	t.Helper()
	b, found := w.Cloud.Bucket(bucketName)
	if !found || b.Region != "eu-central-1" || b.Account != "123456789012" {
		t.Fatalf("bucket %+v, %v", b, found)
	}
	if b.Tags["perpetual:name"] != "ci" || b.Tags["team"] != "infra" {
		t.Errorf("tags %v", b.Tags)
	}
	for text, wanted := range map[string][]string{
		b.PublicAccessBlock: {"<BlockPublicAcls>true", "<IgnorePublicAcls>true", "<BlockPublicPolicy>true", "<RestrictPublicBuckets>true"},
		b.OwnershipControls: {"BucketOwnerEnforced"},
		b.Encryption:        {algorithm},
		b.Lifecycle:         {"<NoncurrentDays>90</NoncurrentDays>", "<Status>Enabled</Status>", "<ExpiredObjectDeleteMarker>true"},
		b.Policy:            {`"Sid":"PerpetualTLSOnly"`, `"Effect":"Deny"`, `"aws:SecureTransport":"false"`, `"arn:aws:s3:::` + bucketName + `/*"`, `"Principal":"*"`},
	} {
		for _, part := range wanted {
			if !strings.Contains(text, part) {
				t.Errorf("%q lacks %q", text, part)
			}
		}
	}
	if !w.Cloud.Versioned(bucketName) {
		t.Error("it is not versioned")
	}
}

func TestEnsureBucket_makesItOnce(t *testing.T) {
	for _, region := range []string{"eu-central-1", "us-east-1"} {
		w := newWorld(t, sandbox.Options{Region: region})
		a, spec := w.open(t), bucketSpec()
		created, err := a.EnsureBucket(t.Context(), spec)
		if err != nil || !created {
			t.Fatalf("%s: %v, %v", region, created, err)
		}
		if region == "eu-central-1" {
			w.asItShouldBe(t, "AES256")
		}
		writes := w.Cloud.Writes()
		if created, err := a.EnsureBucket(t.Context(), spec); err != nil || created || w.Cloud.Writes() != writes {
			t.Errorf("%s: the second run wrote %d times: %v, %v", region, w.Cloud.Writes()-writes, created, err)
		}
		if exists, err := a.BucketExists(t.Context(), spec); err != nil || !exists {
			t.Errorf("%s: exists %v, %v", region, exists, err)
		}
	}
}

func TestEnsureBucket_putsRightWhatSomeoneChanged(t *testing.T) {
	ours := map[string]string{"perpetual:name": "ci", "team": "infra", "theirs": "kept"}
	w := newWorld(t, sandbox.Options{})
	w.Cloud.AddBucket(bucketName, sandbox.Bucket{
		Tags: map[string]string{"perpetual:name": "ci", "theirs": "kept"}, OwnershipControls: "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>",
		PublicAccessBlock: "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
		Policy:            `{"Version":"2012-10-17","Statement":{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::x/*"}}`,
	})
	spec := bucketSpec()
	spec.KMSKey = "arn:aws:kms:eu-central-1:123456789012:key/1"
	if created, err := w.open(t).EnsureBucket(t.Context(), spec); err != nil || created {
		t.Fatal(created, err)
	}
	w.asItShouldBe(t, "<SSEAlgorithm>aws:kms</SSEAlgorithm>")
	b, _ := w.Cloud.Bucket(bucketName)
	if !strings.Contains(b.Encryption, spec.KMSKey) || !strings.Contains(b.Policy, `"Sid":"Theirs"`) || cmp.Diff(ours, b.Tags) != "" {
		t.Errorf("bucket %+v", b)
	}
	writes := w.Cloud.Writes()
	if _, err := w.open(t).EnsureBucket(t.Context(), spec); err != nil || w.Cloud.Writes() != writes {
		t.Errorf("a second run wrote %d times, %v", w.Cloud.Writes()-writes, err)
	}
}

// Rules that somebody else has made stay, and one of theirs for all old versions is
// enough, whatever its number of days.
func TestEnsureBucket_keepsTheRulesOfOthers(t *testing.T) {
	const theirs = `<Rule><ID>theirs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>7</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`
	const off = `<Rule><ID>off</ID><Filter></Filter><Status>Disabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`
	const whole = `<Rule><ID>whole</ID><Filter></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>400</NoncurrentDays></NoncurrentVersionExpiration></Rule>`
	const old = `<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`
	for rules, added := range map[string]bool{theirs: true, off: true, old: true, theirs + off + old: true, whole: false, theirs + whole: false} {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.AddBucket(bucketName, sandbox.Bucket{Tags: bucketSpec().Tags, Lifecycle: "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>"})
		for range 2 {
			if _, err := w.open(t).EnsureBucket(t.Context(), bucketSpec()); err != nil {
				t.Fatal(err)
			}
		}
		b, _ := w.Cloud.Bucket(bucketName)
		for _, id := range []string{"theirs", "off", "whole", "old"} {
			if had := strings.Contains(rules, "<ID>"+id+"<"); strings.Contains(b.Lifecycle, "<ID>"+id+"<") != had {
				t.Errorf("of %s there is %s", rules, b.Lifecycle)
			}
		}
		if n := strings.Count(b.Lifecycle, "<ID>perpetual-noncurrent-versions<"); n == 1 != added || n > 1 {
			t.Errorf("of %s there is %s", rules, b.Lifecycle)
		}
	}
}

// Who does not say by which key the state is encrypted leaves that as it is.
func TestEnsureBucket_leavesTheKeyThatNobodySpeaksOf(t *testing.T) {
	const key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	spec := bucketSpec()
	spec.KMSKey = key
	if _, err := a.EnsureBucket(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	writes := w.Cloud.Writes()
	spec.KMSKey = ""
	if _, err := a.EnsureBucket(t.Context(), spec); err != nil || w.Cloud.Writes() != writes {
		t.Errorf("%d writes, %v", w.Cloud.Writes()-writes, err)
	}
	if got, err := a.BucketKey(t.Context(), spec); err != nil || got != key {
		t.Errorf("the key is %q, %v", got, err)
	}
	spec.S3Key = true
	if _, err := a.EnsureBucket(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if got, err := a.BucketKey(t.Context(), spec); err != nil || got != "" {
		t.Errorf("after it was given up the key is %q, %v", got, err)
	}
	spec.S3Key = false
	spec.Name += "-other"
	if _, err := a.EnsureBucket(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if got, err := a.BucketKey(t.Context(), spec); err != nil || got != "" {
		t.Errorf("of a new bucket the key is %q, %v", got, err)
	}
}

// A policy may come back in another form than it was put in.
func TestEnsureBucket_knowsItsPolicyInAnotherForm(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	b, _ := w.Cloud.Bucket(bucketName)
	b.Policy = strings.NewReplacer(`"Action":"s3:*"`, `"Action": ["s3:*"]`, `"aws:SecureTransport":"false"`, `"aws:SecureTransport": ["false"]`).Replace(b.Policy)
	other := newWorld(t, sandbox.Options{})
	other.Cloud.AddBucket(bucketName, b)
	if _, err := other.open(t).EnsureBucket(t.Context(), bucketSpec()); err != nil || other.Cloud.WritesBy()["s3"] != 1 { // the versioning
		t.Errorf("%v, %v", other.Cloud.WritesBy(), err)
	}
}

func TestEnsureBucket_refusesWhatIsNotOurs(t *testing.T) {
	for name, c := range map[string]struct {
		bucket sandbox.Bucket
		object string
		text   string
	}{
		"another account's":      {sandbox.Bucket{Account: "999999999999"}, "", "it belongs to another account than 123456789012"},
		"another installation's": {sandbox.Bucket{Tags: map[string]string{"perpetual:name": "prod"}}, "", `its tag perpetual:name is "prod", not "ci"`},
		"something else's":       {sandbox.Bucket{Tags: map[string]string{"app": "shop"}}, "orders.csv", "it has objects, but no tag perpetual:name=ci"},
		"in another region":      {sandbox.Bucket{Region: "us-west-2", Tags: map[string]string{"perpetual:name": "ci"}}, "", "it is in region us-west-2, not in eu-central-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			w.Cloud.AddBucket(bucketName, c.bucket)
			if c.object != "" {
				w.Cloud.PutObject(bucketName, c.object, "x")
			}
			a := w.open(t)
			_, err := a.EnsureBucket(t.Context(), bucketSpec())
			_, existsErr := a.BucketExists(t.Context(), bucketSpec())
			deleteErr := a.DeleteBucket(t.Context(), bucketSpec())
			for _, err := range []error{err, existsErr, deleteErr} {
				if !errors.Is(err, statebucket.ErrForeign) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), bucketName) {
					t.Errorf("error %v", err)
				}
				logintest.Clean(t, err)
			}
			if n := w.Cloud.Writes(); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// Between the look and the making, another account takes the name.
func TestEnsureBucket_saysThatTheNameIsTaken(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.Cloud.Faults["s3"].Add(fault.Fault{Method: http.MethodPut, Before: func() { w.Cloud.AddBucket(bucketName, sandbox.Bucket{Account: "999999999999"}) }})
	_, err := w.open(t).EnsureBucket(t.Context(), bucketSpec())
	if !errors.Is(err, statebucket.ErrForeign) || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("error %v", err)
	}
}

// A run is killed after any of its writes: what is left is taken up.
func TestEnsureBucket_takesUpWhatAKilledRunLeft(t *testing.T) {
	for n := range 8 {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.Faults["s3"].Add(fault.Fault{Method: http.MethodPut, Skip: n, Times: -1, Kind: fault.Status, Code: 400})
		first, firstErr := w.open(t).EnsureBucket(t.Context(), bucketSpec())
		w.Cloud.Faults["s3"].Clear()
		second, err := w.open(t).EnsureBucket(t.Context(), bucketSpec())
		if err != nil || first == second || n < 3 && firstErr == nil {
			t.Errorf("after %d writes: %v (%v), then %v, %v", n, first, firstErr, second, err)
		}
		w.asItShouldBe(t, "AES256")
	}
	w := newWorld(t, sandbox.Options{})
	w.Cloud.AddBucket(bucketName, sandbox.Bucket{}) // made, but its tags were not
	if created, err := w.open(t).EnsureBucket(t.Context(), bucketSpec()); err != nil || created {
		t.Errorf("%v, %v", created, err)
	}
	w.asItShouldBe(t, "AES256")
}

func TestEnsureBucket_isMadeOnceThoughRepliesAreLost(t *testing.T) {
	for _, kind := range []fault.Kind{fault.DropReply, fault.ResetAfter, fault.ResetBefore, fault.CutBody} {
		w := newWorld(t, sandbox.Options{})
		for skip := range 12 {
			w.Cloud.Faults["s3"].Add(fault.Fault{Kind: kind, Skip: 2 * skip})
		}
		created, err := w.open(t).EnsureBucket(t.Context(), bucketSpec())
		if err != nil || !created {
			t.Errorf("%s: %v, %v", kind, created, err)
			continue
		}
		w.asItShouldBe(t, "AES256")
	}
}

// S3 takes one change of a bucket at a time.
func TestEnsureBucket_waitsForOtherChanges(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	busy := w.Cloud.Refusal("s3", 409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.")
	busy.Method, busy.Times = http.MethodPut, 2
	w.Cloud.Faults["s3"].Add(busy)
	if created, err := w.open(t).EnsureBucket(t.Context(), bucketSpec()); err != nil || !created {
		t.Errorf("%v, %v", created, err)
	}
	w.asItShouldBe(t, "AES256")
}

func TestEnsureBucket_wantsAnOwner(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	if _, err := w.open(t).EnsureBucket(t.Context(), statebucket.Spec{Name: bucketName}); err == nil {
		t.Error("a bucket without an owner's tag was made")
	}
}

func TestDeleteBucket_leavesNothing(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // with the marks, more than a page of a thousand
		for version := range 4 {
			w.Cloud.PutObject(bucketName, fmt.Sprintf("ci/%d.json", i), fmt.Sprint(version))
		}
		w.Cloud.DeleteObject(bucketName, fmt.Sprintf("ci/%d.json", i))
	}
	w.Cloud.PutObject(bucketName, "lease", "x")
	if w.Cloud.Object(bucketName, "lease") != "x" || w.Cloud.Object(bucketName, "ci/7.json") != "" {
		t.Fatal("the objects are not there")
	}
	if err := a.DeleteBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	if _, found := w.Cloud.Bucket(bucketName); found {
		t.Error("the bucket is still there")
	}
	if exists, err := a.BucketExists(t.Context(), bucketSpec()); err != nil || exists {
		t.Errorf("exists %v, %v", exists, err)
	}
	if err := a.DeleteBucket(t.Context(), bucketSpec()); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
}

func TestDeleteBucket_saysWhatIsKept(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	w.Cloud.PutObject(bucketName, "lease", "x")
	w.Cloud.Faults["s3"].Add(fault.Fault{Method: http.MethodPost, Kind: fault.Status, Code: 200,
		Body: "<DeleteResult><Error><Key>lease</Key><Code>AccessDenied</Code><Message>Access Denied because object protected by object lock.</Message></Error></DeleteResult>"})
	if err := a.DeleteBucket(t.Context(), bucketSpec()); err == nil || !strings.Contains(err.Error(), "S3 keeps 1 versions, such as lease: AccessDenied") {
		t.Errorf("error %v", err)
	}
	w.Cloud.Faults["s3"].Add(fault.Fault{Method: http.MethodDelete, Before: func() { w.Cloud.PutObject(bucketName, "lease", "y") }})
	if err := a.DeleteBucket(t.Context(), bucketSpec()); err == nil || !strings.Contains(err.Error(), "it still exists: end other runs") {
		t.Errorf("error %v", err)
	}
	if _, found := w.Cloud.Bucket(bucketName); !found {
		t.Error("it was deleted though something was in it")
	}
}

// The state's bucket is reached as the account is: same credentials, endpoint, CA.
func TestConnection_servesTheStateBucket(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	a := w.open(t)
	if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
		t.Fatal(err)
	}
	bucket, err := bucket.New(bucket.Options{Bucket: bucketName, Prefix: "ci/", Connection: a.Connection(), Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	one, err := bucket.Put(t.Context(), "config.json", []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), "config.json", []byte("other"), ""); !errors.Is(err, state.ErrConflict) {
		t.Errorf("a second first write: %v", err)
	}
	two, err := bucket.Put(t.Context(), "config.json", []byte("two"), one)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := bucket.Get(t.Context(), "config.json"); err != nil || string(found.Body) != "two" {
		t.Errorf("%q, %v", found.Body, err)
	}
	if err := bucket.Delete(t.Context(), "config.json", two); err != nil {
		t.Error(err)
	}
	if _, err := bucket.Get(t.Context(), "config.json"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
	if _, err := bucket.Put(t.Context(), "config.json", []byte("three"), ""); err != nil {
		t.Errorf("a first write after the deletion: %v", err)
	}
	w.Cloud.ChangeKey(sandbox.AccessKey, func(k *sandbox.Key) { k.Expired = true })
	if _, err := bucket.Get(t.Context(), "config.json"); !errors.Is(err, aws.ErrCredentials) {
		t.Errorf("with expired keys: %v", err)
	}
}

// Whatever policy a bucket has, it is an error, or ours is in it afterwards, and
// stays as it is.
func FuzzEnsureBucket_policy(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `"x"`, `{"Statement":null}`, `{"Statement":[null,1,{"Sid":"PerpetualTLSOnly"}]}`, `{"Version":"2012-10-17","Statement":{"Sid":"Theirs","Effect":"Allow"}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, policy string) {
		w := newWorld(t, sandbox.Options{})
		w.Cloud.AddBucket(bucketName, sandbox.Bucket{Tags: map[string]string{"perpetual:name": "ci"}, Policy: policy})
		a := w.open(t)
		if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
			logintest.Clean(t, err)
			return
		}
		b, _ := w.Cloud.Bucket(bucketName)
		if !json.Valid([]byte(b.Policy)) || !strings.Contains(b.Policy, `"aws:SecureTransport":"false"`) {
			t.Errorf("policy %q", b.Policy)
		}
		if _, err := a.EnsureBucket(t.Context(), bucketSpec()); err != nil {
			t.Error(err)
		}
		if again, _ := w.Cloud.Bucket(bucketName); again.Policy != b.Policy {
			t.Errorf("first %q, then %q", b.Policy, again.Policy)
		}
	})
}
