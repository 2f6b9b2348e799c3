package bootstrap

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// noParameters is what there is to say of parameters without a pipeline.
const noParameters = "none are made: no pipeline is set"

// compareParameters compares the pipeline's credentials with those that it finds by the
// credential manager, and looks at the keys of its users.
func (r *run) compareParameters(ctx context.Context) (comparison, error) {
	switch {
	case r.elsewhere():
		return none("%s", noParameters), nil
	case r.local():
		return none("%s", whyLocal), nil
	case r.bare():
		return differs(notYet), nil
	}
	in, err := r.input()
	if err != nil {
		return comparison{}, err
	}
	var lines []string
	list := manifest.Parameters(in, r.credentials)
	for _, p := range list {
		differs, err := r.Account.DiffParameter(ctx, p.Name, p.Value, r.parameterTags())
		if err != nil {
			return comparison{}, err
		}
		if differs {
			lines = append(lines, "~ "+p.Name)
		}
	}
	keys, err := r.accessKeys().Planned(ctx)
	if err != nil {
		return comparison{}, err
	}
	c := same("%d parameters for the pipeline", len(list))
	if lines = append(lines, keys...); len(lines) > 0 {
		c = differs("would change", lines...)
	}
	c.act = func(ctx context.Context) (Outcome, error) { return r.putParameters(ctx, in, list) }
	return c, nil
}

// putParameters gives the pipeline its credentials through the credential manager.
func (r *run) putParameters(ctx context.Context, in manifest.Input, list []manifest.Parameter) (Outcome, error) {
	count := 0
	for _, p := range list {
		differs, err := r.putParameter(ctx, p.Name, p.Value)
		if err != nil {
			return Outcome{}, err
		}
		if differs {
			count++
			r.note(stepParameters, "%s", p.Name)
		}
	}
	made, err := r.accessKeys().Renew(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if len(made) > 0 {
		return changed("%d of %d parameters for the pipeline, and a new access key of %s", count, len(list), strings.Join(made, " and of "))
	}
	if count == 0 {
		return upToDate("%d parameters for the pipeline", len(list))
	}
	return changed("%d of %d parameters for the pipeline", count, len(list))
}
