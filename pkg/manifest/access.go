package manifest

import (
	"cmp"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/auth"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Access is how something is reached.
type Access struct {
	URL      string // "https://10.0.0.6:25555"
	CACert   string // PEM; empty: the CAs that everybody knows
	Username string
	Password secret.Value
}

// DirectorAccess is how the director at a host is reached with the credentials of
// an installation.
func DirectorAccess(host string, credentials secret.Values) Access {
	return Access{
		URL: "https://" + host + ":25555", CACert: textOf(credentials, DirectorCA, "certificate"),
		Username: DirectorUser, Password: secret.New(textOf(credentials, DirectorPassword, "")),
	}
}

// WebAccess is how Concourse at a URL is reached. A certificate that was given is
// trusted as it is, whoever signed it.
func WebAccess(url string, c *config.Config, credentials secret.Values) Access {
	a := Access{URL: url, Username: ATCUser, Password: secret.New(textOf(credentials, ATCPassword, ""))}
	switch c.TLS.Mode {
	case tlsLetsEncrypt:
	case tlsOwn:
		a.CACert = c.TLS.Certificate
	default:
		a.CACert = textOf(credentials, WebCA, "certificate")
	}
	return a
}

// PersonAccess is WebAccess as a person of the team main logs in: the first local user
// of that team whose password is known here, admin where none is configured. Where
// there is none it is this project's own user.
func PersonAccess(url string, c *config.Config, credentials secret.Values) Access {
	a := WebAccess(url, c, credentials)
	known := maps.Clone(c.Auth.LocalUsers)
	if len(known) == 0 {
		known = map[string]secret.Value{"admin": secret.New(textOf(credentials, auth.AdminPassword, ""))}
	}
	team := c.Auth.MainTeam
	names := team.LocalUsers
	if reflect.ValueOf(team).IsZero() {
		names = slices.Sorted(maps.Keys(known))
	}
	for _, name := range names {
		if password := known[name]; !password.Empty() {
			a.Username, a.Password = name, password
			break
		}
	}
	return a
}

// textOf is a credential, or a field of one; "" if it is not there.
func textOf(credentials secret.Values, name, field string) string {
	value := credentials[name]
	if field != "" {
		fields, _ := value.(map[string]any)
		value = fields[field]
	}
	text, _ := value.(string)
	return text
}

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
		[]string{ATCPassword, DirectorPassword, githubToken, "aws_access_key_id", "aws_secret_access_key"}
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
		{ATCPassword, secret.New(textOf(credentials, ATCPassword, ""))},
		{DirectorPassword, secret.New(textOf(credentials, DirectorPassword, ""))},
		{StateKey, secret.New(textOf(credentials, StateKey, ""))},
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
