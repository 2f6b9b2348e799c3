package command_test

import (
	"crypto/ed25519"
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// credentialFields are the places of all credentials in a type: "github.token", and
// "registries.*.password" where the keys are the user's.
func credentialFields(t reflect.Type, at string) (list []string) {
	switch {
	case t == reflect.TypeFor[secret.Value]():
		return []string{strings.TrimPrefix(at, ".")}
	case t.Kind() == reflect.Map:
		return credentialFields(t.Elem(), at+".*")
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer:
		return credentialFields(t.Elem(), at)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			list = append(list, credentialFields(t.Field(i).Type, at+"."+t.Field(i).Tag.Get("json"))...)
		}
	}
	return list
}

// planting is a source with a distinct credential in some of its places.
type planting struct {
	source  object
	env     []string
	secrets []string // those of env, and what stands inside of a longer text
	works   bool     // its servers take them
}

// at reads the text at a place of the source, "" where there is none.
func (p planting) at(place string) string {
	var value any = p.source
	for _, key := range strings.Split(place, ".") {
		section, ok := value.(object)
		if !ok {
			return ""
		}
		value = section[key]
		for _, one := range section {
			if key == "*" {
				value = one
			}
		}
	}
	text, _ := value.(string)
	return text
}

// all are the planted credentials.
func (p planting) all() []string {
	list := slices.Clone(p.secrets)
	for _, place := range credentialFields(reflect.TypeFor[resource.Source](), "") {
		if text := p.at(place); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// bucket starts an S3 server with an empty bucket, whose faults are s.Faults["s3"],
// and gives the state section for it.
func (s *stage) bucket(t *testing.T) object {
	t.Helper()
	server, err := s3.New("state")
	if err != nil {
		t.Fatal(err)
	}
	s.Faults["s3"] = &fault.Script{}
	web := httptest.NewUnstartedServer(s.Faults["s3"].Wrap(server))
	web.Config.ConnState = s.Faults["s3"].Watch
	web.Start()
	s.URLs["s3"] = web.URL
	t.Cleanup(web.Close)
	t.Cleanup(s.Faults["s3"].Close)
	return object{
		"bucket": "state", "endpoint": web.URL, "path_style": true, "access_key_id": "AKIAEXAMPLE",
		"secret_access_key": "planted-s3-secret-key", "session_token": "planted-s3-session-token",
	}
}

// privateKey is an SSH key in PEM form.
func privateKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "planted")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// altered is a source with other keys in its sections; nil takes a key away.
func altered(source object, sections map[string]object) object {
	out := maps.Clone(source)
	for name, keys := range sections {
		section := object{}
		if have, ok := source[name].(object); ok {
			section = maps.Clone(have)
		}
		for key, value := range keys {
			if section[key] = value; value == nil {
				delete(section, key)
			}
		}
		out[name] = section
	}
	return out
}

// plantings put a credential at every place that can have one.
var plantings = map[string]func(t *testing.T, s *stage) planting{
	"components": func(_ *testing.T, s *stage) planting {
		return planting{source: s.ComponentsSource(), works: true}
	},
	"components, refused": func(_ *testing.T, s *stage) planting {
		return planting{source: altered(s.ComponentsSource(), map[string]object{"github": {"token": "planted-github-token"}})}
	},
	"an image": func(t *testing.T, s *stage) planting {
		return planting{source: anImage(t, s)["source"].(object)}
	},
	"a deployment with a bucket": func(t *testing.T, s *stage) planting {
		return planting{source: altered(s.DeploymentSource(), map[string]object{"state": s.bucket(t)}), works: true}
	},
	"a client that the UAA refuses": func(_ *testing.T, s *stage) planting {
		return planting{source: altered(s.DeploymentSource(), map[string]object{"director": {"client_secret": "planted-client-secret"}})}
	},
	"a user that Concourse refuses": func(_ *testing.T, s *stage) planting {
		return planting{source: altered(s.DeploymentSource(), map[string]object{"concourse": {"password": "planted p\"a<s>s&w\\ord"}})}
	},
	"a director's user behind a jumpbox": func(t *testing.T, s *stage) planting {
		return planting{source: altered(s.DeploymentSource(), map[string]object{"director": {
			"client": nil, "client_secret": nil, "username": "admin", "password": "planted-director-password",
			"proxy": "ssh+socks5://jumpbox@" + vacant.Address(t), "proxy_private_key": privateKey(t),
			"proxy_host_key": "any",
		}})}
	},
	"a proxy with a password": func(t *testing.T, s *stage) planting {
		return planting{
			source:  altered(s.DeploymentSource(), map[string]object{"director": {"proxy": "socks5://user:planted-proxy%21password@" + vacant.Address(t)}}),
			secrets: []string{"planted-proxy%21password", "planted-proxy!password"},
		}
	},
	"a role, behind a proxy of the environment": func(t *testing.T, s *stage) planting {
		return planting{
			source: altered(s.DeploymentSource(), map[string]object{"state": {
				"bucket": "state", "region": "eu-central-1", "role": "arn:aws:iam::123456789012:role/ci", "identity_token": "planted-identity-token",
			}}),
			env:     []string{"HTTPS_PROXY=http://user:planted-environment@" + vacant.Address(t)},
			secrets: []string{"planted-environment"},
		}
	},
	"keys of the environment": func(t *testing.T, s *stage) planting {
		state := s.bucket(t)
		delete(state, "access_key_id")
		delete(state, "secret_access_key")
		delete(state, "session_token")
		return planting{
			source:  altered(s.DeploymentSource(), map[string]object{"state": state}),
			env:     []string{"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=planted-env-key", "AWS_SESSION_TOKEN=planted-env-session"},
			secrets: []string{"planted-env-key", "planted-env-session"}, works: true,
		}
	},
}
