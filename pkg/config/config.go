// Package config is perpetual.yml: what a user wants, with its defaults, its JSON
// schema, and how it is merged with what was wanted before. config/check says what is
// wrong with it.
package config

import (
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Config is perpetual.yml. Pointers and empty values are "not set": what is not
// set keeps its stored value, and without one gets its default.
type Config struct {
	Schema int    `yaml:"schema"` // 1; migrations lift older ones
	Name   string `yaml:"name"`   // "ci": names the stack, the bucket and the deployment; immutable

	AWS      *AWS     `yaml:"aws,omitempty"`      // absent: bring your own director
	Director Director `yaml:"director,omitempty"` // its VM, or, without aws, where it is
	Cloud    Cloud    `yaml:"cloud,omitempty"`    // without aws: what of the director's cloud config is used
	Access   Access   `yaml:"access,omitempty"`
	Web      Web      `yaml:"web,omitempty"`
	Workers  Workers  `yaml:"workers,omitempty"`
	Database Database `yaml:"database,omitempty"`
	Auth     Auth     `yaml:"auth,omitempty"`
	TLS      TLS      `yaml:"tls,omitempty"`
	Proxy    Proxy    `yaml:"proxy,omitempty"`
	Versions Versions `yaml:"versions,omitempty"`
	Upgrade  Upgrade  `yaml:"upgrade,omitempty"`
	GitHub   Upstream `yaml:"github,omitempty"`  // default: github.com
	BoshIO   Upstream `yaml:"bosh_io,omitempty"` // default: bosh.io
	Pipeline Pipeline `yaml:"pipeline,omitempty"`
	Manifest Manifest `yaml:"manifest,omitempty"`
	State    *State   `yaml:"state,omitempty"`

	// Reset are the keys that were written as null, such as "workers.tags": Merge
	// takes them back to their default. It is not a key itself.
	Reset []string `yaml:"-"`
	// Stale is what an earlier release has stored and this one refuses. Decode leaves it
	// out of the rest. It is not a key itself.
	Stale schema.Problems `yaml:"-"`
}

// AWS is where the infrastructure goes.
type AWS struct {
	Region  string            `yaml:"region"`            // "eu-central-1"; immutable
	Account string            `yaml:"account,omitempty"` // "123456789012": any other one is refused
	Zones   []string          `yaml:"zones,omitempty"`   // ["eu-central-1a", "eu-central-1b"]; default: two that offer the instance types; immutable
	Tags    map[string]string `yaml:"tags,omitempty"`    // on everything
	Network Network           `yaml:"network,omitempty"`
	// PermissionsBoundary is the ARN of a policy that bounds every role made here.
	PermissionsBoundary string `yaml:"permissions_boundary,omitempty"`
}

// Network is the VPC that is made, or the one that exists. Immutable.
type Network struct {
	CIDR string `yaml:"cidr,omitempty"` // "10.0.0.0/16", of the VPC that is made; subnets are cut from it

	VPC            string   `yaml:"vpc,omitempty"`             // "vpc-0a1b2c3d": one that exists, with the subnets below
	PublicSubnets  []string `yaml:"public_subnets,omitempty"`  // ["subnet-…"], one a zone
	PrivateSubnets []string `yaml:"private_subnets,omitempty"` // ["subnet-…"], one a zone, with a route to the internet
}

// Access says who may reach what, and by which name.
type Access struct {
	Domain string `yaml:"domain,omitempty"` // "ci.example.com"; default: the address of the web
	Port   int    `yaml:"port,omitempty"`   // of the web's HTTPS; default 443
	// HostedZone is the id of the Route 53 zone that gets the record, "Z0123456789ABC";
	// default: the zone of the account that holds the domain, none otherwise.
	HostedZone string   `yaml:"hosted_zone,omitempty"`
	Web        []string `yaml:"web,omitempty"`      // CIDRs that may reach Concourse; default ["0.0.0.0/0"]
	Director   []string `yaml:"director,omitempty"` // CIDRs that may reach the director from outside; default: the address from which deploy runs
}

// Director is the VM of the BOSH director, or, without aws, one that exists.
type Director struct {
	InstanceType string `yaml:"instance_type,omitempty"` // default "t3.medium"
	Disk         int    `yaml:"disk,omitempty"`          // GiB, persistent; default 40

	URL          string       `yaml:"url,omitempty"` // "https://10.0.0.6:25555"
	CACert       string       `yaml:"ca_cert,omitempty"`
	Client       string       `yaml:"client,omitempty"`
	ClientSecret secret.Value `yaml:"client_secret,omitempty"`
	Deployment   string       `yaml:"deployment,omitempty"` // "concourse" (default), on a director that exists; immutable
}

// Cloud says which names of a director's own cloud config Concourse is deployed with.
// What is not said is looked up there.
type Cloud struct {
	VMTypes    VMTypes  `yaml:"vm_types,omitempty"`
	DiskType   string   `yaml:"disk_type,omitempty"`   // "default", of the database's persistent disk
	Network    string   `yaml:"network,omitempty"`     // "default"
	AZs        []string `yaml:"azs,omitempty"`         // ["z1", "z2"]; default: those of the network
	WebAddress string   `yaml:"web_address,omitempty"` // "10.0.0.20": a static address of the network; default: any
	Stemcell   string   `yaml:"stemcell,omitempty"`    // "bosh-vsphere-esxi-ubuntu-jammy-go_agent"; default: by the director's CPI
}

// VMTypes are names of vm types.
type VMTypes struct {
	Web      string `yaml:"web,omitempty"`      // "default"
	Worker   string `yaml:"worker,omitempty"`   //
	Database string `yaml:"database,omitempty"` //
}

// Web is the web node.
type Web struct {
	Instances    int    `yaml:"instances,omitempty"`     // default 1
	InstanceType string `yaml:"instance_type,omitempty"` // default "t3.small"
	Disk         int    `yaml:"disk,omitempty"`          // GiB, ephemeral; default 20
}

// Workers are the worker VMs.
type Workers struct {
	Count         int      `yaml:"count,omitempty"`          // default 1
	InstanceTypes []string `yaml:"instance_types,omitempty"` // default ["m6a.xlarge", "m6i.xlarge", "m5.xlarge"]: the first that the zone offers
	Disk          int      `yaml:"disk,omitempty"`           // GiB, ephemeral; default 200
	Spot          *bool    `yaml:"spot,omitempty"`           // default true, with on-demand as fallback
	Tags          []string `yaml:"tags,omitempty"`
	DrainTimeout  string   `yaml:"drain_timeout,omitempty"` // "1h"
}

// Database is where Concourse keeps its data.
type Database struct {
	Kind         string `yaml:"kind,omitempty"`          // "rds" (default) or "vm"; immutable
	InstanceType string `yaml:"instance_type,omitempty"` // default "db.t4g.micro", or "t3.small" for a vm
	Storage      int    `yaml:"storage,omitempty"`       // GiB; default 20
	MultiZone    *bool  `yaml:"multi_zone,omitempty"`    // a standby in another zone; default false
	Version      int    `yaml:"version,omitempty"`       // 17: PostgreSQL's major; default: the one that is deployed
}

// Auth says who may log in. LDAP and others come by ops file.
type Auth struct {
	// LocalUsers are passwords by user; default: one, admin, with a generated password.
	LocalUsers map[string]secret.Value `yaml:"local_users,omitempty"`
	GitHub     *GitHubLogin            `yaml:"github,omitempty"`
	GitLab     *GitLabLogin            `yaml:"gitlab,omitempty"`
	OIDC       *OIDC                   `yaml:"oidc,omitempty"`
	// MainTeam says who is in the team main; default: the local users.
	MainTeam MainTeam `yaml:"main_team,omitempty"`
}

// ATCUser is the local user of Concourse that this project logs in as.
const ATCUser = "perpetual"

// GitHubLogin is a GitHub application by which people log in.
type GitHubLogin struct {
	Host         string       `yaml:"host,omitempty"` // "github.example.com"; default: the public one
	CACert       string       `yaml:"ca_cert,omitempty"`
	ClientID     string       `yaml:"client_id"`
	ClientSecret secret.Value `yaml:"client_secret"`
}

// GitLabLogin is a GitLab application by which people log in. Concourse has no setting
// for a CA here.
type GitLabLogin struct {
	Host         string       `yaml:"host,omitempty"` // "gitlab.example.com"; default: the public one
	ClientID     string       `yaml:"client_id"`
	ClientSecret secret.Value `yaml:"client_secret"`
}

// OIDC is a generic OpenID Connect provider.
type OIDC struct {
	DisplayName  string       `yaml:"display_name,omitempty"` // "Acme"
	Issuer       string       `yaml:"issuer"`                 // "https://login.example.com"
	CACert       string       `yaml:"ca_cert,omitempty"`
	ClientID     string       `yaml:"client_id"`
	ClientSecret secret.Value `yaml:"client_secret"`
	Scopes       []string     `yaml:"scopes,omitempty"`     // ["groups"]
	GroupsKey    string       `yaml:"groups_key,omitempty"` // "groups"
}

// MainTeam are members by connector, as Concourse names them.
type MainTeam struct {
	LocalUsers   []string `yaml:"local_users,omitempty"`
	GitHubUsers  []string `yaml:"github_users,omitempty"`
	GitHubOrgs   []string `yaml:"github_orgs,omitempty"`
	GitHubTeams  []string `yaml:"github_teams,omitempty"` // "org:team"
	GitLabUsers  []string `yaml:"gitlab_users,omitempty"`
	GitLabGroups []string `yaml:"gitlab_groups,omitempty"`
	OIDCUsers    []string `yaml:"oidc_users,omitempty"`
	OIDCGroups   []string `yaml:"oidc_groups,omitempty"`
}

// Modes of TLS.
const (
	TLSOwn         = "own"          // a certificate that is given
	TLSLetsEncrypt = "lets_encrypt" // Concourse gets one itself
)

// TLS is the certificate of the web.
type TLS struct {
	// Mode is "self_signed" (default), "lets_encrypt" (by Concourse itself; needs
	// access.domain) or "own".
	Mode        string       `yaml:"mode,omitempty"`
	Certificate string       `yaml:"certificate,omitempty"` // PEM, of mode own
	PrivateKey  secret.Value `yaml:"private_key,omitempty"`
	ACMEURL     string       `yaml:"acme_url,omitempty"` // directory of another ACME server
}

// Proxy is for director, web, workers and the containers on them.
type Proxy struct {
	HTTP  string   `yaml:"http,omitempty"`  // "http://proxy.example.com:3128"
	HTTPS string   `yaml:"https,omitempty"` //
	No    []string `yaml:"no,omitempty"`    // hosts and CIDRs; the VPC and 169.254.169.254 are added
}

// Versions are constraints on what is deployed, as in the resource's watch.
type Versions struct {
	Concourse string `yaml:"concourse,omitempty"` // "8.x"
	Stemcell  string `yaml:"stemcell,omitempty"`  // "1.x"
	BPM       string `yaml:"bpm,omitempty"`
	Postgres  string `yaml:"postgres,omitempty"`
	Perpetual string `yaml:"perpetual,omitempty"` // default: the major of the program that runs

	PerpetualRepository string   `yaml:"perpetual_repository,omitempty"` // default "perpetual-ci/perpetual"
	PerpetualMinAge     string   `yaml:"perpetual_min_age,omitempty"`    // "24h"
	PerpetualKeys       []string `yaml:"perpetual_keys,omitempty"`       // ["MCowBQYDK2VwAyEA…"]; default: the built-in ones
	PerpetualUnsigned   *bool    `yaml:"perpetual_unsigned,omitempty"`   // default false
}

// Upgrade is how an upgrade replaces web and workers: params.upgrade of the resource.
type Upgrade struct {
	Way            string `yaml:"way,omitempty"`              // "auto" (default), "web-first", "workers-first" or "quiet"
	QuietTimeout   string `yaml:"quiet_timeout,omitempty"`    // "30m": how long a quiet upgrade waits for builds to end
	OnQuietTimeout string `yaml:"on_quiet_timeout,omitempty"` // "give up" (default) or "go"
	Colocate       *bool  `yaml:"colocate,omitempty"`         // default true: the gate is colocated with the web
	// IgnoreSet lists the components that the manifest need not take, such as one that
	// an ops file pins: ["stemcell"].
	IgnoreSet []string `yaml:"ignore_set,omitempty"`
	// WorkerTag has the self-upgrade run on a worker of its own with this tag:
	// "self-upgrade". Without one it runs on any worker.
	WorkerTag string `yaml:"worker_tag,omitempty"`
}

// Upstream is where components come from, instead of the public one.
type Upstream struct {
	URL    string `yaml:"url,omitempty"`     // "https://mirror.example.com"
	CACert string `yaml:"ca_cert,omitempty"` // PEM
}

// Pipeline is the self-upgrade pipeline.
type Pipeline struct {
	Name        string       `yaml:"name,omitempty"`         // default "self-upgrade"
	Image       string       `yaml:"image,omitempty"`        // "ghcr.io/perpetual-ci/perpetual", or pinned: "…/perpetual:1.3.0@sha256:…"
	GitHubToken secret.Value `yaml:"github_token,omitempty"` // helps against rate limits
	// Credentials is how the pipeline gets at the account: "idtoken" where Concourse is
	// at a public HTTPS address, "ssm" otherwise; default: the one that fits.
	Credentials string `yaml:"credentials,omitempty"`
	// QuietUpgrades lets the pipeline pause all pipelines where an upgrade needs that: its
	// user is an owner of the team main then; default true.
	QuietUpgrades *bool    `yaml:"quiet_upgrades,omitempty"`
	OpsFiles      []string `yaml:"ops_files,omitempty"` // on the pipeline
}

// Manifest is what users change of the bundled manifests. It applies last.
type Manifest struct {
	OpsFiles         []string       `yaml:"ops_files,omitempty"`          // on Concourse's manifest
	DirectorOpsFiles []string       `yaml:"director_ops_files,omitempty"` // on the director's
	CloudOpsFiles    []string       `yaml:"cloud_config_ops_files,omitempty"`
	VarsFiles        []string       `yaml:"vars_files,omitempty"`
	Vars             map[string]any `yaml:"vars,omitempty"`
}

// State is where the state is kept. It is not stored itself.
type State struct {
	Dir    string `yaml:"dir,omitempty"`     // "./state"
	Bucket string `yaml:"bucket,omitempty"`  // default: "perpetual-NAME-ACCOUNT-REGION"
	KMSKey string `yaml:"kms_key,omitempty"` // default: S3's own encryption
	// SigningKey is the ARN or alias of the key of KMS that signs what the operator says;
	// default: the operator's key in a file.
	SigningKey string `yaml:"signing_key,omitempty"`
	// Encryption is "age", to the operator's key in a file, or "kms", with EncryptionKey;
	// default: as the state is, and age for a new one.
	Encryption    string `yaml:"encryption,omitempty"`
	EncryptionKey string `yaml:"encryption_key,omitempty"` // ARN or alias
}
