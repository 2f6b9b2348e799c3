package config

import (
	"fmt"
	"io"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// Answers are what a new perpetual.yml begins with.
type Answers struct {
	Name        string // "ci"; required
	Region      string // "eu-central-1", for an installation on AWS
	DirectorURL string // "https://10.0.0.6:25555", for a director that exists, instead of Region
	Domain      string // "ci.example.com"; optional with Region
	// Client is who deploys on the director of DirectorURL, and CACert who signed its
	// certificate, in PEM; the secret comes from the environment, or is written in later.
	Client, CACert string
}

// head is what a new perpetual.yml begins with.
const head = `# perpetual.yml: what Perpetual installs, and keeps upgraded.
#
# Keys that begin with # are not set: they keep the value that they had, or get their
# default at the first deploy. null takes a key back to its default. Secrets may also
# come from the environment: PERPETUAL_AUTH_GITHUB_CLIENT_SECRET is
# auth.github.client_secret, and so on. Check with: perpetual config validate

`

// Init writes a perpetual.yml with the answers filled in and every other key commented
// out, with its default or an example, and what it is for. Such a key begins with # and
// no space: taking the # away sets it.
func Init(w io.Writer, a Answers) error {
	d := schema.Draft{Head: head, Values: map[string]string{"schema": "1", "name": a.Name, "aws.region": a.Region,
		"director.url": a.DirectorURL, "director.client": a.Client, "director.ca_cert": a.CACert, "access.domain": a.Domain}}
	if a.DirectorURL != "" {
		d.Skip = func(key string, r *schema.Rule) bool { return r.AWS || key == "aws" }
		d.Values["state.dir"] = "./state"
		d.Examples = map[string]any{"database.kind": "vm"}
	} else {
		existing := []string{"cloud", "director.url", "director.ca_cert", "director.client", "director.client_secret", "director.deployment"}
		d.Skip = func(key string, _ *schema.Rule) bool { return slices.Contains(existing, key) }
	}
	text, err := Keys().Write(d)
	if err != nil {
		return err
	}
	if _, err := Parse("perpetual.yml", text); err != nil {
		return fmt.Errorf("write perpetual.yml: %w", err)
	}
	_, err = w.Write(text)
	return err
}
