package aws

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/key"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/kms"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/ssm"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// authorize refuses a call that the caller's policies do not allow, and gives it the
// judge of what it leads to.
func (c *Cloud) authorize(s wire.Service, r *http.Request, in *wire.Call, k key.Key) *wire.Refusal {
	judge, err := c.judge(k)
	if err != nil {
		return s.Refusals.Denied.Say("%v", err)
	}
	if in.Judge = judge; judge == nil {
		return nil
	}
	for _, request := range c.requests(s, r, in) {
		if err := judge(request); err != nil {
			return s.Refusals.Denied.Say("%v%s", err, s.Refusals.Suffix)
		}
	}
	return nil
}

// Judge judges what a user or role may do, by its ARN: by the policies of its keys, or
// else of the stack that has made it. It is nil for one who may do everything.
func (c *Cloud) Judge(arn string) (cloudformation.Judge, error) {
	return c.judge(c.OfPrincipal(arn))
}

// JudgeOfSecret judges whoever has a secret key. It fails for one that nobody has.
func (c *Cloud) JudgeOfSecret(secret string) (cloudformation.Judge, error) {
	key, known := c.OfSecret(secret)
	if !known {
		return nil, errors.New("AWS was not able to validate the provided access credentials")
	}
	return c.judge(key)
}

// judge is that of a key.
func (c *Cloud) judge(k key.Key) (cloudformation.Judge, error) {
	set := iam.Set{Policies: k.Policies}
	if k.Policies == nil {
		of, made, err := c.principal(k.ARN)
		if err != nil || !made {
			return nil, err
		}
		set = of
	}
	set.Principal = k.ARN
	return set.Allows, nil
}

// principalPattern finds the user or role in an ARN of IAM or of a session.
var principalPattern = regexp.MustCompile(`^arn:[^:]*:(?:iam|sts)::[^:]*:(user|role|assumed-role)/([^/]+)`)

// principal asks CloudFormation for what a user or role may do that a stack has made.
func (c *Cloud) principal(arn string) (set iam.Set, made bool, err error) {
	stacks, ok := c.options.CloudFormation.(interface {
		Principal(kind, name string) (iam.Set, bool, error)
	})
	parts := principalPattern.FindStringSubmatch(arn)
	if !ok || parts == nil {
		return set, false, nil
	}
	return stacks.Principal(strings.TrimPrefix(parts[1], "assumed-"), parts[2])
}

// requests are a call as IAM sees it: nearly always one action, which is what a
// service's authorization reference says of the call.
func (c *Cloud) requests(s wire.Service, r *http.Request, in *wire.Call) []iam.Request {
	one := iam.Request{Action: s.Prefix + ":" + s.Permission(in.Action), Context: iam.Context{"aws:RequestedRegion": {in.Region}}}
	local := "arn:aws:" + s.Prefix + ":" + in.Region + ":" + c.options.Account + ":"
	touch := func(arns ...string) {
		for _, arn := range arns {
			one.Resources = append(one.Resources, iam.Resource{ARN: arn})
		}
	}
	switch s.Prefix {
	case "sts":
		if in.Action == "GetCallerIdentity" { // which nobody can be refused
			return nil
		}
		touch(in.Form.Get("RoleArn"))
	case "iam":
		one.Context["aws:RequestedRegion"] = []string{"us-east-1"}
		touch("arn:aws:iam::" + c.options.Account + ":user/" + in.Form.Get("UserName"))
	case "route53":
		one.Context["aws:RequestedRegion"] = []string{"us-east-1"}
	case "cloudformation":
		switch name := in.Form.Get("StackName"); {
		case strings.HasPrefix(name, "arn:"):
			touch(name)
		case name != "":
			touch(local + "stack/" + name + "/*")
		}
	case "ssm":
		return c.parameterRequests(one, local, in)
	case "kms":
		arn := c.KeyOf(in)
		if arn == "" { // the service says so
			return nil
		}
		touch(arn)
		for key, value := range kms.ContextOf(in) {
			one.Context["kms:EncryptionContext:"+key] = []string{value}
		}
	case "s3":
		return c.bucketRequests(one, r, in)
	}
	return []iam.Request{one}
}

// parameterRequests are those of a call of SSM.
func (c *Cloud) parameterRequests(one iam.Request, local string, in *wire.Call) []iam.Request {
	names, tags := ssm.NamesOf(in)
	for _, name := range names {
		if name != "" {
			one.Resources = append(one.Resources, iam.Resource{ARN: local + "parameter/" + strings.Trim(name, "/")})
		}
	}
	all := []iam.Request{one}
	if in.Action == "PutParameter" && tags {
		one.Action = "ssm:AddTagsToResource"
		all = append(all, one)
	}
	return all
}

// kmsKey finds the key in a bucket's encryption.
var kmsKey = regexp.MustCompile(`<KMSMasterKeyID>([^<]+)</KMSMasterKeyID>`)

// bucketRequests are those of a call of S3, and of KMS where S3 asks it on the caller's
// behalf.
func (c *Cloud) bucketRequests(one iam.Request, r *http.Request, in *wire.Call) []iam.Request {
	bucket, object, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	arn := "arn:aws:s3:::" + bucket
	switch {
	case in.Action == "ListBuckets":
		one.Action = "s3:ListAllMyBuckets"
		return []iam.Request{one}
	case in.Action == "HeadBucket":
		one.Action = "s3:ListBucket"
	case in.Action == "HeadObject":
		one.Action = "s3:GetObject"
	}
	if r.URL.Query().Get("versionId") != "" && object != "" {
		one.Action += "Version"
	}
	one.Resources = []iam.Resource{{ARN: arn}}
	if object != "" {
		one.Resources[0].ARN = arn + "/" + object
	}
	if in.Action == "DeleteObjects" {
		one.Resources = objectsOf(arn, in.Body)
	}
	all := []iam.Request{one}
	key := []string(nil)
	if b, exists := c.Bucket(bucket); exists {
		key = kmsKey.FindStringSubmatch(b.Encryption)
	}
	action := map[string]string{"GetObject": "kms:Decrypt", "PutObject": "kms:GenerateDataKey"}[in.Action]
	switch {
	case in.Action == "CreateBucket" && strings.Contains(string(in.Body), "<Tag>"):
		all = append(all, iam.Request{Action: "s3:TagResource", Context: one.Context, Resources: one.Resources})
	case action != "" && key != nil:
		all = append(all, iam.Request{Action: action, Resources: []iam.Resource{{ARN: key[1]}}, Context: iam.Context{
			"aws:RequestedRegion": {in.Region}, "kms:ViaService": {"s3." + in.Region + ".amazonaws.com"}, "kms:EncryptionContext:aws:s3:arn": {arn},
		}})
	}
	return all
}

// objectsOf are the objects that a request deletes.
func objectsOf(bucket string, body []byte) []iam.Resource {
	var wanted struct {
		Objects []struct{ Key string } `xml:"Object"`
	}
	_ = xml.Unmarshal(body, &wanted) // else the service refuses it
	var out []iam.Resource
	for _, o := range wanted.Objects {
		out = append(out, iam.Resource{ARN: fmt.Sprintf("%s/%s", bucket, o.Key)})
	}
	return out
}
