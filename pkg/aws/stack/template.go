package stack

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed stack.yml
var template []byte

//go:embed installer-policy.json
var installerPolicy string

// Template is the CloudFormation template: YAML with comments, for people too.
func Template() []byte { return append([]byte(nil), template...) }

// comment is a line that is nothing else.
var comment = regexp.MustCompile(`(?m)^ *#.*\n`)

// Body is the template as CloudFormation is sent it: without the comments, as it takes
// 51,200 bytes in a call.
func Body() []byte { return comment.ReplaceAll(template, nil) }

// Scope says for which installation a policy is. What is empty stays a placeholder
// such as ((account)).
type Scope struct {
	Partition string // "aws"
	Region    string // "eu-central-1"
	Account   string // "123456789012"
	Name      string // of the installation, "ci"
	Bucket    string // of the state, "perpetual-ci-123456789012-eu-central-1"
}

// InstallerPolicy is the IAM policy, as JSON, for whoever runs the installer: what
// deploy, plan, info and destroy need of AWS for one installation, and nothing more.
func InstallerPolicy(s Scope) []byte {
	var pairs []string
	for name, value := range map[string]string{
		"partition": s.Partition, "region": s.Region, "account": s.Account, "name": s.Name, "bucket": s.Bucket,
	} {
		if value != "" {
			pairs = append(pairs, "(("+name+"))", value)
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(installerPolicy))
}
