// Package resource is the protocol between Concourse and the resource type: the
// requests on stdin of check, in and out, and the one JSON value on stdout.
// See https://concourse-ci.org/implementing-resource-types.html.
package resource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Source configures a resource. It holds watch (what could be deployed) or
// deployment (what is deployed), never both.
type Source struct {
	Watch  map[string]Watch `json:"watch"`   // by component name: concourse, bpm, stemcell, …
	GitHub GitHub           `json:"github"`  // how to reach GitHub
	BoshIO BoshIO           `json:"bosh_io"` // how to reach bosh.io

	Registries map[string]Registry `json:"registries"` // how to reach registries of images, by host: "ghcr.io", "docker.io"

	Deployment string    `json:"deployment"` // name of a BOSH deployment: "concourse"
	Director   Director  `json:"director"`   // the director that deploys it
	Concourse  Concourse `json:"concourse"`  // the Concourse that it is
	State      State     `json:"state"`      // where lease and journal are kept; default: nowhere

	LogLevel string `json:"log_level"` // "info" (the default) or "debug", which tells exchanges and decisions
}

// Watch names one upstream and says which of its versions count.
type Watch struct {
	Release  string `json:"release"`  // bosh.io release: "github.com/concourse/concourse-bosh-release"
	Stemcell string `json:"stemcell"` // bosh.io stemcell: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	GitHub   string `json:"github"`   // GitHub repository: "perpetual-ci/perpetual"
	Image    string `json:"image"`    // repository of a registry of images: "ghcr.io/acme/tool"

	Version        string            `json:"version"`         // constraint: "8.x", ">=1.0.0 <2", "~1.2.3.4"
	TagFilter      string            `json:"tag_filter"`      // regular expression; its last group is the version: "^release-(.*)$"
	PreRelease     bool              `json:"pre_release"`     // also versions like 1.0.0-rc.1
	Drafts         bool              `json:"drafts"`          // also GitHub drafts (needs a token that may see them)
	Light          bool              `json:"light"`           // only light stemcells
	Regular        bool              `json:"regular"`         // only regular (heavy) stemcells
	Assets         []string          `json:"assets"`          // globs of GitHub asset names: "perpetual-linux-*"
	Digests        map[string]string `json:"digests"`         // SHA-256 by version, or of GitHub assets by name or VERSION/name
	Unverified     bool              `json:"unverified"`      // take GitHub assets of which no digest is known
	Deny           []string          `json:"deny"`            // versions that never count: "8.2.1"
	MinAge         Duration          `json:"min_age"`         // how old a version must be: "72h"
	AllowDowngrade bool              `json:"allow_downgrade"` // go back when the current version is withdrawn or denied
	Keys           []string          `json:"keys"`            // of Perpetual's releases: public keys that sign them, instead of the built-in ones
	AllowUnsigned  bool              `json:"allow_unsigned"`  // take releases of Perpetual that nobody has signed
}

// GitHub says how GitHub is reached.
type GitHub struct {
	Token  secret.Value `json:"token"`
	URL    string       `json:"url"`     // GitHub Enterprise: "https://ghe.example.com/api/v3"
	CACert string       `json:"ca_cert"` // PEM
}

// BoshIO says how bosh.io, or a mirror of it, is reached.
type BoshIO struct {
	URL    string `json:"url"`     // default "https://bosh.io"
	CACert string `json:"ca_cert"` // PEM
}

// Registry says how a registry of images is reached.
type Registry struct {
	Username string       `json:"username"` // empty asks anonymously
	Password secret.Value `json:"password"` // or a token, where the registry takes one for it
	CACert   string       `json:"ca_cert"`  // PEM
}

// Director says how the BOSH director is reached.
type Director struct {
	URL          string       `json:"url"`     // "https://10.0.0.6:25555"
	CACert       string       `json:"ca_cert"` // PEM
	Client       string       `json:"client"`  // UAA client
	ClientSecret secret.Value `json:"client_secret"`
	Username     string       `json:"username"` // or basic auth
	Password     secret.Value `json:"password"`
	Proxy        string       `json:"proxy"` // "socks5://10.0.0.5:1080", "ssh+socks5://jumpbox@10.0.0.5:22"

	ProxyPrivateKey secret.Value `json:"proxy_private_key"` // PEM; of the user of ssh+socks5
	ProxyHostKey    string       `json:"proxy_host_key"`    // of that host, as ssh-keygen -l prints it: "SHA256:…", or "any"
}

// Concourse says how the Concourse API (ATC) is reached.
type Concourse struct {
	URL      string       `json:"url"`  // "https://ci.example.com"
	Team     string       `json:"team"` // default "main"
	Username string       `json:"username"`
	Password secret.Value `json:"password"`
	CACert   string       `json:"ca_cert"` // PEM
}

// Duration is a time.Duration written like "72h" or "30m".
type Duration struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("want a duration like 72h or 30m, got %q", text)
	}
	if parsed < 0 {
		return fmt.Errorf("want a positive duration, got %q", text)
	}
	d.Duration = parsed
	return nil
}

// IsComponents says whether the source watches components; otherwise it is a deployment.
func (s Source) IsComponents() bool { return len(s.Watch) > 0 }

// Validate reports the first thing in the source that cannot work, by key. What watch
// names is for package upstream to judge.
func (s Source) Validate() error {
	switch {
	case s.LogLevel != "" && s.LogLevel != "info" && s.LogLevel != "debug":
		return fmt.Errorf("validate source.log_level: want debug or info, got %q", s.LogLevel)
	case len(s.Watch) > 0 && s.Deployment != "":
		return errors.New("validate source: it has both watch and deployment; make two resources of it")
	case len(s.Watch) > 0:
		return s.validateComponents()
	case s.Deployment != "":
		return s.validateDeployment()
	}
	return errors.New("validate source: it has neither watch (components) nor deployment")
}

func (s Source) validateComponents() error {
	if s.Director != (Director{}) || s.Concourse != (Concourse{}) || s.State != (State{}) {
		return errors.New("validate source: director, concourse and state belong to a resource with deployment, not to one with watch")
	}
	if err := s.GitHub.validate(); err != nil {
		return err
	}
	if err := validURL("source.bosh_io.url", s.BoshIO.URL, "http", "https"); err != nil {
		return err
	}
	return s.validateRegistries()
}

// validateRegistries wants hosts as they are in the names of images, so that no password
// is kept for one that is never asked.
func (s Source) validateRegistries() error {
	for _, host := range slices.Sorted(maps.Keys(s.Registries)) {
		r := s.Registries[host]
		switch {
		case host == "" || strings.ContainsAny(host, "/@? "):
			return fmt.Errorf("validate source.registries: want a host as in the name of an image, such as ghcr.io or docker.io, got %q", host)
		case host != strings.ToLower(host), host == "index.docker.io", host == "registry-1.docker.io":
			return fmt.Errorf("validate source.registries: a registry has one name here, in lower case, and Docker Hub's is docker.io, got %q", host)
		case (r.Username == "") != r.Password.Empty():
			return fmt.Errorf("validate source.registries.%s: username and password go together", host)
		}
	}
	return nil
}

// validate allows http:// without a token: GitHub Enterprise may be a mirror.
func (g GitHub) validate() error {
	if g.Token.Empty() {
		return validURL("source.github.url", g.URL, "http", "https")
	}
	return privateURL("source.github.url", g.URL, "token")
}

func (s Source) validateDeployment() error {
	if s.GitHub != (GitHub{}) || s.BoshIO != (BoshIO{}) || len(s.Registries) > 0 {
		return errors.New("validate source: github, bosh_io and registries belong to a resource with watch, not to one with deployment")
	}
	if err := s.Director.validate(); err != nil {
		return err
	}
	if err := s.Concourse.validate(); err != nil {
		return err
	}
	return s.State.validate()
}

func (d Director) validate() error {
	if d.URL == "" {
		return errors.New("validate source.director.url: it is missing; want a URL like https://10.0.0.6:25555")
	}
	if err := validURL("source.director.url", d.URL, "https"); err != nil {
		return err
	}
	uaa := d.Client != "" || !d.ClientSecret.Empty()
	basic := d.Username != "" || !d.Password.Empty()
	switch {
	case uaa && basic:
		return errors.New("validate source.director: it has client and username; want client with client_secret, or username with password")
	case uaa && (d.Client == "" || d.ClientSecret.Empty()):
		return errors.New("validate source.director: client and client_secret go together")
	case basic && (d.Username == "" || d.Password.Empty()):
		return errors.New("validate source.director: username and password go together")
	case !uaa && !basic:
		return errors.New("validate source.director: it has no credentials; want client with client_secret, or username with password")
	}
	return d.validateProxy()
}

// validateProxy takes SSH's keys only beside a way through SSH: elsewhere they
// would be passed over in silence.
func (d Director) validateProxy() error {
	overSSH := strings.HasPrefix(d.Proxy, "ssh+socks5://")
	switch {
	case !d.ProxyPrivateKey.Empty() && !overSSH:
		return errors.New("validate source.director.proxy_private_key: it is for a proxy that starts with ssh+socks5://")
	case d.ProxyHostKey != "" && !overSSH:
		return errors.New("validate source.director.proxy_host_key: it is for a proxy that starts with ssh+socks5://")
	}
	return nil
}

// validate allows an absent section: a deployment without it is watched and
// deployed, but no pipeline is set and no ATC is asked.
func (c Concourse) validate() error {
	if c == (Concourse{}) {
		return nil
	}
	if c.URL == "" {
		return errors.New("validate source.concourse.url: it is missing; want a URL like https://ci.example.com")
	}
	if err := privateURL("source.concourse.url", c.URL, "password"); err != nil {
		return err
	}
	if c.Username == "" || c.Password.Empty() {
		return errors.New("validate source.concourse: want username and password of a local user that may set pipelines in the team")
	}
	return nil
}
