package credential_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/credential"
)

type object = map[string]any

const section = `
variables:
- {name: server_tls, type: certificate, options: {ca: ca, common_name: web, alternative_names: [ci.example.com, 10.0.0.6]}}
- {name: ca, type: certificate, options: {is_ca: true, common_name: the-ca}}
- {name: client_tls, type: certificate, options: {ca: ca, common_name: client, extended_key_usage: [client_auth]}}
- {name: password, type: password, options: {length: 32}}
- {name: short, type: password}
- {name: signing_key, type: rsa}
- {name: host_key, type: ssh}
`

func variables(t *testing.T, text string) []credential.Variable {
	t.Helper()
	list, err := credential.Variables([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func generate(t *testing.T, text string, have object, o credential.Options) (all object, added []string) {
	t.Helper()
	all, added, err := credential.Generate(t.Context(), variables(t, text), have, o)
	if err != nil {
		t.Fatal(err)
	}
	return all, added
}

// first generates the section once for all tests: keys take a second each.
var first = sync.OnceValues(func() (object, error) {
	list, err := credential.Variables([]byte(section))
	if err != nil {
		return nil, err
	}
	all, _, err := credential.Generate(context.Background(), list, nil, credential.Options{})
	return all, err
})

func made(t *testing.T) object {
	t.Helper()
	all, err := first()
	if err != nil {
		t.Fatal(err)
	}
	return maps.Clone(all)
}

func certificate(t *testing.T, all object, name string) *x509.Certificate {
	t.Helper()
	fields, ok := all[name].(object)
	if !ok {
		t.Fatalf("%s is a %T", name, all[name])
	}
	if _, err := tls.X509KeyPair([]byte(fields["certificate"].(string)), []byte(fields["private_key"].(string))); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	block, _ := pem.Decode([]byte(fields["certificate"].(string)))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGenerate_makesWhatTheSectionAsksFor(t *testing.T) {
	all := made(t)
	names := slices.Sorted(maps.Keys(all))
	if diff := cmp.Diff([]string{"ca", "client_tls", "host_key", "password", "server_tls", "short", "signing_key"}, names); diff != "" {
		t.Fatal(diff)
	}
	if p, _ := all["password"].(string); len(p) != 32 {
		t.Errorf("the password has %d characters, want 32", len(p))
	}
	if p, _ := all["short"].(string); len(p) < 16 {
		t.Errorf("the other password has %d characters, want at least 16", len(p))
	}
	host, _ := all["host_key"].(object)
	if public, _ := host["public_key"].(string); !strings.HasPrefix(public, "ssh-") {
		t.Errorf("the public SSH key is %q", public)
	}
	signing, _ := all["signing_key"].(object)
	if public, _ := signing["public_key"].(string); !strings.Contains(public, "PUBLIC KEY") {
		t.Errorf("the public RSA key is %q", public)
	}
}

func TestGenerate_certificatesServeTheirPurpose(t *testing.T) {
	all := made(t)
	ca, server, client := certificate(t, all, "ca"), certificate(t, all, "server_tls"), certificate(t, all, "client_tls")
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, name := range []string{"ci.example.com", "10.0.0.6"} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("the server's certificate as %s: %v", name, err)
		}
	}
	if _, err := client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("the client's certificate: %v", err)
	}
	if _, err := client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("the client's certificate serves a server")
	}
	years := func(c *x509.Certificate) int { return int(c.NotAfter.Sub(c.NotBefore).Hours() / 24 / 365) }
	if years(ca) != 10 || years(server) != 2 || years(client) != 2 {
		t.Errorf("they last %d, %d and %d years, want 10, 2 and 2", years(ca), years(server), years(client))
	}
}

func TestGenerate_keepsWhatIsThere(t *testing.T) {
	have := made(t)
	have["another"] = "of an older version"
	before := maps.Clone(have)
	all, added := generate(t, section, have, credential.Options{RenewBefore: 30 * 24 * time.Hour})
	if len(added) != 0 {
		t.Errorf("made again: %v", added)
	}
	if diff := cmp.Diff(before, all); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestGenerate_makesCertificatesAgainThatNoLongerFit(t *testing.T) {
	const leaf = "- {name: server_tls, type: certificate, options: {ca: ca, common_name: web, alternative_names: [ci.example.com, 10.0.0.6]}}"
	cases := map[string]struct {
		change  [2]string
		options credential.Options
		without string
		want    []string
	}{
		"another domain":    {change: [2]string{"ci.example.com", "ci.example.org"}, want: []string{"server_tls"}},
		"one name more":     {change: [2]string{"10.0.0.6]", "10.0.0.6, 10.0.0.7]"}, want: []string{"server_tls"}},
		"one name less":     {change: [2]string{", 10.0.0.6", ""}, want: []string{"server_tls"}},
		"another subject":   {change: [2]string{"common_name: web", "common_name: atc"}, want: []string{"server_tls"}},
		"another use":       {change: [2]string{"[client_auth]", "[client_auth, server_auth]"}, want: []string{"client_tls"}},
		"names in an order": {change: [2]string{"ci.example.com, 10.0.0.6", "10.0.0.6, ci.example.com"}},
		"the CA's subject":  {change: [2]string{"the-ca", "another-ca"}},
		"it has ended":      {options: credential.Options{Now: time.Now().AddDate(3, 0, 0)}, want: []string{"server_tls", "client_tls"}},
		"it ends soon":      {options: credential.Options{Now: time.Now().AddDate(2, 0, -10), RenewBefore: 30 * 24 * time.Hour}, want: []string{"server_tls", "client_tls"}},
		"the CA has ended":  {options: credential.Options{Now: time.Now().AddDate(11, 0, 0)}, want: []string{"server_tls", "client_tls"}},
		"the CA is gone":    {without: "ca", want: []string{"ca", "server_tls", "client_tls"}},
		"it is not there":   {without: "server_tls", want: []string{"server_tls"}},
	}
	if !strings.Contains(section, leaf) {
		t.Fatal("the section has changed")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := made(t)
			delete(have, c.without)
			text := section
			if c.change[0] != "" {
				text = strings.ReplaceAll(section, c.change[0], c.change[1])
			}
			all, added := generate(t, text, have, c.options)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, slices.Sorted(slices.Values(added))); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
			ca := certificate(t, all, "ca")
			for _, leaf := range []string{"server_tls", "client_tls"} {
				if err := certificate(t, all, leaf).CheckSignatureFrom(ca); err != nil {
					t.Errorf("%s is not of the CA that is there: %v", leaf, err)
				}
			}
			if all["password"] != have["password"] {
				t.Error("the password has changed")
			}
		})
	}
}

func TestGenerate_leavesDoNotOutliveTheirCA(t *testing.T) {
	const text = `
variables:
- {name: ca, type: certificate, options: {is_ca: true, common_name: ca, duration: 30}}
- {name: tls, type: certificate, options: {ca: ca, common_name: web}}
- {name: short_tls, type: certificate, options: {ca: ca, common_name: web, duration: 3}}
`
	all, _ := generate(t, text, nil, credential.Options{})
	ca, leaf, short := certificate(t, all, "ca"), certificate(t, all, "tls"), certificate(t, all, "short_tls")
	if leaf.NotAfter.After(ca.NotAfter) {
		t.Errorf("the certificate ends at %s, its CA at %s", leaf.NotAfter, ca.NotAfter)
	}
	if days := short.NotAfter.Sub(short.NotBefore).Hours() / 24; days != 3 {
		t.Errorf("a duration of 3 gives %v days", days)
	}
}

func TestGenerate_refuses(t *testing.T) {
	all := made(t)
	foreign := maps.Clone(all)
	foreign["server_tls"] = object{"certificate": all["server_tls"].(object)["certificate"], "private_key": all["client_tls"].(object)["private_key"]}
	cases := map[string]struct {
		text string
		have object
		want string
	}{
		"a signer that is nowhere":   {text: "- {name: a, type: certificate, options: {ca: b, common_name: a}}", want: "generate a: there is no certificate b"},
		"certificates in a circle":   {text: "- {name: a, type: certificate, options: {ca: a, common_name: a}}", want: "signed by itself"},
		"a signer that is not a CA":  {text: "- {name: a, type: certificate, options: {ca: server_tls, common_name: a}}", have: all, want: "server_tls is not a certificate of a CA"},
		"a leaf without a signer":    {text: "- {name: a, type: certificate, options: {common_name: a}}", want: "generate a"},
		"an unknown option":          {text: "- {name: a, type: password, options: {size: 3}}", want: "generate a"},
		"a password that is a pair":  {text: "- {name: host_key, type: password}", have: all, want: "host_key is kept, but is no password"},
		"a pair that is a password":  {text: "- {name: password, type: ssh}", have: all, want: "password is kept, but is no ssh"},
		"a CA that is a leaf":        {text: "- {name: server_tls, type: certificate, options: {is_ca: true, common_name: ca}}", have: all, want: "not the certificate of a CA"},
		"a certificate that is text": {text: "- {name: password, type: certificate, options: {is_ca: true, common_name: ca}}", have: all, want: "password is kept, but is no certificate"},
		"a damaged certificate":      {text: "- {name: a, type: certificate, options: {is_ca: true, common_name: ca}}", have: object{"a": object{"certificate": "canary", "private_key": "canary"}}, want: "a is damaged"},
		"a key of another":           {text: section[len("\nvariables:\n"):], have: foreign, want: "server_tls is damaged"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list := variables(t, "variables:\n"+c.text)
			got, _, err := credential.Generate(t.Context(), list, c.have, credential.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if got != nil {
				t.Error("it gave credentials with the error")
			}
			for _, s := range credential.Secrets(c.have) {
				if strings.Contains(err.Error(), s.Reveal()) {
					t.Errorf("a credential is in the error: %v", err)
				}
			}
		})
	}
}

func TestGenerate_endsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	_, _, err := credential.Generate(ctx, variables(t, section), nil, credential.Options{})
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
}

func TestVariables_refusesWhatIsNoSection(t *testing.T) {
	cases := map[string]string{
		"variables: [{name: a, type: user}]":                                                                      `"a" has type "user"`,
		"variables: [{type: password}]":                                                                           "has no name",
		"variables: [{name: a, type: password}, {name: a, type: rsa}]":                                            "a is there twice",
		"variables: [{name: a, type: certificate, options: {ca: b, common_name: ((host))}}]":                      "a variable without a value",
		"variables: [{name: a, type: certificate, options: {ca: b, common_name: c, alternative_names: ((ips))}}]": "a variable without a value",
		"variables: canary": "not a list",
		"- {":               "not a list",
	}
	for text, want := range cases {
		if _, err := credential.Variables([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	if list, err := credential.Variables([]byte("name: concourse")); err != nil || len(list) != 0 {
		t.Errorf("a manifest without the section gives %v, %v", list, err)
	}
}
