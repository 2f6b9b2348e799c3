package bootstrap

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// noParameters is what there is to say of parameters without a pipeline.
const noParameters = "none are made: no pipeline is set"

// compareParameters compares the pipeline's credentials with those that it finds by the
// credential manager, and looks at the keys of its users.
func (r *run) compareParameters(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.elsewhere():
		return step.None("%s", noParameters), nil
	case r.local():
		return step.None("%s", whyLocal), nil
	case r.bare():
		return step.Differs(notYet), nil
	}
	in, err := r.input()
	if err != nil {
		return step.Comparison{}, err
	}
	var lines []string
	list := manifest.Parameters(in, r.credentials)
	for _, p := range list {
		differs, err := r.Account.DiffParameter(ctx, p.Name, p.Value, r.parameterTags())
		if err != nil {
			return step.Comparison{}, err
		}
		if differs {
			lines = append(lines, "~ "+p.Name)
		}
	}
	keys, err := r.accessKeys().Planned(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("%d parameters for the pipeline", len(list))
	if lines = append(lines, keys...); len(lines) > 0 {
		c = step.Differs("would change", lines...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) { return r.putParameters(ctx, in, list) }
	return c, nil
}

// putParameters gives the pipeline its credentials through the credential manager.
func (r *run) putParameters(ctx context.Context, in manifest.Input, list []manifest.Parameter) (step.Outcome, error) {
	count := 0
	for _, p := range list {
		differs, err := r.putParameter(ctx, p.Name, p.Value)
		if err != nil {
			return step.Outcome{}, err
		}
		if differs {
			count++
			r.note(stepParameters, "%s", p.Name)
		}
	}
	made, err := r.accessKeys().Renew(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if len(made) > 0 {
		return step.Changed.Report("%d of %d parameters for the pipeline, and a new access key of %s", count, len(list), strings.Join(made, " and of "))
	}
	if count == 0 {
		return step.UpToDate.Report("%d parameters for the pipeline", len(list))
	}
	return step.Changed.Report("%d of %d parameters for the pipeline", count, len(list))
}
