package goal

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// earlyCredentials are the credentials with what the infrastructure needs, and the key by
// which the pipeline reads the state; the certificates wait for its addresses. A
// self-upgrade has them. Nothing is stored.
func (g *Goal) earlyCredentials(ctx context.Context) (all secret.Values, added []string, err error) {
	if g.Options.Self {
		return g.Credentials, nil, nil
	}
	var first []credential.Variable
	if database.Service(g.Config) {
		first = manifest.FirstVariables()
	}
	return g.Generator().Complete(ctx, first, g.Credentials)
}

// CompareCredentials generates what the manifests need and what is not there yet. What is
// rendered from now on is rendered from it.
func (g *Goal) CompareCredentials(ctx context.Context) (step.Comparison, error) {
	if g.Bare() {
		return step.Differs("would be generated"), nil
	}
	in, err := g.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	variables, err := manifest.Variables(in)
	if err != nil {
		return step.Comparison{}, err
	}
	all, added, err := g.Generator().Complete(ctx, variables, g.Credentials)
	if err != nil {
		return step.Comparison{}, err
	}
	g.Credentials = all
	stale, err := g.Documents.StaleView(all)
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
		if err := g.keepGenerated(ctx, all, added); err != nil {
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

// keepGenerated stores what was generated before anything uses it.
func (g *Goal) keepGenerated(ctx context.Context, all secret.Values, added []string) error {
	if len(added) > 0 {
		g.Credentials = all
	}
	return g.Documents.SaveCredentials(ctx, g.Contents(), added)
}
