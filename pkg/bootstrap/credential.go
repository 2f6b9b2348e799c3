package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/environment"
)

// earlyCredentials makes what the infrastructure needs; the certificates wait for
// its addresses.
func (r *run) earlyCredentials(ctx context.Context) error {
	if !usesService(r.config) {
		return nil
	}
	_, err := r.generate(ctx, environment.FirstVariables())
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
	all, added, err := credential.Generate(ctx, variables, r.credentials, credential.Options{Now: r.now(), RenewBefore: renewBefore})
	if err != nil {
		return nil, err
	}
	r.Mask(credential.Secrets(all)...)
	if len(added) == 0 {
		return nil, nil
	}
	if _, err := r.credentialDocument.save(ctx, all); err != nil {
		return nil, fmt.Errorf("keep the generated credentials: %w; nothing uses them yet", err)
	}
	r.credentials = all
	return added, nil
}
