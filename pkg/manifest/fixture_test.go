package manifest_test

import (
	"maps"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

type object = map[string]any

// signedDigest is that of Perpetual's image in a signed set.
const signedDigest = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"

// parse reads a configuration and lays the defaults under it.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c := &config.Config{}
	if err := yaml.Unmarshal([]byte(text), c); err != nil {
		t.Fatal(err)
	}
	return config.Defaults(c)
}

// zones are the first n of a network 10.0.0.0/16 as the stack cuts it.
func zones(n int) []manifest.Zone {
	list := []manifest.Zone{
		{Name: "eu-central-1a", PublicSubnet: "subnet-0a", PrivateSubnet: "subnet-1a", PublicCIDR: "10.0.0.0/24", PrivateCIDR: "10.0.16.0/20"},
		{Name: "eu-central-1b", PublicSubnet: "subnet-0b", PrivateSubnet: "subnet-1b", PublicCIDR: "10.0.1.0/24", PrivateCIDR: "10.0.32.0/20"},
		{Name: "eu-central-1c", PublicSubnet: "subnet-0c", PrivateSubnet: "subnet-1c", PublicCIDR: "10.0.2.0/24", PrivateCIDR: "10.0.48.0/20"},
	}
	return list[:n]
}

// input is that of an installation for a configuration, with credentials whose
// values are made of their names.
func input(t *testing.T, text string, change func(*manifest.Input)) manifest.Input {
	t.Helper()
	in := manifest.Input{
		Config: parse(t, text),
		Infrastructure: manifest.Infrastructure{
			Region: "eu-central-1", VPC: "vpc-0a", CIDR: "10.0.0.0/16", Zones: zones(2),
			DirectorAddress: "198.51.100.2", DirectorIP: "10.0.0.6", WebAddress: "198.51.100.1", EgressAddress: "198.51.100.3",
			KeyPair: "perpetual-ci", ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci", ReaderUser: "perpetual-ci-reader",
			SecurityGroups: manifest.SecurityGroups{Director: "sg-director", VMs: "sg-vms", Web: "sg-web", Database: "sg-database", UpgradeWorker: "sg-upgrade-worker"},
			Profiles:       manifest.Profiles{Director: "ci-director", Web: "ci-web", Worker: "ci-worker"},
			Database: manifest.Database{
				Host: "ci.abc.eu-central-1.rds.amazonaws.com", Port: 5432, Name: "concourse", User: "concourse", CA: "CA OF THE SERVICE",
			},
		},
		InstanceTypes: manifest.InstanceTypes{Director: "t3.medium", Web: "t3.small", Worker: "m6a.xlarge", Database: "t3.small"},
		SpotCeiling:   "0.207",
		Versions: manifest.Versions{
			Concourse: "8.3.0", BPM: "1.4.33", Postgres: "54.0.5",
			StemcellName: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", Stemcell: "1.1364",
			Perpetual: "1.3.0", PerpetualTag: signedDigest,
		},
		Reader:    manifest.Key{ID: "AKIAREADER", Secret: secret.New("reader-s3cret")},
		Installer: manifest.Installer{AccessKey: secret.New("installer-key-s3cret"), SecretKey: secret.New("installer-secret-s3cret")},
	}
	if change != nil {
		change(&in)
	}
	in.Credentials = credentials(t, in)
	return in
}

// credentials stand for what pkg/credential makes.
func credentials(t *testing.T, in manifest.Input) object {
	t.Helper()
	list, err := manifest.Variables(in)
	if err != nil {
		t.Fatal(err)
	}
	values := object{manifest.StateKey: "state-key-s3cret"}
	for _, v := range list {
		switch v.Type {
		case credential.TypePassword:
			values[v.Name] = v.Name + "-s3cret"
		case credential.TypeCertificate:
			ca, _ := v.Options["ca"].(string)
			values[v.Name] = object{"certificate": "CERTIFICATE of " + v.Name, "private_key": v.Name + "-key-s3cret", "ca": "CERTIFICATE of " + ca}
		default:
			values[v.Name] = object{"private_key": v.Name + "-key-s3cret", "public_key": "PUBLIC KEY of " + v.Name}
		}
	}
	return values
}

const plain = "schema: 1\nname: ci\naws: {region: eu-central-1}\n"

const everything = `schema: 1
name: ci
aws:
  region: eu-central-1
  tags: {team: platform}
  network: {vpc: vpc-0a, public_subnets: [subnet-0a, subnet-0b, subnet-0c], private_subnets: [subnet-1a, subnet-1b, subnet-1c]}
access: {domain: ci.example.com}
director: {disk: 80}
web: {instance_type: t3.medium, disk: 40}
workers: {count: 4, disk: 400, spot: false, tags: [large, eu], drain_timeout: 2h}
auth:
  local_users: {ada: ada-s3cret, grace: grace-s3cret}
  github: {host: github.example.com, ca_cert: CA OF GITHUB, client_id: github-id, client_secret: github-s3cret}
  gitlab: {host: gitlab.example.com, client_id: gitlab-id, client_secret: gitlab-s3cret}
  oidc: {display_name: Acme, issuer: https://login.example.com, ca_cert: CA OF ACME, client_id: oidc-id, client_secret: oidc-s3cret, scopes: [groups], groups_key: groups}
  main_team: {local_users: [ada], github_teams: [acme:ops], github_orgs: [acme], github_users: [octo], gitlab_groups: [acme], gitlab_users: [lab], oidc_groups: [ops], oidc_users: [kay]}
tls: {mode: own, certificate: CERTIFICATE OF THE WEB, private_key: web-key-s3cret}
proxy: {http: http://proxy.example.com:3128, no: [.example.com]}
versions: {concourse: 8.x, stemcell: 1.x, bpm: 1.x, perpetual: ">=1.3"}
pipeline: {name: upgrade-ci, image: registry.example.com/perpetual, github_token: github-token-s3cret}
state: {bucket: acme-state, kms_key: alias/acme}
upgrade: {worker_tag: self-upgrade}
`

// usersOps change a property, and ask for a credential.
const usersOps = `
- type: replace
  path: /instance_groups/name=web/jobs/name=web/properties/max_active_tasks_per_worker?
  value: ((most_tasks))
- type: replace
  path: /instance_groups/name=web/jobs/name=web/properties/client_secret?
  value: ((extra))
- type: replace
  path: /variables/-
  value: {name: extra, type: password}
`

// inputs are the installations of which there are golden files.
func inputs(t *testing.T) map[string]manifest.Input {
	t.Helper()
	return map[string]manifest.Input{
		"default": input(t, plain, nil),
		"everything": input(t, everything, func(in *manifest.Input) {
			in.Infrastructure.Zones, in.Infrastructure.CIDR = zones(3), ""
			for n := range in.Infrastructure.Zones {
				z := &in.Infrastructure.Zones[n]
				z.PublicRange, z.PrivateRange = []string{"10.0.0.128/25", "10.0.1.128/25", "10.0.2.0/25"}[n], []string{"10.0.24.0/21", "10.0.40.0/21", "10.0.48.0/21"}[n]
			}
			in.Infrastructure.DirectorIP = "10.0.0.200"
			in.Infrastructure.PipelineRole = "arn:aws:iam::123456789012:role/perpetual-ci-pipeline"
			in.Installer.SessionToken, in.Installer.Inside = secret.New("installer-token-s3cret"), true
			in.User = manifest.User{
				OpsFiles:         []template.File{{Name: "limits.yml", Text: []byte(usersOps)}},
				DirectorOpsFiles: []template.File{{Name: "workers.yml", Text: []byte("- {type: replace, path: /instance_groups/name=director/jobs/name=director/properties/director/workers, value: 8}\n")}},
				CloudOpsFiles:    []template.File{{Name: "iops.yml", Text: []byte("- type: replace\n  path: /vm_types/name=worker/cloud_properties/ephemeral_disk/iops?\n  value: 6000\n")}},
				Vars:             []map[string]any{{"most_tasks": 10}, {"most_tasks": 20, "director_bosh_url": "https://mirror.example.com/bosh.tgz"}},
			}
		}),
		"database-vm": input(t, plain+"workers: {spot: false}\ndatabase: {kind: vm, storage: 50}\naccess: {web: [203.0.113.0/24], port: 8443}\n", func(in *manifest.Input) {
			in.Infrastructure.Database, in.Infrastructure.Zones = manifest.Database{}, zones(1)
			in.Infrastructure.DirectorAddress, in.SpotCeiling = "", ""
			in.PostgresMajor = 16
		}),
		"lets-encrypt": input(t, plain+"access: {domain: ci.example.com}\ntls: {mode: lets_encrypt, acme_url: https://acme.example.com/directory}\n", func(in *manifest.Input) {
			in.Infrastructure.PipelineRole = "arn:aws:iam::123456789012:role/perpetual-ci-pipeline"
			in.Infrastructure.Database.CA = ""
		}),
	}
}

// templates are what is made of an input, by the names of the golden files.
var templates = map[string]func(manifest.Input) (template.Template, error){
	"director": manifest.Director, "cloud-config": manifest.CloudConfig,
	"concourse": manifest.Concourse, "pipeline": manifest.Pipeline,
}

// render makes one of the templates of an input.
func render(t *testing.T, kind string, in manifest.Input) []byte {
	t.Helper()
	tmpl, err := templates[kind](in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := template.Render(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// decoded reads a YAML text.
func decoded(t *testing.T, text []byte) object {
	t.Helper()
	root := object{}
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// dump writes a part of a document, with sorted keys.
func dump(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTemplates_areAsTheGoldenFiles(t *testing.T) {
	for name, in := range inputs(t) {
		for _, kind := range slices.Sorted(maps.Keys(templates)) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				text := render(t, kind, in)
				testkit.Golden(t, "testdata/"+name+"-"+kind+".golden.yml", string(text))
			})
		}
	}
}
