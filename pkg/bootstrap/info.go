package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Info is what an installation is, from its state alone.
type Info struct {
	Name         string            `json:"name"`       // "ci"
	URL          string            `json:"url"`        // "https://ci.example.com"; "" before there is one
	Deployment   string            `json:"deployment"` // "concourse", on the director
	Director     string            `json:"director"`   // "https://203.0.113.9:25555"
	Account      string            `json:"account,omitempty"`
	Region       string            `json:"region,omitempty"`
	Addresses    map[string]string `json:"addresses"`         // "web", "director", "egress"
	Versions     map[string]string `json:"versions"`          // of the component set that is wanted; Verified says whether it was seen to run
	Verified     bool              `json:"verified"`          // they were seen to run
	Program      string            `json:"perpetual"`         // the version that changed something last
	Certificates []Certificate     `json:"certificates"`      // the one that ends first, first
	Steps        []record.Step     `json:"steps"`             // when each changed something last
	State        []string          `json:"state,omitempty"`   // what is not as it should be with the state itself
	Old          bool              `json:"-"`                 // it is where an older release has kept it
	Secrets      map[string]any    `json:"secrets,omitempty"` // the generated credentials, only when asked for

	// Access is how the director is reached, and Web how Concourse is; their
	// passwords are values that cannot be printed.
	Access resource.Director  `json:"-"`
	Web    resource.Concourse `json:"-"`
	// Person is Web as somebody logs in who is not a program.
	Person resource.Concourse `json:"-"`
	// Gateway is by which bosh ssh reaches VMs, "198.51.100.3"; "" where the director is
	// somebody else's.
	Gateway string `json:"-"`

	keyParameter string // with the private key of the user vcap on the gateway
}

// Certificate is one that the installation has, with the days it is good for.
type Certificate struct {
	Name     string    `json:"name"` // "director_ssl"
	CA       bool      `json:"ca"`
	NotAfter time.Time `json:"not_after"`
	DaysLeft int       `json:"days_left"`
}

// Info reads the state and asks nothing else, so that it works when nothing else
// answers. It fails with ErrNotFound where there is no state. With secrets the
// generated credentials are in it.
func (i *Installation) Info(ctx context.Context, secrets bool) (Info, error) {
	w := i.begin(Options{})
	w.Documents.Lenient = true
	if err := w.Identify(ctx); err != nil {
		return Info{}, err
	}
	if _, err := w.Open(ctx, false); err != nil {
		return Info{}, fmt.Errorf("read the state of %s: %w", i.Name, err)
	}
	info := Info{
		Name: i.Name, URL: w.Reach().URL(), Deployment: manifest.DeploymentName(w.Config), Account: w.Record.Account, Region: w.Record.Region, Program: w.Record.Program,
		Addresses: map[string]string{}, Versions: map[string]string{}, Steps: w.Record.Steps, State: w.Documents.Doubts(), Old: w.Documents.Old(),
		Verified: selection.Describe(w.Record.Applied) == selection.Describe(w.Record.Desired) && len(w.Record.Applied) > 0,
	}
	for name, address := range map[string]string{
		"web": w.Outputs.WebAddress, "director": w.Outputs.DirectorAddress, "egress": w.Outputs.EgressAddress,
	} {
		if address != "" {
			info.Addresses[name] = address
		}
	}
	for _, c := range w.Record.Desired {
		info.Versions[c.Name] = c.Version
	}
	for _, e := range credential.Expiries(w.Credentials, w.Now()) {
		info.Certificates = append(info.Certificates, Certificate{e.Name, e.CA, e.NotAfter, e.DaysLeft})
	}
	if w.Elsewhere() || w.Record.Infrastructure != nil {
		info.Access, info.Web, info.Person = w.Reach().Director(), w.Reach().Web(), w.Reach().Person()
		info.Director = info.Access.URL
	}
	if w.Config.AWS != nil {
		info.Gateway, info.keyParameter = w.Outputs.DirectorAddress, w.Outputs.KeyParameter
	}
	if secrets {
		info.Secrets = maps.Clone(w.Credentials)
	}
	return info, nil
}

// GatewayKey asks AWS for the private key with which bosh ssh goes by the gateway: it
// is not part of the state.
func (i *Installation) GatewayKey(ctx context.Context, info Info) (secret.Value, error) {
	if info.keyParameter == "" {
		return secret.Value{}, fmt.Errorf("the state does not say where the key of the director's VM is: the next deploy writes it down")
	}
	key, err := i.Account.GetParameter(ctx, info.keyParameter)
	if errors.Is(err, aws.ErrNotFound) || err == nil && key.Empty() {
		err = errors.New("it is not there")
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("read the key of the director's VM from the SSM parameter %s: %w", info.keyParameter, err)
	}
	i.Mask(key)
	return key, nil
}
