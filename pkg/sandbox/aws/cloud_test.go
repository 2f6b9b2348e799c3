package aws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	adapter "github.com/perpetual-ci/perpetual/pkg/aws"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/statebucket"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// start serves an account and gives a client that trusts it.
func start(t *testing.T, o aws.Options) (*aws.Cloud, map[string]string, *http.Client) {
	t.Helper()
	cloud, err := aws.New(o)
	if err != nil {
		t.Fatal(err)
	}
	endpoints, ca, err := cloud.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return cloud, endpoints, &http.Client{Transport: transport}
}

// post sends a form, or JSON with a target.
func post(t *testing.T, client *http.Client, url, target, body, authorization string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if target != "" {
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", target)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
		request.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestCloud_letsNobodyInWithoutASignature(t *testing.T) {
	cloud, endpoints, client := start(t, aws.Options{CloudFormation: cloudformation.New(cloudformation.Options{})})
	const scope = "AWS4-HMAC-SHA256 Credential=%KEY%/20260102/eu-central-1/x/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123"
	for authorization, codes := range map[string]string{
		"": "MissingAuthenticationToken", "Basic YTpi": "MissingAuthenticationToken", "AWS4-HMAC-SHA256 Credential=x": "MissingAuthenticationToken",
		strings.Replace(scope, "%KEY%", "AKIAUNKNOWN", 1):   "InvalidClientTokenId AuthFailure UnrecognizedClientException InvalidAccessKeyId",
		strings.Replace(scope, "%KEY%", aws.AccessKey, 1):   "SignatureDoesNotMatch AuthFailure InvalidSignatureException",
		strings.Replace(scope, "eu-central-1", "eu-cen", 1): "InvalidClientTokenId AuthFailure UnrecognizedClientException InvalidAccessKeyId",
	} {
		for name, url := range endpoints {
			if name == "checkip" || name == "rds-ca" { // which are not of the API
				continue
			}
			status, body := post(t, client, url, "X.GetParameter", "Action=DescribeRegions", authorization)
			known := false
			for code := range strings.SplitSeq(codes, " ") {
				known = known || strings.Contains(body, code)
			}
			if status < 400 || !known || strings.Contains(body, aws.SecretKey) {
				t.Errorf("%s, %q: %d %s", name, authorization, status, body)
			}
		}
	}
	if cloud.Writes() != 0 || len(cloud.Calls("ec2")) != 0 {
		t.Errorf("writes %v, calls %v", cloud.WritesBy(), cloud.Calls("ec2"))
	}
}

// open opens the account as a program does that has only Env.
func open(t *testing.T, env map[string]string) *account.Account {
	t.Helper()
	a, err := account.Open(t.Context(), login.Options{
		Env:    func(name string) string { return env[name] },
		Policy: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEnv_isAllThatAProgramNeeds(t *testing.T) {
	dir := t.TempDir()
	cloud, _, _ := start(t, aws.Options{Account: "210987654321", Region: "us-west-2", Dir: dir, Address: "198.51.100.7"})
	a := open(t, cloud.Env())
	who, err := a.Identity(t.Context())
	if err != nil || who.Account != "210987654321" || a.Region() != "us-west-2" {
		t.Errorf("%+v in %s, %v", who, a.Region(), err)
	}
	if address, err := a.EgressAddress(t.Context()); err != nil || address != "198.51.100.7" {
		t.Errorf("address %q, %v", address, err)
	}
	if info, err := os.Stat(dir + "/ca.pem"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the CA's certificate: %v", err)
	}
}

func TestWrites_countWhatChangesSomething(t *testing.T) {
	cloud, _, _ := start(t, aws.Options{Dir: t.TempDir()})
	a := open(t, cloud.Env())
	spec := statebucket.Spec{Name: "state", Owner: "o", Tags: map[string]string{"o": "x"}}
	if _, err := a.Zones(t.Context()); err != nil || cloud.Writes() != 0 {
		t.Errorf("a look counted %d writes, %v", cloud.Writes(), err)
	}
	if _, err := a.EnsureBucket(t.Context(), spec); err != nil || cloud.WritesBy()["s3"] != 4 { // made, versioned, its lifecycle and policy
		t.Errorf("%v, %v", cloud.WritesBy(), err)
	}
	before := cloud.Writes()
	cloud.Faults["s3"].Add(cloud.Refusal("s3", 403, "AccessDenied", "no"))
	if err := a.DeleteBucket(t.Context(), spec); !errors.Is(err, statebucket.ErrForeign) || cloud.Writes() != before {
		t.Errorf("a refusal counted: %v, %v", cloud.WritesBy(), err)
	}
	if n := cloud.Calls("s3")["CreateBucket"]; n != 1 {
		t.Errorf("%d buckets made", n)
	}
}

func TestStart_endsWithItsContext(t *testing.T) {
	cloud, err := aws.New(aws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endpoints, _, err := cloud.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hanging := make(chan struct{})
	cloud.Faults["sts"].Add(fault.Fault{Kind: fault.Hang, Before: func() { close(hanging) }})
	ended := make(chan error)
	go func() {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its end is what matters
		request, _ := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, endpoints["sts"], nil)
		_, err := client.Do(request) // there is none
		ended <- err
	}()
	<-hanging
	cancel()
	if err := <-ended; err == nil {
		t.Error("a hanging request was answered")
	}
}

// What CloudFormation makes is known to the other services, until it is gone.
func TestCreated_makesResourcesKnown(t *testing.T) {
	cloud, _, _ := start(t, aws.Options{Dir: t.TempDir()})
	a := open(t, cloud.Env())
	tags := map[string]string{"perpetual:name": "ci"}
	resources := []cloudformation.Live{
		{Type: "AWS::EC2::VPC", PhysicalID: "vpc-1", Tags: tags},
		{Type: "AWS::EC2::Subnet", PhysicalID: "subnet-1", Tags: tags, Properties: map[string]any{"VpcId": "vpc-1", "AvailabilityZone": "eu-central-1a", "CidrBlock": "10.0.0.0/24"}},
		{Type: "AWS::EC2::KeyPair", PhysicalID: "ci", Tags: tags, Attributes: map[string]string{"KeyPairId": "key-1"}, Properties: map[string]any{"KeyType": "ed25519"}},
		{Type: "AWS::EC2::KeyPair", PhysicalID: "old", Attributes: map[string]string{"KeyPairId": "key-2"}, Properties: map[string]any{"KeyType": "rsa"}},
		{Type: "AWS::EC2::EIP", PhysicalID: "198.51.100.1", Tags: tags, Attributes: map[string]string{"AllocationId": "eipalloc-1"}},
		{Type: "AWS::IAM::Role", PhysicalID: "ci-director", Tags: tags},
	}
	for _, l := range resources {
		cloud.Created(l)
	}
	found, err := a.Tagged(t.Context(), "perpetual:name", "ci")
	if err != nil || len(found) != 5 { // the roles are not known, the key's parameter is
		t.Errorf("%q, %v", found, err)
	}
	subnets, err := a.Subnets(t.Context(), []string{"subnet-1"})
	if err != nil || subnets[0].CIDR != "10.0.0.0/24" || subnets[0].VPC != "vpc-1" {
		t.Errorf("%+v, %v", subnets, err)
	}
	for id, header := range map[string]string{"key-1": "-----BEGIN OPENSSH PRIVATE KEY-----", "key-2": "-----BEGIN RSA PRIVATE KEY-----"} {
		if key, err := a.GetParameter(t.Context(), "/ec2/keypair/"+id); err != nil || !strings.HasPrefix(key.Reveal(), header) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, l := range resources {
		cloud.Deleted(l)
	}
	if found, err := a.Tagged(t.Context(), "perpetual:name", "ci"); err != nil || len(found) != 0 || len(cloud.Parameters()) != 0 {
		t.Errorf("left %q, %v, %v", found, cloud.Parameters(), err)
	}
	if _, err := a.Subnets(t.Context(), []string{"subnet-1"}); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the subnet: %v", err)
	}
}
