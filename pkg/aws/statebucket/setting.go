package statebucket

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

// setting is one thing that a bucket should have.
type setting struct {
	name  string
	right func(context.Context) (bool, error)
	write func(context.Context) error
}

// settings are all of them, the tag first: what carries it is ours.
func (b *bucket) settings(tags map[string]string) []setting {
	name, owner, api := &b.spec.Name, &b.owner, b.s3
	return []setting{
		{"tags",
			func(context.Context) (bool, error) { return maps.Equal(merged(tags, b.spec.Tags), tags), nil },
			func(ctx context.Context) error {
				_, err := api.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: name, ExpectedBucketOwner: owner,
					Tagging: &types.Tagging{TagSet: tagSet(merged(tags, b.spec.Tags))}})
				return err
			}},
		{"public access block", b.private, func(ctx context.Context) error {
			_, err := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: name, ExpectedBucketOwner: owner,
				PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: sdk.Bool(true),
					BlockPublicPolicy: sdk.Bool(true), IgnorePublicAcls: sdk.Bool(true), RestrictPublicBuckets: sdk.Bool(true)}})
			return err
		}},
		{"object ownership", b.withoutACLs, func(ctx context.Context) error {
			_, err := api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: name, ExpectedBucketOwner: owner,
				OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}})
			return err
		}},
		{"encryption", b.encrypted, func(ctx context.Context) error {
			_, err := api.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: name, ExpectedBucketOwner: owner,
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{b.encryption()}}})
			return err
		}},
		{"versioning", b.versioned, func(ctx context.Context) error {
			_, err := api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: name, ExpectedBucketOwner: owner,
				VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
			return err
		}},
		b.lifecycle(),
		b.policy(),
	}
}

// private says whether all public access is blocked.
func (b *bucket) private(ctx context.Context) (bool, error) {
	out, err := b.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	if aws.Refused(err, "NoSuchPublicAccessBlockConfiguration") {
		return false, nil
	}
	if err != nil || out.PublicAccessBlockConfiguration == nil {
		return false, err
	}
	c := out.PublicAccessBlockConfiguration
	return sdk.ToBool(c.BlockPublicAcls) && sdk.ToBool(c.BlockPublicPolicy) && sdk.ToBool(c.IgnorePublicAcls) && sdk.ToBool(c.RestrictPublicBuckets), nil
}

// withoutACLs says whether the bucket's owner owns all objects.
func (b *bucket) withoutACLs(ctx context.Context) (bool, error) {
	out, err := b.s3.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	if aws.Refused(err, "OwnershipControlsNotFoundError") {
		return false, nil
	}
	return err == nil && out.OwnershipControls != nil && len(out.OwnershipControls.Rules) == 1 &&
		out.OwnershipControls.Rules[0].ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced, err
}

// encryption is the wanted default of new objects.
func (b *bucket) encryption() types.ServerSideEncryptionRule {
	rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}
	if b.spec.KMSKey != "" { // a key of the bucket saves most calls to KMS
		rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm = types.ServerSideEncryptionAwsKms
		rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID, rule.BucketKeyEnabled = &b.spec.KMSKey, sdk.Bool(true)
	}
	return rule
}

// defaultEncryption is what the bucket does with new objects; nil if it says nothing.
func (b *bucket) defaultEncryption(ctx context.Context) (*types.ServerSideEncryptionByDefault, error) {
	out, err := b.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	if aws.Refused(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return nil, nil
	}
	if err != nil || out.ServerSideEncryptionConfiguration == nil || len(out.ServerSideEncryptionConfiguration.Rules) == 0 {
		return nil, err
	}
	return out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault, nil
}

// encrypted says whether that is as wanted. Where no key is wanted, one that the bucket
// has stays: nobody has said that what it protects should be open to more people.
func (b *bucket) encrypted(ctx context.Context) (bool, error) {
	have, err := b.defaultEncryption(ctx)
	if err != nil || have == nil || b.spec.KMSKey == "" && !b.spec.S3Key {
		return have != nil, err
	}
	wanted := b.encryption().ApplyServerSideEncryptionByDefault
	return have.SSEAlgorithm == wanted.SSEAlgorithm && sdk.ToString(have.KMSMasterKeyID) == sdk.ToString(wanted.KMSMasterKeyID), nil
}

// versioned says whether old versions of objects are kept.
func (b *bucket) versioned(ctx context.Context) (bool, error) {
	out, err := b.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	return err == nil && out.Status == types.BucketVersioningStatusEnabled, err
}

// statementID names our statement in the bucket's policy; others stay.
const statementID = "PerpetualTLSOnly"

// policy refuses requests that do not come over TLS.
func (b *bucket) policy() setting {
	resource := "arn:" + b.partition + ":s3:::" + b.spec.Name
	wanted := map[string]any{
		"Sid": statementID, "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []any{resource, resource + "/*"},
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
	document := map[string]any{}
	return setting{"policy",
		func(ctx context.Context) (right bool, err error) {
			document, err = b.document(ctx)
			return err == nil && slices.ContainsFunc(statements(document), func(s any) bool { return reflect.DeepEqual(normal(s), normal(wanted)) }), err
		},
		func(ctx context.Context) error {
			kept := slices.DeleteFunc(statements(document), func(s any) bool {
				statement, ok := s.(map[string]any)
				return ok && statement["Sid"] == statementID
			})
			document["Statement"] = append(kept, wanted)
			text, err := json.Marshal(document)
			if err != nil {
				return err
			}
			_, err = b.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner, Policy: sdk.String(string(text))})
			return err
		}}
}

// document reads the bucket's policy.
func (b *bucket) document(ctx context.Context) (map[string]any, error) {
	out, err := b.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.spec.Name, ExpectedBucketOwner: &b.owner})
	empty := map[string]any{"Version": "2012-10-17"}
	if aws.Refused(err, "NoSuchBucketPolicy") {
		return empty, nil
	}
	if err != nil {
		return nil, err
	}
	var found map[string]any
	if err := json.Unmarshal([]byte(sdk.ToString(out.Policy)), &found); err != nil || found == nil {
		return nil, errors.New("the bucket's policy is not a JSON document")
	}
	return found, nil
}

// statements are those of a policy, which may be one without a list.
func statements(document map[string]any) []any {
	switch found := document["Statement"].(type) {
	case []any:
		return slices.Clone(found)
	case map[string]any:
		return []any{found}
	}
	return nil
}

// normal is a part of a policy in one form: IAM takes "x" for ["x"], and gives
// back either.
func normal(part any) any {
	switch part := part.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range part {
			out[key] = normal(value)
		}
		return out
	case []any:
		if len(part) == 1 {
			return normal(part[0])
		}
		out := []any{}
		for _, value := range part {
			out = append(out, normal(value))
		}
		return out
	}
	return part
}

// sorted gives the keys in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
