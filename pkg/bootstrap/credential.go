package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// earlyCredentials makes what the infrastructure needs, and the key by which the pipeline
// reads the state; the certificates wait for its addresses.
func (r *run) earlyCredentials(ctx context.Context) error {
	if r.options.Self {
		return r.checkWithheld() // they are there
	}
	var first []credential.Variable
	if usesService(r.config) {
		first = manifest.FirstVariables()
	}
	_, err := r.generate(ctx, first)
	return err
}

// renewBefore is how long before its end a certificate is made again.
const renewBefore = 30 * 24 * time.Hour

// lastDays are those before a certificate's end in which the pipeline no longer goes on
// without renewing it: a warning in a build that ends well is read by nobody.
const lastDays = 7

// checkWithheld refuses a self-upgrade when a certificate is about to end that only an
// operator's run can renew. It would go through, and the director be unreachable soon.
func (r *run) checkWithheld() error {
	var names []string
	for _, e := range credential.Withheld(r.credentials, r.now()) {
		if e.DaysLeft < lastDays {
			names = append(names, fmt.Sprintf("%s (%s)", e.Name, e.NotAfter.Format(time.DateOnly)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("certificates that end in less than %d days, or have ended: %s; the pipeline is not given the key of their CA, and cannot renew them; nothing was changed: run perpetual deploy %s by hand, which does",
		lastDays, strings.Join(names, ", "), r.Name)
}

// makeCredentials generates what the manifests need and what is not there yet.
func (r *run) makeCredentials(ctx context.Context) (Outcome, error) {
	in, err := r.input()
	if err != nil {
		return Outcome{}, err
	}
	variables, err := manifest.Variables(in)
	if err != nil {
		return Outcome{}, err
	}
	added, err := r.generate(ctx, variables)
	if err != nil {
		return Outcome{}, err
	}
	if len(added) == 0 {
		return upToDate("all %d are there", len(variables))
	}
	return changed("generated %s", strings.Join(added, ", "))
}

// generate keeps what is there, and stores what is new before anything uses it.
func (r *run) generate(ctx context.Context, variables []credential.Variable) (added []string, err error) {
	all, added, err := credential.Generate(ctx, variables, r.credentials, r.generation())
	if err != nil {
		return nil, err
	}
	if made, err := r.pipelineKey(all); err != nil {
		return nil, err
	} else if made {
		added = append(added, manifest.StateKey)
	}
	r.Mask(credential.Secrets(all)...)
	if len(added) > 0 {
		if err := r.saveCredentials(ctx, all, added); err != nil {
			return nil, fmt.Errorf("keep the generated credentials: %w; nothing uses them yet", err)
		}
		r.credentials = all
	}
	return added, r.saveView(ctx)
}

// generation says how credentials are generated.
func (r *run) generation() credential.Options {
	return credential.Options{Now: r.now(), RenewBefore: renewBefore, Withheld: r.withheld}
}

// withheld says that a certificate was not renewed, since a self-upgrade has not got the
// key of its CA.
func (r *run) withheld(name string, daysLeft int) {
	r.warn(fmt.Sprintf("the certificate %s, which has %d days left, is not renewed: the pipeline is not given the key of its CA; run perpetual deploy %s by hand to renew it: in its last %d days the pipeline upgrades nothing", name, daysLeft, r.Name, lastDays))
}
