// Package overlay reads the files that a user lays over the manifests, ops files and
// variables, and says what is wrong with them.
package overlay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/cloud"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Check finds what of the user's files cannot be used, without asking anybody: files
// that do not apply to the manifests, and variables that nothing gives a value. c is a
// whole configuration that check.Config finds nothing wrong with; what only the
// account knows stands in as an example. The keys of the problems are those of the
// files in the configuration, by which u was read.
func Check(c *config.Config, u manifest.User) schema.Problems {
	if empty(u) {
		return nil // the bundled templates alone are right for every configuration
	}
	in := example(c)
	if fine(in, u) {
		return nil
	}
	in.User = manifest.User{Vars: u.Vars}
	var problems schema.Problems
	whole := true
	for _, kind := range []struct {
		key  string
		from []string
		all  []template.File
		good *[]template.File
		make func(manifest.Input) (template.Template, error)
	}{
		{"manifest.ops_files", c.Manifest.OpsFiles, u.OpsFiles, &in.User.OpsFiles, manifest.Concourse},
		{"manifest.director_ops_files", c.Manifest.DirectorOpsFiles, u.DirectorOpsFiles, &in.User.DirectorOpsFiles, manifest.Director},
		{"manifest.cloud_config_ops_files", c.Manifest.CloudOpsFiles, u.CloudOpsFiles, &in.User.CloudOpsFiles, manifest.CloudConfig},
		{"pipeline.ops_files", c.Pipeline.OpsFiles, u.PipelineOpsFiles, &in.User.PipelineOpsFiles, manifest.Pipeline},
	} {
		if in.Config.AWS == nil && (kind.key == "manifest.director_ops_files" || kind.key == "manifest.cloud_config_ops_files") {
			continue // the rest is somebody else's
		}
		if renders(in, kind.make, true) != nil {
			whole = false // the configuration itself is wrong, which check.Config says
			continue
		}
		for _, file := range kind.all {
			before := *kind.good
			*kind.good = append(before[:len(before):len(before)], file)
			if err := renders(in, kind.make, true); err != nil {
				problems = append(problems, schema.Problem{Key: fmt.Sprintf("%s[%d]", kind.key, slices.Index(kind.from, file.Name)), Text: err.Error()})
				*kind.good = before // the next ones are judged without it
			}
		}
	}
	if problems != nil || !whole {
		return problems
	}
	return checkVariables(in)
}

// fine says that all is good, which it nearly always is, with each template rendered
// once. Where a kind has several files, an earlier one may be wrong in what a later one
// replaces: they are looked at one by one.
func fine(in manifest.Input, u manifest.User) bool {
	if in.User = u; in.Config.AWS == nil {
		in.User.DirectorOpsFiles, in.User.CloudOpsFiles = nil, nil
	}
	for _, files := range [][]template.File{in.User.OpsFiles, in.User.DirectorOpsFiles, in.User.CloudOpsFiles, in.User.PipelineOpsFiles} {
		if len(files) > 1 {
			return false
		}
	}
	return renders(in, manifest.Pipeline, true) == nil && checkVariables(in) == nil
}

// empty says whether the user has given nothing.
func empty(u manifest.User) bool {
	return len(u.OpsFiles)+len(u.DirectorOpsFiles)+len(u.CloudOpsFiles)+len(u.PipelineOpsFiles)+len(u.Vars) == 0
}

// renders says what keeps a template from being rendered.
func renders(in manifest.Input, of func(manifest.Input) (template.Template, error), partial bool) error {
	t, err := of(in)
	if err != nil {
		return err
	}
	t.Partial = partial
	text, err := template.Render(t)
	if err != nil {
		return err
	}
	return checkSecretTemplates(text)
}

// checkVariables looks whether every variable has a value, or is one that is generated.
func checkVariables(in manifest.Input) schema.Problems {
	list, err := manifest.Variables(in)
	if err != nil {
		return schema.Problems{{Key: "manifest", Text: err.Error()}}
	}
	in.Credentials = secret.Values{}
	for _, v := range list {
		in.Credentials[v.Name] = stand(v)
	}
	var problems schema.Problems
	for _, kind := range []struct {
		key  string
		make func(manifest.Input) (template.Template, error)
	}{
		{"manifest.ops_files", manifest.Concourse}, {"manifest.director_ops_files", manifest.Director}, {"manifest.cloud_config_ops_files", manifest.CloudConfig},
	} {
		if in.Config.AWS == nil && kind.key != "manifest.ops_files" {
			continue
		}
		if err := renders(in, kind.make, false); err != nil {
			problems = append(problems, schema.Problem{Key: kind.key, Text: err.Error()})
		}
	}
	return problems
}

// stand is a value of the form that a generated credential will have.
func stand(v credential.Variable) any {
	switch v.Type {
	case credential.TypePassword:
		return "x"
	case credential.TypeCertificate:
		return map[string]any{"ca": "x", "certificate": "x", "private_key": "x"}
	}
	return map[string]any{"private_key": "x", "public_key": "x", "public_key_fingerprint": "x"}
}

// example is an input with what a stack would give, and a component set.
func example(c *config.Config) manifest.Input {
	in := manifest.Input{
		Config: c, SpotCeiling: "1", PostgresMajor: cmp.Or(c.Database.Version, 17),
		Versions:  manifest.Versions{Concourse: "8.0.0", BPM: "1.0.0", Postgres: "54.0.0", StemcellName: "example", Stemcell: "1.0", Perpetual: "1.0.0"},
		Installer: manifest.Installer{},
		Infrastructure: manifest.Infrastructure{
			Region: "eu-central-1", VPC: "vpc-0", CIDR: "10.0.0.0/16", DirectorAddress: "192.0.2.2", DirectorIP: "10.0.0.6",
			WebAddress: "192.0.2.1", EgressAddress: "192.0.2.3", KeyPair: "example", ParameterPath: "/perpetual/" + c.Name,
			SecurityGroups: manifest.SecurityGroups{Director: "sg-0", VMs: "sg-1", Web: "sg-2", Database: "sg-3", UpgradeWorker: "sg-4"},
			Profiles:       manifest.Profiles{Director: "director", Web: "web", Worker: "worker"},
			Zones: []manifest.Zone{
				{Name: "eu-central-1a", PublicSubnet: "subnet-0", PrivateSubnet: "subnet-1", PublicCIDR: "10.0.0.0/24", PrivateCIDR: "10.0.16.0/20"},
				{Name: "eu-central-1b", PublicSubnet: "subnet-2", PrivateSubnet: "subnet-3", PublicCIDR: "10.0.1.0/24", PrivateCIDR: "10.0.32.0/20"},
			},
		},
		InstanceTypes: manifest.InstanceTypes{Director: c.Director.InstanceType, Web: c.Web.InstanceType, Worker: strings.Join(c.Workers.InstanceTypes[:min(1, len(c.Workers.InstanceTypes))], "")},
	}
	if c.Database.Kind == "vm" {
		in.InstanceTypes.Database = c.Database.InstanceType
	} else {
		in.Infrastructure.Database = manifest.Database{Host: "database.example.com", Port: 5432, Name: "concourse", User: "concourse", CA: "x"}
	}
	if c.Pipeline.Credentials == manifest.CredentialsIDToken {
		in.Infrastructure.PipelineRole = "arn:aws:iam::123456789012:role/example"
	}
	whole := *c
	if c.AWS != nil {
		in.Infrastructure.Region = c.AWS.Region
		whole.Web.Instances = min(1, c.Web.Instances) // check.Config refuses more; the files are looked at all the same
		in.Config = &whole
		return in
	}
	whole.Cloud, _ = cloud.Example(c.Cloud).Choose(c.Cloud, config.Cloud{})
	in.Config = &whole
	return in
}
