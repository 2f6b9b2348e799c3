package pipeline

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/accesskey"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Account is where the parameters are with which the pipeline works.
type Account interface {
	// GetParameter reads a parameter; it fails with aws.ErrNotFound.
	GetParameter(ctx context.Context, name string) (secret.Value, error)
	// PutParameter writes one when it differs.
	PutParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (changed bool, err error)
	// DiffParameter says whether PutParameter would write.
	DiffParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (differs bool, err error)
	// Parameters lists the names of those below a prefix.
	Parameters(ctx context.Context, prefix string) ([]string, error)
	// DeleteParameters removes those below a prefix, or only those of the names, and lists
	// them.
	DeleteParameters(ctx context.Context, prefix string, only ...string) ([]string, error)
}

// Parameters are the credentials that the pipeline finds by the credential manager, and
// the keys of its users.
type Parameters struct {
	Account Account
	List    []manifest.Parameter
	Tags    map[string]string // of each
	Keys    accesskey.Rotation
	Note    func(line string)
}

// Compare compares them with those that are wanted.
func (p Parameters) Compare(ctx context.Context) (step.Comparison, error) {
	var lines []string
	for _, one := range p.List {
		differs, err := p.Account.DiffParameter(ctx, one.Name, one.Value, p.Tags)
		if err != nil {
			return step.Comparison{}, err
		}
		if differs {
			lines = append(lines, "~ "+one.Name)
		}
	}
	keys, err := p.Keys.Planned(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("%d parameters for the pipeline", len(p.List))
	if lines = append(lines, keys...); len(lines) > 0 {
		c = step.Differs("would change", lines...)
	}
	c.Act = p.put
	return c, nil
}

// put gives the pipeline its credentials through the credential manager.
func (p Parameters) put(ctx context.Context) (step.Outcome, error) {
	count := 0
	for _, one := range p.List {
		differs, err := p.Account.PutParameter(ctx, one.Name, one.Value, p.Tags)
		if err != nil {
			return step.Outcome{}, err
		}
		if differs {
			count++
			p.Note(one.Name)
		}
	}
	made, err := p.Keys.Renew(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if len(made) > 0 {
		return step.Changed.Report("%d of %d parameters for the pipeline, and a new access key of %s", count, len(p.List), strings.Join(made, " and of "))
	}
	if count == 0 {
		return step.UpToDate.Report("%d parameters for the pipeline", len(p.List))
	}
	return step.Changed.Report("%d of %d parameters for the pipeline", count, len(p.List))
}
