package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/environment"
)

// earlyCredentials makes what the infrastructure needs, and the key by which the pipeline
// reads the state; the certificates wait for its addresses.
func (r *run) earlyCredentials(ctx context.Context) error {
	if r.options.Self {
		return nil // they are there
	}
	var first []credential.Variable
	if usesService(r.config) {
		first = environment.FirstVariables()
	}
	_, err := r.generate(ctx, first)
	return err
}

// renewBefore is how long before its end a certificate is made again.
const renewBefore = 30 * 24 * time.Hour

// makeCredentials generates what the manifests need and what is not there yet.
func (r *run) makeCredentials(ctx context.Context) (Outcome, error) {
	in, err := r.input()
	if err != nil {
		return Outcome{}, err
	}
	variables, err := environment.Variables(in)
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
		added = append(added, environment.StateKey)
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
	r.warn(fmt.Sprintf("the certificate %s, which has %d days left, is not renewed: the pipeline has not got its CA's key on purpose; run perpetual deploy %s by hand", name, daysLeft, r.Name))
}
