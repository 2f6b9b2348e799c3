// Package pipelines holds the pipelines that come with this project.
package pipelines

import (
	"bytes"
	_ "embed"
)

var (
	//go:embed self-upgrade.yml
	selfUpgrade []byte
	//go:embed aws.yml
	aws []byte
	//go:embed aws-idtoken.yml
	awsIDToken []byte
	//go:embed aws-ssm.yml
	awsSSM []byte
)

// SelfUpgrade is the pipeline with which a Concourse upgrades itself, with its
// variables unfilled.
func SelfUpgrade() []byte { return bytes.Clone(selfUpgrade) }

// AWS are the ops that make SelfUpgrade the pipeline of an installation on AWS. One
// of AWSIDToken and AWSSSM comes after them.
func AWS() []byte { return bytes.Clone(aws) }

// AWSIDToken are the ops for a pipeline that gets AWS keys for an identity token.
func AWSIDToken() []byte { return bytes.Clone(awsIDToken) }

// AWSSSM are the ops for a pipeline whose AWS keys are SSM parameters.
func AWSSSM() []byte { return bytes.Clone(awsSSM) }

// SelfUpgradeDefaults are the values of the variables that have a sensible one;
// anything else set for them wins.
func SelfUpgradeDefaults() map[string]any {
	return map[string]any{
		"perpetual_image":      "ghcr.io/perpetual-ci/perpetual",
		"perpetual_repository": "perpetual-ci/perpetual",
		"perpetual_constraint": ">=0.0.0",
		"concourse_constraint": "*",
		"bpm_constraint":       "*",
		// A major version of postgres-release is one of PostgreSQL, and may need a
		// hand and a backup: it reaches the database VM when somebody asks for it.
		"postgres_constraint":        "54.x",
		"stemcell_name":              "bosh-aws-xen-hvm-ubuntu-jammy-go_agent",
		"stemcell_constraint":        "*",
		"deployment_name":            "concourse",
		"director_proxy":             "", // of ssh+socks5: give the private key, too
		"director_proxy_private_key": "",
		"director_proxy_host_key":    "",
		"director_username":          "", // a director without UAA: set these, and client and secret to ""
		"director_password":          "",
		"atc_team":                   "main",
		"atc_ca_cert":                "",
		"github_token":               "",
		"github_url":                 "",
		"github_ca_cert":             "",
		"bosh_io_url":                "",
		"bosh_io_ca_cert":            "",
	}
}
