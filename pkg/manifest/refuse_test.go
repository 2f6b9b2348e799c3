package manifest_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestTemplates_refuse(t *testing.T) {
	cases := map[string]struct {
		kind, config string // config is added to the smallest one
		change       func(*manifest.Input)
		want         string
	}{
		"a director without zones": {kind: "director", change: func(in *manifest.Input) { in.Infrastructure.Zones = nil }, want: "no zone"},
		"a director without an address": {kind: "director", change: func(in *manifest.Input) {
			in.Infrastructure.DirectorIP = ""
		}, want: "no address"},
		"a range that is none": {kind: "director", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[0].PublicCIDR = "10.0.0.0"
		}, want: `the public subnet of eu-central-1a has the range "10.0.0.0"`},
		"IPv6": {kind: "cloud-config", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[1].PrivateCIDR = "fd00::/64"
		}, want: "the private subnet of eu-central-1b"},
		"a range that is too small": {kind: "cloud-config", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[0].PrivateCIDR = "10.0.0.0/29"
		}, want: "render the networks: the private subnet"},
		"an own range outside": {kind: "cloud-config", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[0].PublicRange = "10.0.9.0/25"
		}, want: `"10.0.9.0/25" does not lie`},
		"an own range that is larger": {kind: "cloud-config", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[0].PublicRange = "10.0.0.0/16"
		}, want: "does not lie"},
		"an own range without addresses": {kind: "cloud-config", change: func(in *manifest.Input) {
			in.Infrastructure.Zones[0].PublicRange = "10.0.0.0/30"
		}, want: "leaves BOSH no addresses in 10.0.0.0/30"},
		"a cloud config without zones":  {kind: "cloud-config", change: func(in *manifest.Input) { in.Infrastructure.Zones = nil }, want: "no zones"},
		"a price that is none":          {kind: "cloud-config", change: func(in *manifest.Input) { in.SpotCeiling = "cheap" }, want: `a spot worker may cost is "cheap"`},
		"spot without a price":          {kind: "cloud-config", change: func(in *manifest.Input) { in.SpotCeiling = "" }, want: `a spot worker may cost is ""`},
		"a user that is the pipeline's": {kind: "concourse", config: "auth: {local_users: {perpetual: x}}", want: "auth.local_users.perpetual: this user is the pipeline's own"},
		"two webs":                      {kind: "concourse", config: "web: {instances: 2}", want: "web.instances is more than 1"},
		"a web without an address": {kind: "concourse", change: func(in *manifest.Input) {
			in.Infrastructure.WebAddress = ""
		}, want: "no address for the web"},
		"a database that is not there": {kind: "concourse", change: func(in *manifest.Input) {
			in.Infrastructure.Database = manifest.Database{}
		}, want: "the infrastructure has no database"},
		"a PostgreSQL that nobody knows": {kind: "concourse", config: "database: {kind: vm}", want: "postgres_major"},
		"an ops file that does not fit": {kind: "concourse", change: func(in *manifest.Input) {
			in.User.OpsFiles = []template.File{{Name: "mine.yml", Text: []byte("- {type: remove, path: /nothing}")}}
		}, want: "apply ops file mine.yml"},
		"a pipeline without parameters": {kind: "pipeline", change: func(in *manifest.Input) { in.Infrastructure.ParameterPath = "" }, want: "no path of SSM parameters"},
		"a way that is none": {kind: "pipeline", config: "pipeline: {credentials: keys}", change: func(in *manifest.Input) {
			in.Infrastructure.PipelineRole = "arn"
		}, want: `pipeline.credentials is "keys"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := input(t, plain, nil)
			in.Config = parse(t, plain+c.config+"\n")
			if c.change != nil {
				c.change(&in)
			}
			tmpl, err := templates[c.kind](in)
			if err == nil {
				_, err = template.Render(tmpl)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a secret is in the error: %v", err)
			}
		})
	}
}

func TestVariables_refusesAUsersVariableThatIsNone(t *testing.T) {
	in := input(t, plain, nil)
	in.User.OpsFiles = []template.File{{Name: "mine.yml", Text: []byte("- {type: replace, path: /variables/-, value: {name: x, type: user}}")}}
	if _, err := manifest.Variables(in); err == nil || !strings.Contains(err.Error(), `variable "x" has type "user"`) {
		t.Errorf("error %v", err)
	}
}

// TestVariables_areNotAskedForWhatTheUserGives: a value in manifest.vars is the
// user's, and wins.
func TestVariables_areNotAskedForWhatTheUserGives(t *testing.T) {
	in := input(t, plain, nil)
	in.User.Vars = []map[string]any{{"encryption_key": "the-user's-own-of-32-characters!"}}
	list, err := manifest.Variables(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		if v.Name == "encryption_key" {
			t.Error("encryption_key would be generated")
		}
	}
	if text := string(render(t, "concourse", in)); !strings.Contains(text, "encryption_key: the-user's-own") {
		t.Error("the user's value is not in the manifest")
	}
}

// TestFirstVariables_areAmongAllOfThem with the same options, so that what was made
// first is kept.
func TestFirstVariables_areAmongAllOfThem(t *testing.T) {
	list, err := manifest.Variables(input(t, plain, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range manifest.FirstVariables() {
		found := false
		for _, v := range list {
			found = found || v.Name == first.Name && v.Type == first.Type && v.Options["length"] == first.Options["length"]
		}
		if !found {
			t.Errorf("%s is not among the variables as it was made first", first.Name)
		}
	}
}

// TestDirector_installerVariablesAreOfTheRunAlone renders as a run from outside and
// as one from inside with other keys: only what talks to the cloud and to the agent
// differs.
func TestDirector_installerVariablesAreOfTheRunAlone(t *testing.T) {
	in := inputs(t)["default"]
	outside := decoded(t, render(t, "director", in))
	in.Installer = manifest.Installer{AccessKey: secret.New("other"), SecretKey: secret.New("other"), SessionToken: secret.New("other"), Inside: true}
	inside := decoded(t, render(t, "director", in))
	for key := range outside {
		if a, b := dump(t, outside[key]), dump(t, inside[key]); (a != b) != (key == "cloud_provider") {
			t.Errorf("%s: differs is %v", key, a != b)
		}
	}
	tmpl, err := manifest.Director(in)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := manifest.Split(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	whole := decoded(t, text)
	if !strings.Contains(dump(t, whole["cloud_provider"]), "(("+manifest.InstallerPrefix) {
		t.Error("cloud_provider names no variable of the installer")
	}
	delete(whole, "cloud_provider")
	if strings.Contains(dump(t, whole), manifest.InstallerPrefix) {
		t.Error("a variable of the installer is in what the director is made of")
	}
}

func TestAccess_isByWhatTheInstallationHas(t *testing.T) {
	all := inputs(t)
	for name, want := range map[string]endpoint.Endpoint{
		"default":      {URL: "https://198.51.100.1", CACert: "CERTIFICATE of web_ca"},
		"everything":   {URL: "https://ci.example.com", CACert: "CERTIFICATE OF THE WEB"},
		"lets-encrypt": {URL: "https://ci.example.com"},
		"database-vm":  {URL: "https://198.51.100.1:8443", CACert: "CERTIFICATE of web_ca"},
	} {
		in := all[name]
		got := endpoint.Web(in.URL(), in.Config, in.Credentials)
		if got.URL != want.URL || got.CACert != want.CACert || got.Username != "perpetual" || got.Password.Reveal() != "atc_password-s3cret" {
			t.Errorf("%s: the web is reached by %+v, want %+v", name, got, want)
		}
	}
	got := endpoint.Director("10.0.0.6", all["default"].Credentials)
	if got.URL != "https://10.0.0.6:25555" || got.CACert != "CERTIFICATE of director_ca" || got.Username != "perpetual" || got.Password.Reveal() != "director_password-s3cret" {
		t.Errorf("the director is reached by %+v", got)
	}
	if none := endpoint.Director("10.0.0.6", nil); none.CACert != "" || !none.Password.Empty() {
		t.Errorf("without credentials it is reached by %+v", none)
	}
}
