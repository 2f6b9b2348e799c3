// Package generation generates the credentials of an installation that are missing, and
// certificates that end soon. A self-upgrade cannot renew those whose CA has its key
// withheld from it.
package generation

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// renewBefore is how long before its end a certificate is generated again.
const renewBefore = 30 * 24 * time.Hour

// lastDays are those before a certificate's end in which the pipeline no longer goes on
// without renewing it: a warning in a build that ends well is read by nobody.
const lastDays = 7

// Generator generates the credentials of an installation. It stores nothing.
type Generator struct {
	Name string // of the installation: "ci"
	// Pipeline says that the installation has a pipeline that reads its part of the state.
	Pipeline bool
	Self     bool // in a self-upgrade, which has that key from a parameter and not from here
	Now      time.Time
	Warn     func(line string)
	Mask     func(...secret.Value) // hides what is there and what is generated in the output
}

// Complete gives the credentials with what they lack of the variables, and with the key of
// the pipeline, and the names of what was generated. have is not changed.
func (g Generator) Complete(ctx context.Context, variables []credential.Variable, have secret.Values) (all secret.Values, added []string, err error) {
	all, added, err = credential.Generate(ctx, variables, have, credential.Options{Now: g.Now, RenewBefore: renewBefore, Withheld: g.withheld})
	if err != nil {
		return nil, nil, err
	}
	made, err := g.AddStateKey(all)
	if err != nil {
		return nil, nil, err
	}
	if made {
		added = append(added, manifest.StateKey)
	}
	g.Mask(credential.Secrets(all)...)
	return all, added, nil
}

// AddStateKey puts the key with which the pipeline reads its part of the state among the
// credentials, where it is not there yet.
func (g Generator) AddStateKey(all secret.Values) (made bool, err error) {
	if _, there := all[manifest.StateKey]; there || g.Self || !g.Pipeline {
		return false, nil
	}
	host, _ := os.Hostname()
	key, err := seal.NewIdentity(host, g.Now)
	if err != nil {
		return false, err
	}
	all[manifest.StateKey] = key.Reveal().Reveal()
	return true, nil
}

// CheckWithheld refuses a self-upgrade when a certificate is about to end that only an
// operator's run can renew. It would go through, and the director be unreachable soon.
func (g Generator) CheckWithheld(all secret.Values) error {
	if !g.Self {
		return nil
	}
	var names []string
	for _, e := range credential.Withheld(all, g.Now) {
		if e.DaysLeft < lastDays {
			names = append(names, fmt.Sprintf("%s (%s)", e.Name, e.NotAfter.Format(time.DateOnly)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("certificates that end in less than %d days, or have ended: %s; the pipeline is not given the key of their CA, and cannot renew them; nothing was changed: run perpetual deploy %s by hand, which does",
		lastDays, strings.Join(names, ", "), g.Name)
}

// withheld says that a certificate was not renewed, since a self-upgrade has not got the
// key of its CA.
func (g Generator) withheld(name string, daysLeft int) {
	g.Warn(fmt.Sprintf("the certificate %s, which has %d days left, is not renewed: the pipeline is not given the key of its CA; run perpetual deploy %s by hand to renew it: in its last %d days the pipeline upgrades nothing", name, daysLeft, g.Name, lastDays))
}
