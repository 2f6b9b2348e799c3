package layout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Outputs are what the stack gives to what is built on it. What a stack does not
// have, such as a NAT gateway in a VPC that was there before, is empty.
type Outputs struct {
	Region         string   // "eu-central-1"
	VPC            string   // "vpc-0a1b2c3d"
	Zones          []string // ["eu-central-1a", "eu-central-1b"]
	PublicSubnets  []string // ["subnet-0aaa", "subnet-0bbb"], one a zone
	PrivateSubnets []string // ["subnet-0ccc", "subnet-0ddd"], one a zone
	PublicCIDRs    []string // ["10.0.0.0/24", "10.0.1.0/24"], one a zone
	PrivateCIDRs   []string // ["10.0.16.0/20", "10.0.32.0/20"], one a zone

	DirectorSecurityGroup string // "sg-0a1b2c3d": of the director alone
	VMsSecurityGroup      string // of every VM that the director makes
	WebSecurityGroup      string // of the web node besides
	DatabaseSecurityGroup string // of the database service
	// UpgradeWorkerSecurityGroup is of the self-upgrade's own worker besides; it is there
	// without one, too.
	UpgradeWorkerSecurityGroup string

	WebAddress                string // "198.51.100.1", elastic
	WebAddressAllocation      string // "eipalloc-0a1b2c3d"
	DirectorAddress           string // "198.51.100.2", elastic
	DirectorAddressAllocation string // "eipalloc-0a1b2c3e"
	DirectorIP                string // "10.0.0.6", within the VPC
	NATAddress                string // "198.51.100.3": from which workers reach the internet

	KeyPair             string // "perpetual-ci", name
	KeyPairID           string // "key-0a1b2c3d"
	PrivateKeyParameter string // "/ec2/keypair/key-0a1b2c3d": SSM parameter with its private key

	DirectorInstanceProfile string // name
	WebInstanceProfile      string // name
	WorkerInstanceProfile   string // name; every VM that is not a web node must have it, or the director may not make it

	DatabaseHost     string // "….rds.amazonaws.com"; empty without the service
	DatabasePort     int    // 5432
	DatabaseName     string // "concourse"
	DatabaseUser     string // "concourse"
	DatabaseInstance string // identifier, "perpetual-ci-database-1abc2def"

	PipelineRole  string // ARN; empty without an issuer
	PipelineUser  string // name; empty with an issuer
	ReaderUser    string // name; empty in a stack of an older release
	ParameterPath string // "/perpetual/ci"
	OwnPath       string // "/perpetual-own/ci"; empty in a stack of an older release
}

// NewOutputs reads what CloudFormation gave. It fails if the database's port is no
// number, or if an output is missing that every stack of the template has.
func NewOutputs(given map[string]string) (Outputs, error) {
	for _, name := range []string{"Region", "VPC", "Zones", "PublicSubnets", "PrivateSubnets", "VMsSecurityGroup", "WebAddress"} {
		if given[name] == "" {
			return Outputs{}, fmt.Errorf("read the stack's outputs: %s is missing", name)
		}
	}
	o := Outputs{
		Region: given["Region"], VPC: given["VPC"], Zones: unpad(given["Zones"]),
		PublicSubnets: unpad(given["PublicSubnets"]), PrivateSubnets: unpad(given["PrivateSubnets"]),
		PublicCIDRs: unpad(given["PublicCIDRs"]), PrivateCIDRs: unpad(given["PrivateCIDRs"]),
		DirectorSecurityGroup: given["DirectorSecurityGroup"], VMsSecurityGroup: given["VMsSecurityGroup"],
		WebSecurityGroup: given["WebSecurityGroup"], DatabaseSecurityGroup: given["DatabaseSecurityGroup"],
		UpgradeWorkerSecurityGroup: given["UpgradeWorkerSecurityGroup"],
		WebAddress:                 given["WebAddress"], WebAddressAllocation: given["WebAddressAllocation"],
		DirectorAddress: given["DirectorAddress"], DirectorAddressAllocation: given["DirectorAddressAllocation"],
		DirectorIP: given["DirectorIP"], NATAddress: given["NATAddress"],
		KeyPair: given["KeyPair"], KeyPairID: given["KeyPairID"], PrivateKeyParameter: given["PrivateKeyParameter"],
		DirectorInstanceProfile: given["DirectorInstanceProfile"], WebInstanceProfile: given["WebInstanceProfile"],
		WorkerInstanceProfile: given["WorkerInstanceProfile"],
		DatabaseHost:          given["DatabaseHost"], DatabaseName: given["DatabaseName"], DatabaseUser: given["DatabaseUser"],
		DatabaseInstance: given["DatabaseInstance"], PipelineRole: given["PipelineRole"], PipelineUser: given["PipelineUser"], ReaderUser: given["ReaderUser"],
		ParameterPath: given["ParameterPath"], OwnPath: given["OwnPath"],
	}
	if port := given["DatabasePort"]; port != "" {
		number, err := strconv.Atoi(port)
		if err != nil || number < 1 || number > 65535 {
			return Outputs{}, fmt.Errorf("read the stack's outputs: DatabasePort %q is not a port", port)
		}
		o.DatabasePort = number
	}
	return o, nil
}

// unpad reads a list as the template gives it.
func unpad(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == none || s == "" })
}
