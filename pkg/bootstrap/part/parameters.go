package part

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/pipeline"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Parameters are the pipeline's credentials where the credential manager finds them.
type Parameters struct{ *run.Run }

// noParameters is what there is to say of parameters without a pipeline.
const noParameters = "none are made: no pipeline is set"

// Compare compares the pipeline's credentials with those that it finds by the
// credential manager, and looks at the keys of its users.
func (p *Parameters) Compare(ctx context.Context) (step.Comparison, error) {
	switch {
	case p.Elsewhere():
		return step.None("%s", noParameters), nil
	case p.Local():
		return step.None("%s", whyLocal), nil
	case p.Bare():
		return step.Differs(step.NotYet), nil
	}
	in, err := p.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	return pipeline.Parameters{
		Account: p.Account, List: manifest.Parameters(in, p.Credentials), Tags: parameterTags(p.Run), Keys: accessKeys(p.Run), Note: p.NoteOf(step.Parameters),
	}.Compare(ctx)
}

// Delete deletes them, with the keys of the pipeline's users.
func (p *Parameters) Delete(ctx context.Context) (step.Outcome, error) {
	if p.Elsewhere() || p.Outputs.ParameterPath == "" {
		return step.Skipped.Report("none were created")
	}
	if err := accessKeys(p.Run).Delete(ctx); err != nil {
		return step.Outcome{}, err
	}
	count := 0
	for _, below := range []string{p.Outputs.ParameterPath, manifest.OwnPath(manifest.Input{Config: p.Config, Infrastructure: p.Outputs})} {
		gone, err := p.Account.DeleteParameters(ctx, below+"/")
		if err != nil {
			return step.Outcome{}, err
		}
		count += len(gone)
	}
	return step.Changed.Report("%d parameters were deleted", count)
}
