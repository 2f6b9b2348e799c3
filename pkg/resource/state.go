package resource

import (
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// State says where the lease and the journal of a deployment are kept: in an S3
// bucket, or in a directory for runs outside of Concourse. Its zero value is none.
type State struct {
	Dir string `json:"dir"` // "/var/lib/perpetual"

	Bucket    string `json:"bucket"`     // "acme-ci-state"
	Prefix    string `json:"prefix"`     // of every key: "ci/"
	Region    string `json:"region"`     // "eu-central-1"; default: AWS_REGION
	Endpoint  string `json:"endpoint"`   // of a server that is not Amazon's: "https://s3.example.com:9000"
	PathStyle bool   `json:"path_style"` // the bucket in the path instead of the host name
	CACert    string `json:"ca_cert"`    // PEM; default: AWS_CA_BUNDLE, else the system's
	KMSKey    string `json:"kms_key"`    // id or ARN; default: S3's own encryption

	AccessKeyID     string       `json:"access_key_id"` // default: the web identity or instance profile of the worker
	SecretAccessKey secret.Value `json:"secret_access_key"`
	SessionToken    secret.Value `json:"session_token"`
	Role            string       `json:"role"`           // ARN of the role that identity_token is exchanged for
	IdentityToken   secret.Value `json:"identity_token"` // of an idtoken var source
}

// validate wants one place, and what belongs to it.
func (s State) validate() error {
	switch {
	case s == (State{}):
		return nil
	case s.Dir != "" && s != (State{Dir: s.Dir}):
		return errors.New("validate source.state: dir goes with no other key")
	case s.Dir != "":
		return nil
	case s.Bucket == "":
		return errors.New("validate source.state: want a bucket or a dir")
	case (s.AccessKeyID == "") != s.SecretAccessKey.Empty():
		return errors.New("validate source.state: access_key_id and secret_access_key go together")
	case (s.Role == "") != s.IdentityToken.Empty():
		return errors.New("validate source.state: role and identity_token go together")
	case s.Role != "" && s.AccessKeyID != "":
		return errors.New("validate source.state: want access_key_id or role, not both")
	}
	return privateURL("source.state.endpoint", s.Endpoint, "keys")
}

func (s State) secrets() []secret.Value {
	return []secret.Value{s.SecretAccessKey, s.SessionToken, s.IdentityToken}
}
