package aws

import "strings"

// remedy is what is known of a code: what kind of refusal it is, and what helps.
type remedy struct {
	kind error
	hint string // "{region}" stands for the region in use
}

// Renew is what helps when temporary credentials have ended, wherever that is found out.
const Renew = "renew the credentials: `aws sso login` for an SSO profile, new session keys otherwise"

// What helps against what several codes say.
const (
	renew     = Renew + "; then run the same command again"
	noKey     = "check the access key: it does not exist, its session token is another one's, or the region is not enabled in the account"
	signature = "check the secret key, which does not belong to the access key, and this machine's clock"
	busy      = "the account makes too many calls: wait a minute and run the same command again"
	elsewhere = "the bucket is in another region"
	stacks    = "remove stacks that are not needed, or have the quota raised in Service Quotas"
)

// remedies are the refusals that users meet. The codes are those of the pages "Common
// errors" of the services' API references, and "Error responses" of S3's. A code that a
// service has for itself, or means another thing by, is there as "SERVICE CODE". A
// denial without a hint is told which permission is missing.
var remedies = map[string]remedy{
	"ExpiredToken": {ErrCredentials, renew}, "ExpiredTokenException": {ErrCredentials, renew}, "TokenRefreshRequired": {ErrCredentials, renew},
	"RequestExpired":       {ErrCredentials, "check this machine's clock, and " + renew},
	"InvalidClientTokenId": {ErrCredentials, noKey}, "InvalidAccessKeyId": {ErrCredentials, noKey},
	"UnrecognizedClientException": {ErrCredentials, noKey}, "AuthFailure": {ErrCredentials, noKey},
	"InvalidToken":          {ErrCredentials, "check the session token, which does not belong to the access key, and that the region is enabled in the account"},
	"SignatureDoesNotMatch": {ErrCredentials, signature}, "InvalidSignatureException": {ErrCredentials, signature}, "IncompleteSignature": {ErrCredentials, signature},
	"MissingAuthenticationToken": {ErrCredentials, "give credentials"},
	"RequestTimeTooSkewed":       {ErrCredentials, "set this machine's clock"},

	"AccessDenied": {kind: ErrDenied}, "AccessDeniedException": {kind: ErrDenied}, "UnauthorizedOperation": {kind: ErrDenied},
	"AllAccessDisabled": {kind: ErrDenied}, "Forbidden": {kind: ErrDenied},
	"OptInRequired": {ErrDenied, "finish the sign-up of the account, or enable the service in it"},
	"Blocked":       {ErrDenied, "Amazon has blocked the account: ask its support"},

	"Throttling": {nil, busy}, "ThrottlingException": {nil, busy}, "RequestLimitExceeded": {nil, busy}, "SlowDown": {nil, busy}, "TooManyRequestsException": {nil, busy},

	"S3 PermanentRedirect": {nil, elsewhere}, "S3 AuthorizationHeaderMalformed": {nil, "the bucket may be in another region"}, "S3 IllegalLocationConstraint": {nil, elsewhere},
	"S3 PreconditionFailed": {nil, "someone else has written it"}, "S3 ConditionalRequestConflict": {nil, "someone else is writing it"}, "S3 OperationAborted": {nil, "someone else is writing it"},

	"CloudFormation LimitExceededException": {ErrQuota, stacks}, "CloudFormation LimitExceeded": {ErrQuota, stacks},
	"CloudFormation ChangeSetNotFound":      {nil, "the change set is gone: plan again"},
	"CloudFormation InvalidChangeSetStatus": {nil, "the stack was changed after this was planned: plan again"},

	"KMS NotFoundException":          {ErrNotFound, "check its name, and that it is in {region}"},
	"KMS DisabledException":          {nil, "enable it with aws kms enable-key, or name another one"},
	"KMS KMSInvalidStateException":   {nil, "aws kms cancel-key-deletion and enable-key, or name another one"},
	"KMS InvalidCiphertextException": {nil, wrongCiphertext}, "KMS IncorrectKeyException": {nil, wrongCiphertext},
}

const wrongCiphertext = "it was encrypted for another document or installation, by another key, or is damaged"

// remedyFor finds what is known of a service's code.
func remedyFor(service, code string) remedy {
	if own, known := remedies[service+" "+code]; known {
		return own
	}
	return remedies[code]
}

// prefixes are the services' names in IAM.
var prefixes = map[string]string{
	"EC2": "ec2", "SSM": "ssm", "STS": "sts", "S3": "s3", "IAM": "iam", "Route 53": "route53", "Resource Groups Tagging API": "tag",
	"Service Quotas": "servicequotas", "KMS": "kms", "CloudFormation": "cloudformation",
}

// actions are the IAM actions of calls that are not named as the calls are, from
// the service authorization reference.
var actions = map[string]string{
	"s3:CreateBucket": "s3:CreateBucket and s3:TagResource",
	"s3:HeadBucket":   "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket", "s3:ListObjectVersions": "s3:ListBucketVersions", "s3:DeleteObjects": "s3:DeleteObjectVersion",
	"s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock", "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
	"s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration", "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"s3:GetBucketEncryption": "s3:GetEncryptionConfiguration", "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
}

// Missing is the IAM action that a refusal in AWS's words says to be missing,
// "rds:CreateDBInstance"; "" if it names none.
func Missing(message string) string {
	_, rest, found := strings.Cut(message, "not authorized to perform")
	if !found {
		return ""
	}
	action, _, _ := strings.Cut(strings.TrimLeft(rest, ": "), " ")
	service, name, found := strings.Cut(strings.TrimRight(action, ".,;"), ":")
	if !found || name == "" || strings.Trim(service, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	end := strings.IndexFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if end >= 0 {
		name = name[:end]
	}
	if service == "" || name == "" {
		return ""
	}
	return service + ":" + name
}

// besides is what else is to be said of a service's denials.
var besides = map[string]string{"KMS": "; the policy of a key of another account must allow it as well"}

// Denial says what helps against a refusal by IAM, in AWS's words, of something that a
// service did for us.
func Denial(message string) string { return denial("", "", message) }

// denial names the missing permission.
func denial(service, call, message string) string {
	if strings.Contains(message, "explicit deny") {
		return "a policy denies it, of the user, the organization or a permissions boundary: ask who administers the account"
	}
	action := Missing(message)
	if prefix, known := prefixes[service]; action == "" && known && call != "" {
		action = prefix + ":" + call
		if other, ok := actions[action]; ok {
			action = other
		}
	}
	if action == "" {
		return "the credentials lack a permission"
	}
	return "allow " + action + " to the user or role" + besides[service]
}
