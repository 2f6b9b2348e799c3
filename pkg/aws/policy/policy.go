// Package policy has the IAM policies that somebody else makes before an installation: for
// whoever runs the installer, and the boundary of what the installer may hand on.
package policy

import (
	_ "embed"
	"strings"
)

//go:embed installer-policy.json
var installer string

//go:embed installer-director-policy.json
var director string

//go:embed installer-identity-policy.json
var identity string

//go:embed boundary-policy.json
var boundary string

// Scope says for which installation a policy is. What is empty stays a placeholder
// such as ((account)).
type Scope struct {
	Partition string // "aws"
	Region    string // "eu-central-1"
	Account   string // "123456789012"
	Name      string // of the installation, "ci"
	Bucket    string // of the state, "perpetual-ci-123456789012-eu-central-1"
	Domain    string // of Concourse, "ci.example.com"; "none" where it has none
	Zone      string // of Route 53 that holds the domain, "Z0123456789ABC"; "none" likewise
	KeyPair   string // "key-0a1b2c3d", which info knows once the key pair is made; "*" before
	// SigningKey is the id of the key of state.signing_key, "0a1b2c3d-0000-4000-8000-000000000000";
	// "none" likewise.
	SigningKey string
	// EncryptionKey is the id of the key of state.encryption_key; "none" without.
	EncryptionKey string
	Boundary      string // "arn:aws:iam::123456789012:policy/PerpetualBoundary-ci"
}

// Installer are the IAM policies, as JSON, for whoever runs the installer: what
// deploy, plan, info and destroy need of AWS for one installation, and nothing more. They
// are three because IAM takes 6,144 characters of each.
func Installer(s Scope) [][]byte {
	return [][]byte{s.fill(installer), s.fill(director), s.fill(identity)}
}

// Boundary is the permissions boundary, as JSON, that the installer's policies want
// on every role and user. Nobody who may install may change it: it is made before, by
// somebody else.
func Boundary(s Scope) []byte { return s.fill(boundary) }

// fill puts in what is known.
func (s Scope) fill(text string) []byte {
	var pairs []string
	for name, value := range map[string]string{
		"partition": s.Partition, "region": s.Region, "account": s.Account, "name": s.Name, "bucket": s.Bucket,
		"domain": s.Domain, "zone": s.Zone, "key_pair": s.KeyPair, "signing_key": s.SigningKey, "encryption_key": s.EncryptionKey, "boundary": s.Boundary,
	} {
		if value != "" {
			pairs = append(pairs, "(("+name+"))", value)
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(text))
}
