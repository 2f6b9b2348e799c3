package resource_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func revealed(values []secret.Value) []string {
	var texts []string
	for _, v := range values {
		if !v.Empty() {
			texts = append(texts, v.Reveal())
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// harmless are the variables of the bundled manifest that anybody may see. A new
// variable is in this list, or is masked.
var harmless = []string{
	"azs", "bpm_version", "cluster_name", "concourse_version", "db_persistent_disk_type", "db_vm_type",
	"deployment_name", "drain_timeout", "external_url", "main_team_users", "network_name", "postgres_version", "postgres_major",
	"stemcell_name", "stemcell_version", "web_instances", "web_vm_type", "worker_instances", "worker_tags", "worker_vm_type",
}

func TestSecretVars_knowEveryCredentialOfTheBundledManifest(t *testing.T) {
	text, err := os.ReadFile("../manifest/bundle/concourse.yml")
	if err != nil {
		t.Fatal(err)
	}
	var private []string
	for _, match := range regexp.MustCompile(`\(\(([a-z_]+)\)\)`).FindAllStringSubmatch(string(text), -1) {
		name := match[1]
		var value any = "canary-of-" + name
		switch name {
		case "local_users":
			value = []any{"admin:canary-of-" + name}
		case "main_team_users":
			value = []any{"canary-of-" + name}
		case "token_signing_key":
			value = map[string]any{"private_key": "canary-of-" + name}
		}
		masked := slices.Contains(revealed(resource.SecretVars(map[string]any{name: value})), "canary-of-"+name)
		if masked == slices.Contains(harmless, name) {
			t.Errorf("%s: masked %v", name, masked)
		}
		if masked {
			private = append(private, name)
		}
	}
	if !slices.Contains(private, "local_users") || !slices.Contains(private, "worker_private_key") {
		t.Errorf("the manifest's credentials are only %q", private)
	}
}

func TestSecretVars_findCredentials(t *testing.T) {
	cases := []struct {
		name string
		vars map[string]any
		want []string
	}{
		{"a local user", map[string]any{"local_users": []any{"admin:pa:ss"}}, []string{"admin:pa:ss", "pa:ss"}},
		{"as the job spec calls it", map[string]any{"add_local_users": []any{"a:first", "b:second"}}, []string{"a:first", "b:second", "first", "second"}},
		{"several in one text", map[string]any{"local_users": "a:first,b:second"}, []string{"a:first", "a:first,b:second", "b:second", "first", "second"}},
		{"names of users", map[string]any{"main_team_users": []any{"admin", "alice"}}, nil},
		{"a user with a password of its own", map[string]any{"users": []any{map[string]any{"name": "admin", "password": "canary"}}}, []string{"canary"}},
		{"ldap", map[string]any{"ldap_auth": map[string]any{"bind_dn": "cn=admin", "bind_pw": "canary"}}, []string{"canary"}},
		{"a name with dots", map[string]any{"tls.key": "canary", "auth.users": "admin:other-canary"}, []string{"admin:other-canary", "canary", "other-canary"}},
		{"a map with other keys than texts", map[string]any{"auth": map[any]any{1: 2, "password": "canary"}}, []string{"canary"}},
		{"passphrase", map[string]any{"key_passphrase": "canary"}, []string{"canary"}},
		{"dashes", map[string]any{"encryption-key": "canary"}, []string{"canary"}},
		{"in a URL", map[string]any{"http_proxy": "http://user:p%40ss@proxy:3128"}, []string{"p%40ss", "p@ss"}},
		{"a user in a URL", map[string]any{"http_proxy": "http://user@proxy:3128"}, nil},
		{"placeholders", map[string]any{"local_users": "((users))", "password": "((password))", "u": "https://a:((p))@h"}, nil},
		{"what only sounds like a key", map[string]any{"keyboard": "de", "monkey": "x", "passport": "x"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := revealed(resource.SecretVars(c.vars)); !slices.Equal(got, c.want) {
				t.Errorf("secrets %q, want %q", got, c.want)
			}
		})
	}
}

func TestSource_secretsHoldThoseOfTheProxy(t *testing.T) {
	for proxy, want := range map[string][]string{
		`"proxy":"socks5://user:canary@10.0.0.5:1080"`:       {"canary", "hunter22"},
		`"proxy":"socks5://user:can%2Fary@10.0.0.5:1080"`:    {"can%2Fary", "can/ary", "hunter22"},
		`"proxy":"socks5://user:c%zz/@@10.0.0.5:1080"`:       {"c%zz/@", "hunter22"},
		`"proxy":"ssh+socks5://jumpbox@10.0.0.5:22"`:         {"hunter22"},
		`"proxy":"ssh+socks5://j@h","proxy_private_key":"k"`: {"hunter22", "k"},
	} {
		req, err := resource.DecodeCheck(strings.NewReader(`{"source":{"deployment":"c",` + strings.TrimSuffix(director, "}") + "," + proxy + `}}}`))
		if err != nil {
			t.Errorf("%s: %v", proxy, err)
		}
		if got := revealed(req.Source.Secrets()); !slices.Equal(got, want) {
			t.Errorf("%s: secrets %q, want %q", proxy, got, want)
		}
	}
}
