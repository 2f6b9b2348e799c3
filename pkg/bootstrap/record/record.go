// Package record is what an installation's state knows of it besides what people have said:
// what was chosen for them, which the operator signs, and what runs have done, which any run
// may write.
package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Record is what is known of an installation without asking anybody.
type Record struct {
	Choice
	Findings
}

// Choice is what was found for what the user has not said, and what decides what is
// executed, read and asked for: it is signed by the operator.
type Choice struct {
	Account        string                   `json:"account,omitempty"` // "123456789012"
	Region         string                   `json:"region,omitempty"`
	Zones          []string                 `json:"zones,omitempty"`
	HostedZone     string                   `json:"hosted_zone,omitempty"`
	DirectorCIDRs  []string                 `json:"director_cidrs,omitempty"`
	InstanceTypes  map[string]string        `json:"instance_types,omitempty"` // by what they are for: "worker"
	Spread         int                      `json:"spread,omitempty"`         // how many of the zones, from the first on, offer all of them
	Infrastructure *manifest.Infrastructure `json:"infrastructure,omitempty"`
	Web            *Web                     `json:"web,omitempty"`
	// Cloud are the names that were found in the cloud config of a director that exists.
	Cloud *config.Cloud `json:"cloud,omitempty"`
	// Postgres is the highest major of PostgreSQL with which a deploy of a database VM
	// was begun: its data may be of that one already, whatever became of the deploy.
	Postgres int `json:"postgres,omitempty"`
	// Components is the set that was last deployed by hand, with URLs and digests.
	Components []component.Component `json:"components,omitempty"`
}

// Findings are what runs have done: versions, flags and times. Whoever writes them can
// have a step done again or left out, and an older or newer release taken that the
// upstream still has, and no more than that.
type Findings struct {
	Program string `json:"program"` // the version that changed something last
	// Stack says that the stack was begun by who keeps this state.
	Stack     bool    `json:"stack,omitempty"`
	Desired   Members `json:"desired,omitempty"`   // the set that is to be deployed
	Submitted Members `json:"submitted,omitempty"` // the set that the director was asked to deploy last
	Applied   Members `json:"applied,omitempty"`   // the set that was verified last
	// Director and Deployment say that create-env, and the director, were asked for it:
	// they may have made something, whatever else is known.
	Director   bool `json:"director,omitempty"`
	Deployment bool `json:"deployment,omitempty"`
	// DirectorVersions are those that create-env was asked for last: "bosh": "283.1.6".
	DirectorVersions map[string]string `json:"director_versions,omitempty"`
	// Unpause says that the pipeline is to be unpaused: it was made by us.
	Unpause bool   `json:"unpause,omitempty"`
	Steps   []Step `json:"steps,omitempty"` // when each changed something last
}

// Web is where Concourse was when it was verified last.
type Web struct {
	URL    string `json:"url"` // "https://ci.example.com"
	CACert string `json:"ca_cert,omitempty"`
}

// Step is when a step last changed something.
type Step struct {
	Step   string    `json:"step"`   // "infrastructure"
	Status string    `json:"status"` // "changed"
	Report string    `json:"report"` // "the stack was created, 34 resources"
	At     time.Time `json:"at"`
}

var format = state.Format{Kind: "record"}

// Encode writes findings as they are stored.
func Encode(f Findings) ([]byte, error) { return format.Encode(f) }

// Decode reads them; name is that of the document.
func Decode(name string, body []byte) (f Findings, err error) {
	err = format.Decode(name, body, &f)
	return f, err
}

// Members are a component set by names and versions: where a component is fetched from,
// and with which digest, its upstream says again.
type Members []component.Component

// member is one of them as it is kept.
type member struct {
	Name     string `json:"name"`               // "concourse"
	Version  string `json:"version"`            // "8.2.5"
	Stemcell string `json:"stemcell,omitempty"` // the line: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"

	// Of a record that an older release has written; only a stemcell's line is taken.
	Kind     string `json:"kind,omitempty"`
	Upstream string `json:"upstream,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (m Members) MarshalJSON() ([]byte, error) {
	list := []member{}
	for _, c := range m {
		one := member{Name: c.Name, Version: c.Version}
		if c.Kind == component.KindStemcell {
			one.Stemcell = c.Upstream
		}
		list = append(list, one)
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler. It refuses
// malformed names and versions.
func (m *Members) UnmarshalJSON(text []byte) error {
	var list []member
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*m = nil
	for _, one := range list {
		if !plainName.MatchString(one.Name) || !plainVersion.MatchString(one.Version) {
			return fmt.Errorf("component %.40q, version %.40q: malformed name or version", one.Name, one.Version)
		}
		c := component.Component{Name: one.Name, Version: one.Version}
		if one.Kind == component.KindStemcell {
			one.Stemcell = cmp.Or(one.Stemcell, one.Upstream)
		}
		if one.Stemcell != "" {
			if !plainName.MatchString(one.Stemcell) {
				return fmt.Errorf("stemcell %.40q: malformed name", one.Stemcell)
			}
			c.Kind, c.Upstream = component.KindStemcell, one.Stemcell
		}
		*m = append(*m, c)
	}
	return nil
}

// What names and versions of a record are made of; see also version.Parse.
var (
	plainName    = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9_-]{0,99}$`)
	plainVersion = regexp.MustCompile(`^[0-9]+(\.[0-9A-Za-z+-]+){0,7}$`)
)
