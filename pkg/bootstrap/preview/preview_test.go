package preview_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preview"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// input is that of an installation on AWS, with credentials whose values are made of their
// names and end in s3cret.
func input(t *testing.T, change func(*manifest.Input)) manifest.Input {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\ndatabase: {kind: vm}\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := manifest.Input{
		Config: config.Defaults(c), PostgresMajor: 16, SpotCeiling: "0.207",
		Infrastructure: manifest.Infrastructure{
			Region: "eu-central-1", CIDR: "10.0.0.0/16", DirectorIP: "10.0.0.6", WebAddress: "198.51.100.1",
			Zones: []manifest.Zone{{Name: "eu-central-1a", PublicSubnet: "subnet-0a", PrivateSubnet: "subnet-1a", PublicCIDR: "10.0.0.0/24", PrivateCIDR: "10.0.16.0/20"}},
		},
		Versions:  manifest.Versions{Concourse: "8.2.5", BPM: "1.4.20", Postgres: "54.0.5", StemcellName: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", Stemcell: "1.1364"},
		Installer: manifest.Installer{AccessKey: secret.New("AKIAINSTALLER"), SecretKey: secret.New("installer-s3cret")},
	}
	variables, err := manifest.Variables(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Credentials = secret.Values{"mbus_password": "mbus-s3cret"}
	for _, v := range variables {
		if in.Credentials[v.Name] = v.Name + "-s3cret"; v.Type != "password" {
			in.Credentials[v.Name] = map[string]any{"ca": "CA", "certificate": "CERTIFICATE", "private_key": v.Name + "-s3cret", "public_key": "PUBLIC"}
		}
	}
	if change != nil {
		change(&in)
	}
	return in
}

// deployed is Concourse's manifest of an input as the director has it.
func deployed(t *testing.T, in manifest.Input) []byte {
	t.Helper()
	rendered, err := manifest.Concourse(in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := template.Render(rendered)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A first plan lists all that is made, with what is fetched, and none of the secrets.
func TestFirst_listsAllThatIsMade(t *testing.T) {
	in := input(t, nil)
	for name, of := range map[string]struct {
		render preview.Renderer
		has    []string
	}{
		"the director":     {manifest.Director, []string{"+ name: ", "+ releases/bosh/url: https://", "(hidden)"}},
		"Concourse":        {manifest.Concourse, []string{"+ releases/concourse/version: 8.2.5", "/version: 1.1364", "external_url: https://198.51.100.1", "(hidden)"}},
		"the cloud config": {manifest.CloudConfig, []string{"subnet-1a"}},
	} {
		lines := preview.First(in, of.render)
		text := strings.Join(lines, "\n")
		for _, part := range of.has {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the lines lack %q:\n%s", name, part, text)
			}
		}
		if i := slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "+ ") }); i >= 0 {
			t.Errorf("%s: it says %q", name, lines[i])
		}
		// The installer's own keys are of this run, and no part of what is made.
		for _, secret := range []string{"s3cret", "AKIAINSTALLER"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s is shown", name, secret)
			}
		}
	}
	plain := strings.Join(preview.First(in, manifest.Director), "\n")
	in.Installer = manifest.Installer{AccessKey: secret.New("AKIAOTHER"), SecretKey: secret.New("other"), SessionToken: secret.New("token")}
	if with := strings.Join(preview.First(in, manifest.Director), "\n"); with != plain {
		t.Error("another run's keys change what is shown of the director")
	}
}

// What cannot be rendered before there is a stack does not fail the plan.
func TestFirst_saysWhatIsNotKnownYet(t *testing.T) {
	in := input(t, func(in *manifest.Input) { in.Infrastructure = manifest.Infrastructure{} })
	if lines := preview.First(in, manifest.Concourse); len(lines) != 1 || !strings.HasPrefix(lines[0], "! not known yet: ") || !strings.Contains(lines[0], "no zone") {
		t.Errorf("it says %q", lines)
	}
	failing := func(ops string) preview.Renderer {
		return func(manifest.Input) (template.Template, error) {
			return template.Template{File: template.File{Name: "m.yml", Text: []byte("name: x\n")}, OpsFiles: []template.File{{Name: "ops.yml", Text: []byte(ops)}}}, nil
		}
	}
	if lines := preview.First(in, failing("- {type: remove, path: /nothing}\n")); len(lines) != 1 || !strings.HasPrefix(lines[0], "! not known yet: ") || !strings.Contains(lines[0], "ops.yml") {
		t.Errorf("of ops that do not apply it says %q", lines)
	}
	if lines := preview.NotYet(errors.New("no stack")); !slices.Equal(lines, []string{"! not known yet: no stack"}) {
		t.Errorf("it says %q", lines)
	}
}

// The director hides the values of all properties. Those that change are shown, a secret as
// another value, and nothing where nothing changes.
func TestValues_showWhatTheDirectorHides(t *testing.T) {
	before := deployed(t, input(t, nil))
	for name, of := range map[string]struct {
		change func(*manifest.Input)
		want   []string // parts of the lines; nil: no line
	}{
		"nothing":                        {nil, nil},
		"another run's keys":             {func(in *manifest.Input) { in.Installer.SecretKey = secret.New("other-s3cret") }, nil},
		"a property":                     {func(in *manifest.Input) { in.Config.Access.Domain = "ci.example.com" }, []string{"/external_url: https://198.51.100.1 → https://ci.example.com"}},
		"a secret":                       {func(in *manifest.Input) { in.Credentials["encryption_key"] = "new-s3cret" }, []string{"/encryption_key: (hidden), another value"}},
		"what the director shows itself": {func(in *manifest.Input) { in.Versions.Stemcell = "1.1365" }, nil},
	} {
		lines, err := preview.Values(input(t, of.change), before)
		text := strings.Join(lines, "\n")
		if err != nil || (len(lines) == 0) != (of.want == nil) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: it says\n%s\n%v", name, text, err)
		}
		for _, part := range of.want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the lines lack %q:\n%s", name, part, text)
			}
		}
	}
}

// What an upgrade adds to a manifest is in no property of ours, and is no change. What is
// not deployed at all, the director shows.
func TestValues_leaveOutWhatTheUpgradeAdds(t *testing.T) {
	in := input(t, nil)
	before := deployed(t, in)
	gated := deployed(t, input(t, func(in *manifest.Input) {
		in.User.OpsFiles = []template.File{{Name: "gate.yml", Text: []byte("- {type: replace, path: '/instance_groups/name=web/jobs/name=web/properties/gate?', value: closed}\n")}}
	}))
	if lines, err := preview.Values(in, gated); err != nil || len(lines) > 0 {
		t.Errorf("it says %q, %v", lines, err)
	}
	if lines, err := preview.Values(in, nil); err != nil || len(lines) > 0 {
		t.Errorf("of a first deploy it says %q, %v", lines, err)
	}
	if _, err := preview.Values(in, []byte("a: [")); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("of a text that is not YAML: %v", err)
	}
	in.Infrastructure = manifest.Infrastructure{}
	if _, err := preview.Values(in, before); err == nil || !strings.Contains(err.Error(), "no zone") {
		t.Errorf("of what cannot be rendered: %v", err)
	}
}
