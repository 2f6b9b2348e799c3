// Package manifest renders what is deployed on AWS from a configuration and the
// infrastructure that is there: the director's create-env manifest, the cloud
// config, Concourse's manifest and the self-upgrade pipeline. For a director that
// exists it renders Concourse's manifest alone, with the names of its cloud config.
//
// Templates hold no credential: those are in the variables next to them. The names
// of properties are those of the releases' job specs; what the AWS CPI understands
// in cloud_properties is as its documentation has it.
package manifest

import (
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Input is all that the templates depend on.
type Input struct {
	Config         *config.Config // with its defaults
	Infrastructure Infrastructure
	InstanceTypes  InstanceTypes
	// Spread is over how many zones, from the first on, VMs are spread: those that offer
	// the instance types; 0 is all.
	Spread   int
	Versions Versions
	Program  string // version of the Perpetual that runs, "1.3.0"
	// PostgresMajor is the major of PostgreSQL on a db VM, 16. Without one its manifest
	// cannot be rendered: a default could be another one than that of the data.
	PostgresMajor int
	// SpotCeiling is the most that an hour of a spot worker may cost, in USD, "0.192": the
	// on-demand price or more. Without one the CPI makes on-demand instances.
	SpotCeiling string
	Installer   Installer
	// Reader is the key with which Concourse reads the pipeline's variables. Without one
	// the pipeline cannot be set.
	Reader Key
	// OperatorPublicKey is by which the pipeline knows the operator's documents; empty: it
	// is not told any.
	OperatorPublicKey string
	// Credentials are the values of Variables.
	Credentials secret.Values
	User        User
}

// Infrastructure is what the installation is built on.
type Infrastructure struct {
	Region string // "eu-central-1"
	VPC    string // "vpc-0a1b2c3d"
	CIDR   string // "10.0.0.0/16", of the VPC; for no_proxy
	Zones  []Zone

	DirectorAddress string // "198.51.100.2", elastic; empty: the director is reached at DirectorIP only
	DirectorIP      string // "10.0.0.6", in the first zone's public subnet
	WebAddress      string // "198.51.100.1", elastic
	EgressAddress   string // "198.51.100.3": from which workers reach the internet

	KeyPair        string // "perpetual-ci"
	KeyParameter   string // "/ec2/keypair/key-0a1b2c3d": SSM parameter with its private key
	SecurityGroups SecurityGroups
	Profiles       Profiles
	Database       Database

	PipelineUser  string // "perpetual-ci-pipeline": whose keys the pipeline has instead; empty: there is none
	PipelineRole  string // "arn:aws:iam::123456789012:role/perpetual-ci-pipeline"; empty: there is none
	ReaderUser    string // "perpetual-ci-reader": whose keys Concourse reads the pipeline's variables with
	ParameterPath string // "/perpetual/ci": the web node reads the SSM parameters below it
	OwnPath       string // "/perpetual-own/ci": below it are the pipeline's own, which the web node cannot read
}

// Zone is an availability zone with its two subnets.
type Zone struct {
	Name          string // "eu-central-1a"
	PublicSubnet  string // "subnet-0aaa": has a route to the internet gateway
	PrivateSubnet string // "subnet-0bbb": reaches the internet through the NAT gateway
	PublicCIDR    string // "10.0.0.0/24"
	PrivateCIDR   string // "10.0.16.0/20"
	// PublicRange and PrivateRange are the parts from which AWS itself gives no
	// addresses; BOSH keeps to them. Empty: the whole subnet but its first addresses.
	PublicRange  string // "10.0.0.128/25"
	PrivateRange string // "10.0.24.0/21"
}

// SecurityGroups say what may reach what.
type SecurityGroups struct {
	Director string // "sg-0aaa"
	VMs      string // of every VM that the director makes
	Web      string // of the web besides
	Database string // of the database service
	// UpgradeWorker is of the self-upgrade's own worker besides. Empty in what an older
	// version has written down.
	UpgradeWorker string
}

// Profiles are instance profiles by name.
type Profiles struct {
	Director string // "perpetual-ci-director": what the CPI needs
	Web      string // "perpetual-ci-web": reads the pipeline's parameters
	Worker   string // "perpetual-ci-worker"; empty: none
}

// Database is a database service. One without a host is none: a database.kind of vm
// wants none.
type Database struct {
	Host string // "perpetual-ci.abc.eu-central-1.rds.amazonaws.com"
	Port int    // 5432
	Name string // "concourse"
	User string // "concourse"
	// Major is PostgreSQL's, 17, as the stack has it; 0 where nobody knows.
	Major int
	// CA is the bundle of the service's CAs in PEM. With it the web checks who
	// answers; without it the connection is encrypted only.
	CA string
}

// InstanceTypes are those that every zone offers.
type InstanceTypes struct {
	Director string // "t3.medium"
	Web      string // "t3.small"
	Worker   string // "m6a.xlarge"
	Database string // "t3.medium", of a db VM
	// Compilation is of the VMs that compile packages; empty: like the workers.
	Compilation string
}

// Versions are of the component set that is deployed.
type Versions struct {
	Concourse    string // "8.3.0"
	BPM          string // "1.4.33"
	Postgres     string // "54.0.5"; only for a db VM
	StemcellName string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	Stemcell     string // "1.1364"
	Perpetual    string // "1.3.0"
	// PerpetualTag is how its image is named: by the signed digest, "sha256:…", or by the
	// version where the release is not signed; empty: by the version.
	PerpetualTag string
}

// Installer is how this run gets at AWS and at the director. It is in the variables
// whose names begin with InstallerPrefix.
type Installer struct {
	AccessKey    secret.Value
	SecretKey    secret.Value
	SessionToken secret.Value // of temporary keys
	// Inside says that this run is in the VPC, where the director has its own address.
	Inside bool
}

// InstallerPrefix begins the names of the variables that are of a run, not of the
// director: a change of theirs alone is no reason to make the director again.
const InstallerPrefix = "installer_"

// User is what the user changes. It applies last.
type User struct {
	OpsFiles         []template.File // on Concourse's manifest
	DirectorOpsFiles []template.File
	CloudOpsFiles    []template.File
	PipelineOpsFiles []template.File
	Vars             []map[string]any // vars files, then vars; later ones win
}
