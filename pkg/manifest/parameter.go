package manifest

import (
	"cmp"
	"path"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Parameter is one that Concourse's credential manager finds in SSM.
type Parameter struct {
	Name  string // "/perpetual-own/ci/director_admin_password"
	Value secret.Value
}

// The pipeline's variables that are in SSM. StateKey is that of its part of the state.
const (
	githubToken = "github_token"
	StateKey    = "state_key"
)

// The parameters with the keys of the pipeline's user and of its reader: the id, and in a
// second line the secret.
const (
	PipelineKey = "aws_key"
	ReaderKey   = "reader_key"
)

// Key is an access key of AWS.
type Key struct {
	ID     string // "AKIA…"
	Secret secret.Value
}

// ParseKey reads a key as its parameter holds it; it is the zero Key for anything else.
func ParseKey(v secret.Value) Key {
	id, key, found := strings.Cut(v.Reveal(), "\n")
	if !found || id == "" || key == "" {
		return Key{}
	}
	return Key{ID: id, Secret: secret.New(key)}
}

// Text is the key as its parameter holds it.
func (k Key) Text() secret.Value { return secret.New(k.ID + "\n" + k.Secret.Reveal()) }

// OwnPath is below which the pipeline's own parameters are: "/perpetual-own/ci".
func OwnPath(in Input) string {
	return cmp.Or(strings.TrimSuffix(in.Infrastructure.OwnPath, "/"), "/perpetual-own/"+in.Config.Name)
}

// FormerParameters is below which earlier releases had the pipeline's parameters,
// where Concourse's templates reach, and the names that they had there.
func FormerParameters(in Input) (prefix string, names []string) {
	if in.Infrastructure.ParameterPath == "" {
		return "", nil
	}
	return strings.TrimSuffix(in.Infrastructure.ParameterPath, "/") + "/" + path.Join(FormerTeam, in.pipelineName()) + "/",
		[]string{endpoint.ATCPassword, endpoint.DirectorPassword, githubToken, "aws_access_key_id", "aws_secret_access_key"}
}

// Parameters are the secrets that the pipeline does not hold itself: it has a
// ((own:variable)) for each, which Concourse looks up when a build or a check needs it.
// What has no value yet is left out.
func Parameters(in Input, credentials secret.Values) []Parameter {
	if in.Infrastructure.ParameterPath == "" {
		return nil
	}
	prefix := OwnPath(in) + "/"
	list := []Parameter{
		{endpoint.ATCPassword, secret.New(credentials.RevealText(endpoint.ATCPassword, ""))},
		{endpoint.DirectorPassword, secret.New(credentials.RevealText(endpoint.DirectorPassword, ""))},
		{StateKey, secret.New(credentials.RevealText(StateKey, ""))},
		{githubToken, in.Config.Pipeline.GitHubToken},
	}
	var known []Parameter
	for _, p := range list {
		if !p.Value.Empty() {
			known = append(known, Parameter{prefix + p.Name, p.Value})
		}
	}
	return known
}
