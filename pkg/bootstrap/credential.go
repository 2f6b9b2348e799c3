package bootstrap

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// earlyCredentials are the credentials with what the infrastructure needs, and the key by
// which the pipeline reads the state; the certificates wait for its addresses. A
// self-upgrade has them. Nothing is stored.
func (r *run) earlyCredentials(ctx context.Context) (all secret.Values, added []string, err error) {
	if r.options.Self {
		return r.credentials, nil, nil
	}
	var first []credential.Variable
	if database.Service(r.config) {
		first = manifest.FirstVariables()
	}
	return r.generated(ctx, first)
}

// renewBefore is how long before its end a certificate is generated again.
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

// compareCredentials generates what the manifests need and what is not there yet. What is
// rendered from now on is rendered from it.
func (r *run) compareCredentials(ctx context.Context) (step.Comparison, error) {
	if r.bare() {
		return step.Differs("would be generated"), nil
	}
	in, err := r.input()
	if err != nil {
		return step.Comparison{}, err
	}
	variables, err := manifest.Variables(in)
	if err != nil {
		return step.Comparison{}, err
	}
	all, added, err := r.generated(ctx, variables)
	if err != nil {
		return step.Comparison{}, err
	}
	r.credentials = all
	stale, err := r.kept.StaleView(all)
	if err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("all %d are there", len(variables))
	switch {
	case len(added) > 0:
		c = step.Differs("would be generated", step.Marked("+ ", added)...)
	case stale:
		c = step.Differs("would be given to the pipeline", "~ "+document.Pipeline)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) {
		if err := r.keepGenerated(ctx, all, added); err != nil {
			return step.Outcome{}, err
		}
		switch {
		case len(added) > 0:
			return step.Changed.Report("generated %s", strings.Join(added, ", "))
		case stale:
			return step.Changed.Report("given to the pipeline in %s", document.Pipeline)
		}
		return step.UpToDate.Report("%s", c.Summary)
	}
	return c, nil
}

// generated are the credentials with what they lack of the variables. Nothing is stored.
func (r *run) generated(ctx context.Context, variables []credential.Variable) (all secret.Values, added []string, err error) {
	if all, added, err = credential.Generate(ctx, variables, r.credentials, r.generation()); err != nil {
		return nil, nil, err
	}
	made, err := r.pipelineKey(all)
	if err != nil {
		return nil, nil, err
	}
	if made {
		added = append(added, manifest.StateKey)
	}
	r.Mask(credential.Secrets(all)...)
	return all, added, nil
}

// keepGenerated stores what was generated before anything uses it.
func (r *run) keepGenerated(ctx context.Context, all secret.Values, added []string) error {
	if len(added) > 0 {
		r.credentials = all
	}
	return r.kept.SaveCredentials(ctx, r.contents(), added)
}

// pipelineKey makes the key with which the pipeline reads its part of the state.
func (r *run) pipelineKey(all secret.Values) (made bool, err error) {
	if _, there := all[manifest.StateKey]; there || r.options.Self || r.elsewhere() {
		return false, nil
	}
	host, _ := os.Hostname()
	key, err := seal.NewIdentity(host, r.now())
	if err != nil {
		return false, err
	}
	all[manifest.StateKey] = key.Reveal().Reveal()
	return true, nil
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
