// Package pipelines holds the pipelines that come with this project.
package pipelines

import (
	"bytes"
	"cmp"
	_ "embed"
	"strconv"
	"strings"
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

// UpgradeJob is the job of SelfUpgrade that upgrades, one build at a time.
const UpgradeJob = "upgrade"

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

// Constraint bounds Concourse to the major of a version: "8.x" for "8.2.5", since a
// new major is nothing that anybody gets unasked. It is "" for what is not a version, and
// for 0.0.0, which is what a build of one's own calls itself.
func Constraint(concourse string) string {
	major, _, _ := strings.Cut(strings.TrimPrefix(concourse, "v"), ".")
	n, err := strconv.ParseUint(major, 10, 32)
	if err != nil || n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10) + ".x"
}

// ownMajor is the major of this source, for builds that have no version.
const ownMajor = "1.x"

// SelfUpgradeDefaults are the values of the variables that have a sensible one;
// anything else set for them wins. concourse is the version that is deployed, such as
// "8.2.5": without one there is no constraint for Concourse. program is the version of
// the Perpetual that runs, which stays with its major.
func SelfUpgradeDefaults(concourse, program string) map[string]any {
	defaults := map[string]any{
		"perpetual_image":      "ghcr.io/perpetual-ci/perpetual",
		"perpetual_repository": "perpetual-ci/perpetual",
		"perpetual_constraint": cmp.Or(Constraint(program), ownMajor),
		"perpetual_min_age":    "24h",   // others find the bug first, and the maintainers a stolen key
		"perpetual_keys":       []any{}, // the built-in ones
		"perpetual_unsigned":   false,
		"bpm_constraint":       "1.x",
		// A new major of postgres-release drops old majors of PostgreSQL: it reaches the
		// database VM when somebody asks for it.
		"postgres_constraint":        "54.x",
		"stemcell_name":              "bosh-aws-xen-hvm-ubuntu-jammy-go_agent",
		"stemcell_constraint":        "*", // its line is part of its name
		"deployment_name":            "concourse",
		"director_proxy":             "", // of ssh+socks5: give the next two, too
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
	if constraint := Constraint(concourse); constraint != "" {
		defaults["concourse_constraint"] = constraint
	}
	return defaults
}
